"""UI message chunks in an order that every client takes, whatever order a framework has.

The rules are those of the AI SDK's reader (version 6): one ``start`` and one ``finish``; text and reasoning begin
before they grow and end before their step does, under ids of their own; a tool's output follows its input; nothing
comes after the end. The writer keeps them by itself, so that who uses it can only say what there is to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from ai_transport_codecs.wire.json_text import dump_json, parse_json

from .closing import missing_end

Chunk: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["text", "reasoning"]

_MAX_ERROR_TEXT: Final = 1_000
_UNNAMED: Final = "unknown"
_LONG_INPUT: Final = 16_384
"""An input of more characters than this is streamed even when it comes whole: appends can be cut to fit a channel."""


class Part:
    """A text or reasoning part that the UI has, or is getting."""

    __slots__ = ("delta_type", "id", "is_open", "kind", "pieces")

    def __init__(self, kind: Kind, id_: str) -> None:
        self.kind = kind
        self.id = id_
        self.is_open = True
        self.pieces: list[str] = []
        self.delta_type = f"{kind}-delta"

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)


class Call:
    """A tool call that the UI has: how far its input is, and whether its output is there."""

    __slots__ = ("by_provider", "has_input", "id", "is_denied", "is_streamed", "is_wrong", "name", "output", "pieces")

    def __init__(self, id_: str, name: str, *, by_provider: bool) -> None:
        self.id = id_
        self.name = name
        self.by_provider = by_provider
        self.pieces: list[str] = []
        self.is_streamed = False
        self.has_input = False
        self.is_wrong = False
        self.is_denied = False
        self.output: Chunk | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for its output, from somebody other than the provider."""
        return self.has_input and self.output is None and not (self.by_provider or self.is_wrong or self.is_denied)


class UiWriter:
    """Writes one UI message. ``dynamic`` tools are parts of type ``dynamic-tool``, others of type ``tool-NAME``."""

    __slots__ = (
        "_calls",
        "_count",
        "_dynamic",
        "_has_started",
        "_in_step",
        "_open",
        "_out",
        "_sources",
        "failure",
        "is_over",
    )

    def __init__(self, *, dynamic: bool = False) -> None:
        self._dynamic = dynamic
        self._out: list[Chunk] = []
        self._open: dict[Part, None] = {}
        self._calls: dict[str, Call] = {}
        self._sources: dict[str, Chunk] = {}
        self._count = 0
        self._has_started = False
        self._in_step = False
        self.is_over = False
        """Whether it was finished, or failed: nothing is written any more."""
        self.failure: str | None = None
        """What went wrong, when something did."""

    def take(self) -> list[Chunk]:
        """The chunks since the last time."""
        out, self._out = self._out, []
        return out

    # --- the message and its steps

    def start(self) -> None:
        """The message begins, unless it has."""
        if not self._has_started:
            self._has_started = True
            self._say({"type": "start"})

    def begin_step(self, metadata: Mapping[str, Any] | None = None) -> None:
        """Another step begins; ``metadata`` is what is known of the message after the step that ends with it."""
        self.start()
        if self._in_step:
            self._end_step()
            if metadata:
                self._say({"type": "message-metadata", "messageMetadata": dict(metadata)})
        self._in_step = True
        self._say({"type": "start-step"})

    def finish(self, reason: str, metadata: Mapping[str, Any] | None = None) -> None:
        """The message is complete."""
        self.start()
        if self._in_step:
            self._end_step()
        self._say(
            {"type": "finish", "finishReason": reason} | ({"messageMetadata": dict(metadata)} if metadata else {})
        )
        self.is_over = True

    def fail(self, text: str) -> None:
        """The message ends here, because something went wrong."""
        if self.is_over:
            return
        self.start()
        self.end_parts()
        self._say({"type": "error", "errorText": text[:_MAX_ERROR_TEXT]})
        self.is_over = True
        self.failure = text

    def abort(self) -> None:
        """The message ends here, because somebody stopped it."""
        self.start()
        self.end_parts()
        self._say({"type": "abort"})
        self.is_over = True

    # --- text and reasoning

    def open(self, kind: Kind) -> Part:
        """A new part; the ones before it end."""
        self.end_parts()
        part = Part(kind, self._new_id(kind))
        self._open[part] = None
        self._in_a_step()
        self._say({"type": f"{kind}-start", "id": part.id})
        return part

    def grow(self, part: Part, text: str) -> None:
        """More of a part that is open."""
        if not self.is_over:
            part.pieces.append(text)
            self._out.append({"type": part.delta_type, "id": part.id, "delta": text})

    def end_parts(self) -> None:
        """All parts that are open end."""
        for part in self._open:
            part.is_open = False
            self._say({"type": f"{part.kind}-end", "id": part.id})
        self._open.clear()

    # --- tool calls

    def new_call(self, id_: str, name: str, *, by_provider: bool = False) -> Call:
        """A call that the UI will hear of; another one of the same id keeps the id that it has in the UI."""
        ui_id = id_ or self._new_id("call")
        while ui_id in self._calls:
            ui_id = self._new_id(ui_id)
        call = Call(ui_id, name or _UNNAMED, by_provider=by_provider)
        self._calls[ui_id] = call
        self._calls[id_] = call  # the newest one answers to it
        return call

    def know_call(self, id_: str) -> None:
        """A call that an earlier message of the UI has, with its input; only its output is said here."""
        call = self._calls[id_] = Call(id_, _UNNAMED, by_provider=False)
        call.has_input = True

    def call(self, id_: str) -> Call | None:
        """The newest call of that id."""
        return self._calls.get(id_)

    def start_call(self, call: Call) -> None:
        """A call's input will be streamed."""
        if not call.is_streamed and not call.has_input:
            call.is_streamed = True
            self.end_parts()
            self._in_a_step()
            self._say({"type": "tool-input-start", **self._named(call)})

    def grow_call(self, call: Call, text: str) -> None:
        """More text of a call's input."""
        if text and call.is_streamed and not call.has_input:
            call.pieces.append(text)
            self._say({"type": "tool-input-delta", "toolCallId": call.id, "inputTextDelta": text})

    def provide(self, call: Call, value: Any, error: str | None = None) -> None:
        """A call's whole input, unless it is there; with ``error``, an input that the tool cannot take.

        Of an input that was streamed readers of a channel keep the text, so what the text lacks is added to it.
        """
        if call.has_input:
            return
        if not call.is_streamed and len(dump_json(value)) > _LONG_INPUT:
            self.start_call(call)
        if call.is_streamed:
            said = "".join(call.pieces)
            self.grow_call(call, missing_end(said, value) if said else dump_json(value))
        call.has_input = True
        call.is_wrong = error is not None
        self.end_parts()
        self._in_a_step()
        # Ends the stream of the input too, in which a call that is wrong came.
        if error is None:
            self._say({"type": "tool-input-available", **self._named(call), "input": value})
        else:
            self._say({"type": "tool-input-error", **self._named(call), "input": value, "errorText": error})

    def answer(self, call: Call, output: Any, *, is_error: bool) -> None:
        """What a tool said; the same twice is said once."""
        if not call.has_input:
            self.provide(call, _parsed("".join(call.pieces)))
        flags = {"dynamic": True} if self._dynamic else {}
        if call.by_provider:
            flags["providerExecuted"] = True
        chunk: Chunk = {"type": "tool-output-available", "toolCallId": call.id, **flags, "output": output}
        if is_error:
            text = output if isinstance(output, str) else dump_json(output)
            chunk = {"type": "tool-output-error", "toolCallId": call.id, **flags, "errorText": text}
        if chunk != call.output:
            call.output = chunk
            self._say(chunk)

    def ask(self, call: Call, approval_id: str) -> None:
        """A call waits for the user's yes."""
        self._say({"type": "tool-approval-request", "toolCallId": call.id, "approvalId": approval_id})

    def deny(self, call: Call) -> None:
        """The user said no to a call."""
        call.is_denied = True
        self._say({"type": "tool-output-denied", "toolCallId": call.id})

    # --- everything else

    def add(self, chunk: Chunk) -> None:
        """A chunk that is complete by itself: a file, a source, data. A source is said once, under an id of its own."""
        if "sourceId" in chunk:
            about = {key: value for key, value in chunk.items() if key != "sourceId"}
            if about in self._sources.values():
                return
            id_ = chunk["sourceId"]
            while id_ in self._sources:
                id_ = self._new_id("source")
            self._sources[id_] = about
            chunk = {**chunk, "sourceId": id_}
        self._in_a_step()
        self._say(chunk)

    def _named(self, call: Call) -> Chunk:
        found: Chunk = {"toolCallId": call.id, "toolName": call.name}
        if self._dynamic:
            found["dynamic"] = True
        if call.by_provider:
            found["providerExecuted"] = True
        return found

    def _in_a_step(self) -> None:
        if not self._in_step:
            self.begin_step()

    def _end_step(self) -> None:
        self.end_parts()
        self._in_step = False
        self._say({"type": "finish-step"})

    def _new_id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}-{self._count}"

    def _say(self, chunk: Chunk) -> None:
        if not self.is_over:
            self._out.append(chunk)


def _parsed(text: str) -> Any:
    try:
        return parse_json(text) if text else {}
    except ValueError:
        return text
