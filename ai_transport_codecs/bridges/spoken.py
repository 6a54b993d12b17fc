"""What the UI has of one message of a framework, and how the rest of the message is said when it is whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ai_transport_codecs.convert import Message, from_neutral
from ai_transport_codecs.convert.blocks import Block, Data, Reasoning, Refusal, Text, ToolCall, ToolResult, Usage

from .writer import Call, Chunk, Kind, Part, UiWriter

NOT_JSON: Final = "The tool's input is no valid JSON."
"""The error of a call whose input never became JSON; by it the call is known again in the history."""


class Spoken:
    """One message of a framework in the UI message: the parts that were said live, and what it turned out to be."""

    __slots__ = (
        "_calls",
        "_claimed",
        "_others",
        "finish_reason",
        "has_refused",
        "is_complete",
        "model",
        "parts",
        "usage",
        "writer",
    )

    def __init__(self, writer: UiWriter) -> None:
        self.writer = writer
        self.parts: list[Part] = []
        self.is_complete = False
        self.has_refused = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.finish_reason: str | None = None
        self._calls: dict[str, Call] = {}
        self._claimed: set[Part] = set()
        self._others: list[Chunk] = []

    @property
    def has_open_calls(self) -> bool:
        """Whether a call of it waits for somebody."""
        return any(call.is_open for call in self._calls.values())

    # --- live

    def open(self, kind: Kind) -> Part:
        """A new part of it."""
        part = self.writer.open(kind)
        self.parts.append(part)
        return part

    def call(self, id_: str, name: str, *, by_provider: bool = False) -> Call:
        """Its call of that id. Without an id, a new one each time."""
        call = self._calls.get(id_) if id_ else None
        if call is None:
            call = self.writer.new_call(id_, name, by_provider=by_provider)
            self._calls[id_ or call.id] = call
        return call

    # --- when it is whole

    def settle(self, blocks: Iterable[Block], *, anew: bool = True) -> None:
        """It is these blocks: say what was not said live.

        May be called again: for a message that is stated ``anew``, or for more blocks of it.
        """
        if anew:
            self._claimed.clear()
        for block in blocks:
            match block:
                case Text() | Refusal():
                    self.has_refused |= isinstance(block, Refusal)
                    self._text("text", block.text)
                    if isinstance(block, Text) and block.citations:
                        self.add(Text("", block.citations))
                case Reasoning():
                    self._text("reasoning", block.text)
                case ToolCall():
                    self.provide(block)
                case ToolResult():
                    answer(self.writer, block)
                case _:
                    self.add(block)

    def end(self) -> None:
        """Nothing more will be said of it."""
        self.is_complete = True
        if any(part.is_open for part in self.parts):
            self.writer.end_parts()

    def provide(self, block: ToolCall) -> None:
        """A call's whole input, and whether the user has to allow it."""
        call = self.call(block.id, block.name, by_provider=block.by_provider)
        is_new = not call.has_input
        self.writer.provide(call, block.input, None if block.is_json else NOT_JSON)
        if block.approval == "requested" and is_new:
            self.writer.ask(call, call.id)
        elif block.approval == "denied" and call.output is None:
            self.writer.deny(call)

    def _text(self, kind: Kind, text: str) -> None:
        rest = self._unsaid(kind, text)
        if not rest:
            return
        part = self.parts[-1] if self.parts else None
        if part is None or not part.is_open or part.kind != kind or len(rest) == len(text):
            part = self.open(kind)
        self.writer.grow(part, rest)
        self._claimed.add(part)

    def _unsaid(self, kind: Kind, text: str) -> str:
        """What the parts of that kind, which no other block has claimed, lack of ``text``.

        A framework may take away space, or what it found not to be the answer: then readers have more than it.
        """
        if not text.strip():
            return ""
        free = [part for part in self.parts if part.kind == kind and part not in self._claimed]
        said = ""
        for count, part in enumerate(free, 1):
            said += part.text
            if said == text or said.strip() == text.strip():
                self._claimed.update(free[:count])
                return ""
        if said and text.startswith(said):
            self._claimed.update(free)
            return text[len(said) :]
        return "" if text.strip() in said else text

    def add(self, block: Block) -> None:
        """Files, sources and data, as the converter writes them; each is said once."""
        written = from_neutral([Message("assistant", (block,))], to="vercel").messages
        for part in written[0]["parts"]:
            chunk = _chunk(part)
            if chunk is not None and chunk not in self._others:
                self._others.append(chunk)
                self.writer.add(chunk)


def answer(writer: UiWriter, block: ToolResult) -> None:
    """What a tool said, at its call; a result whose call nobody heard of gets one without an input."""
    call = writer.call(block.call_id)
    if call is None:
        call = writer.new_call(block.call_id, block.name or "", by_provider=block.by_provider)
        writer.provide(call, {})
    writer.answer(call, block.output, is_error=block.is_error)


def _chunk(part: dict[str, Any]) -> Chunk | None:
    """The chunk that makes a part."""
    type_ = part["type"]
    if type_ == "text":
        return None
    if type_ == "file":
        return {key: part[key] for key in ("type", "mediaType", "url")}  # a chunk has no place for its name
    if type_.startswith("data-") and isinstance(part.get("data"), int | float):
        return {**part, "data": {"value": part["data"]}}  # a channel's messages hold text, objects, lists or null
    return part


def data_chunks(name: str, value: Any, id_: str | None = None) -> Sequence[Chunk]:
    """Data of the application's own."""
    written = from_neutral([Message("assistant", (Data(name, value, id_),))], to="vercel").messages
    return [chunk for part in written[0]["parts"] if (chunk := _chunk(part)) is not None]
