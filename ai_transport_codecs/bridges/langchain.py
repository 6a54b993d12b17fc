"""LangChain's messages, told to a UI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ai_transport_codecs.convert.blocks import ToolCall
from ai_transport_codecs.wire.json_text import parse_json

from .spoken import data_chunks
from .teller import CallLane, Lane, Teller, TextLane
from .writer import Kind

_STREAMS: Final = ("text", "reasoning", "tool-call")
_CALL: Final = re.compile(r"((?:tool_call_chunks|content)/#\d+)(?:/(id|name|args))?")
_ARGUMENTS: Final = re.compile(r"((?:tool_call_chunks|content)/#\d+)/args")
_TEXTS: Final[tuple[tuple[re.Pattern[str], Kind], ...]] = (
    (re.compile(r"content/#\d+(/(text|refusal))?"), "text"),
    (re.compile(r"additional_kwargs/refusal"), "text"),
    (re.compile(r"content/#\d+/(reasoning|thinking|summary/#\d+/text)"), "reasoning"),
    (re.compile(r"additional_kwargs/reasoning_content"), "reasoning"),
)
"""The places of a message whose text is shown while it grows; all others are told when the message is whole."""

_ASIDE: Final = re.compile(r"additional_kwargs/(custom|updates)/#\d+")
"""The places of what a graph says beside its messages."""

_INTERRUPT: Final = "interrupt"
"""The key of a graph's question to a person, and the name of the tool part as which a page shows it."""

_CALL_TYPES: Final = frozenset({"tool_call_chunk", "tool_call"})


class LangChainTeller(Teller):
    """Tells what LangChain and LangGraph stream."""

    name = "langchain"

    def handlers(self) -> Mapping[str, Callable[[str, Any], None]]:
        """The codec's events."""
        self._calls: dict[tuple[str, str], dict[str, str]] = {}
        """What is known of a call that is not whole, by message and place."""
        self._asides: set[str] = set()
        """The messages that have only what a graph says beside its messages."""
        return {
            **{f"{kind}-start": self._start for kind in _STREAMS},
            **{f"{kind}-delta": self._delta for kind in _STREAMS},
            "message": self._message,
            "patch": self._patch,
            "message-end": self._end,
            "items-start": self._start_lines,
            "items-delta": self._delta,
        }

    def _delta(self, key: str, event: Any) -> None:
        lane = self.lanes.get((key, event["block"]))
        if lane is not None:
            lane.grow(event["delta"])

    def _start_lines(self, key: str, event: Any) -> None:
        found = _ASIDE.fullmatch(event["path"])
        if found:
            self.lanes[key, event["block"]] = _AsideLane(self, found[1])

    def tell_aside(self, kind: str, value: Any) -> None:
        """What a graph's node wrote, or did to the state: a data part, by the type that it names itself."""
        type_ = value.get("type") if kind == "custom" and isinstance(value, Mapping) else None
        id_ = value.get("id") if kind == "custom" and isinstance(value, Mapping) else None
        name = type_ if isinstance(type_, str) and type_ else kind.removesuffix("s")
        self.add(data_chunks(name, value, id_ if isinstance(id_, str) and id_ else None))

    def _start(self, key: str, event: Any) -> None:
        if self._is_answer(key):
            lane = self._lane(key, event["path"].split(" "))
            if lane is not None:
                self.lanes[key, event["block"]] = lane

    def _lane(self, key: str, places: list[str]) -> Lane | None:
        for place in places:
            for pattern, kind in _TEXTS:
                if pattern.fullmatch(place):
                    return TextLane(self.spoken(key), kind)
            found = _ARGUMENTS.fullmatch(place)
            call = self._calls.get((key, found[1])) if found else None
            if call and call.get("id") and call.get("name"):
                return CallLane(self.ui.writer, self.spoken(key).call(call["id"], call["name"]))
        return None

    def _message(self, key: str, event: Any) -> None:
        if event.get("complete"):
            self._settle(key)
        else:
            self._patch(key, event)

    def _patch(self, key: str, event: Any) -> None:
        asides = [(found[1], value) for path, value in event["data"].items() if (found := _ASIDE.fullmatch(path))]
        for kind, value in asides:
            self._asides.add(key)
            self.tell_aside(kind, value)
        if self._is_answer(key) and key not in self._asides:
            self.spoken(key)
            for path, value in event["data"].items():
                found = _CALL.fullmatch(path)
                if found and (found[2] or (isinstance(value, dict) and value.get("type") in _CALL_TYPES)):
                    self._note_call(key, found[1], {found[2]: value} if found[2] else value)

    def _note_call(self, key: str, place: str, fields: Mapping[str, Any]) -> None:
        """More is known of a call; its input begins once it has an id and a name."""
        known = self._calls.setdefault((key, place), {})
        was_started = "id" in known and "name" in known
        known |= {name: value for name in ("id", "name") if isinstance(value := fields.get(name), str) and value}
        args = fields.get("args")
        if "id" not in known or "name" not in known:
            known["args"] = known.get("args", "") + (args if isinstance(args, str) else "")
        elif not was_started:
            call = self.spoken(key).call(known["id"], known["name"])
            if call.is_streamed:  # a message has each call twice, as a block and as a chunk: one of them is enough
                self._calls[key, place] = {"id": "", "name": ""}
                return
            self.ui.writer.start_call(call)
            self.ui.writer.grow_call(call, known.get("args", "") + (args if isinstance(args, str) else ""))

    def _end(self, key: str, event: Any) -> None:
        self._settle(key)

    def _settle(self, key: str) -> None:
        message = self.projection.states[key].built()
        question = message.additional_kwargs.get(_INTERRUPT)
        if isinstance(question, Mapping):
            self._ask(question)
        elif key not in self._asides:
            self.settle(key, message)

    def _ask(self, question: Mapping[str, Any]) -> None:
        """A graph waits for a person: for a yes to its calls of tools, or for what the tool part of that name gets."""
        writer = self.ui.writer
        for call in question.get("calls") or ():
            found = writer.call(call["tool_call_id"])
            if found is None:
                self.ui.newest().provide(ToolCall(call["tool_call_id"], call["name"], call["args"]))
                found = writer.call(call["tool_call_id"])
            if found is not None and "approve" in call["allowed"]:
                writer.ask(found, found.id)
        if not question.get("calls"):
            value = question.get("value")
            given = value if isinstance(value, Mapping) else {"value": value}
            self.ui.newest().provide(ToolCall(str(question.get("id")), _INTERRUPT, dict(given)))

    def _is_answer(self, key: str) -> bool:
        return bool(self.projection.states[key].kind == "ai")


class _AsideLane:
    """A stream of what a graph says beside its messages, a line of JSON for each."""

    def __init__(self, teller: LangChainTeller, kind: str) -> None:
        self._teller = teller
        self._kind = kind
        self._rest = ""

    def grow(self, text: str) -> None:
        """More of it."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._teller.tell_aside(self._kind, parse_json(line))
