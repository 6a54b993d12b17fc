"""Chat completions, told to a UI."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ai_transport_codecs.codecs.openai.chat.lines import LineBuffer
from ai_transport_codecs.codecs.openai.chat.parts import SEGMENTS
from ai_transport_codecs.convert import to_neutral
from ai_transport_codecs.convert.blocks import Reasoning, Text, Usage

from .ending import count
from .spoken import Spoken, data_chunks
from .teller import CallLane, Lane, Teller, TextLane
from .writer import Kind

_STREAMS: Final = ("content", "refusal", "reasoning", "arguments", "audio", "items")
_MESSAGE: Final = "choices/0/message/"
_SEGMENTS: Final = f"choices/0/{SEGMENTS}/content/"
_TEXTS: Final[Mapping[str, Kind]] = {
    "content": "text",
    "refusal": "text",
    "audio/transcript": "text",
    "reasoning": "reasoning",
    "reasoning_content": "reasoning",
}
"""The places of a message whose text is shown while it grows; all others are told when the message is whole."""

_ARGUMENTS: Final = "/function/arguments"


class PartsLane:
    """A stream of parts of an answer's content: the thoughts and texts in them."""

    __slots__ = ("_lanes", "_lines")

    def __init__(self, spoken: Spoken) -> None:
        self._lines = LineBuffer()
        self._lanes = {Text: TextLane(spoken, "text"), Reasoning: TextLane(spoken, "reasoning")}

    def grow(self, text: str) -> None:
        """More of it, in whole lines."""
        self._lines.replace(text)
        found, _ = to_neutral([{"role": "assistant", "content": self._lines.values()}], source="openai-chat")
        for block in found[0].blocks:
            if isinstance(block, Text | Reasoning):
                self._lanes[type(block)].grow(block.text)


class ChatTeller(Teller):
    """Tells what chat completions stream. Of several choices the first is the answer, the others are data."""

    name = "openai-chat"

    def handlers(self) -> Mapping[str, Callable[[str, Any], None]]:
        """The codec's events."""
        self._calls: dict[tuple[str, str], dict[str, str]] = {}
        """What is known of a call, by completion and place."""
        self._thinks_in: dict[str, str] = {}
        """The place of a completion's reasoning: some servers say it twice."""
        return {
            **{f"{kind}-start": self._start for kind in _STREAMS},
            **{f"{kind}-delta": self._delta for kind in _STREAMS},
            "tool-call": self._tool_call,
            "completion": self._begin,
            "completion-end": self._end,
        }

    def _delta(self, key: str, event: Any) -> None:
        lane = self.lanes.get((key, event["path"]))
        if lane is not None:
            lane.grow(event["delta"])

    def _begin(self, key: str, event: Any) -> None:
        self.spoken(key)

    def _start(self, key: str, event: Any) -> None:
        path = event["path"]
        if path.startswith(_SEGMENTS):
            is_text = event["type"] == "content-start"
            self.lanes[key, path] = TextLane(self.spoken(key), "text") if is_text else PartsLane(self.spoken(key))
        elif path.startswith(_MESSAGE) and not self.projection.states[key].is_given:
            lane = self._lane(key, path, path.removeprefix(_MESSAGE))
            if lane is not None:
                self.lanes[key, path] = lane

    def _lane(self, key: str, path: str, place: str) -> Lane | None:
        kind = _TEXTS.get(place)
        if kind == "reasoning" and self._thinks_in.setdefault(key, place) != place:
            return None
        if kind is not None:
            return TextLane(self.spoken(key), kind)
        call = self._calls.get((key, path.removesuffix(_ARGUMENTS))) if path.endswith(_ARGUMENTS) else None
        if call and "id" in call and "name" in call:
            return CallLane(self.ui.writer, self.spoken(key).call(call["id"], call["name"]))
        return None

    def _tool_call(self, key: str, event: Any) -> None:
        """More is known of a call; its input begins once it has an id and a name."""
        path, data = event["path"], event["data"]
        if not path.startswith(_MESSAGE):
            return
        known = self._calls.setdefault((key, path), {})
        function = data.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        for field, value in (("id", data.get("id")), ("name", name)):
            if isinstance(value, str) and value:
                known[field] = value
        if "id" in known and "name" in known and (key, path + _ARGUMENTS) not in self.lanes:
            self.ui.writer.start_call(self.spoken(key).call(known["id"], known["name"]))

    def _end(self, key: str, event: Any) -> None:
        state = self.projection.states[key]
        self.settle(key, state.message())
        completion = self.projection.try_completion(key)
        if completion is None:
            return
        spoken = self.spoken(key)
        spoken.model = completion["model"] or None
        usage = completion["usage"]
        if isinstance(usage, Mapping):
            spoken.usage = Usage(
                *(count(usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
            )
        for choice in completion["choices"]:
            if choice["index"] == 0:
                spoken.finish_reason = choice["finish_reason"]
        self.add(self._other_choices(completion["choices"]))

    def _other_choices(self, choices: Any) -> Iterator[Any]:
        for choice in choices:
            if choice["index"] != 0:
                told = {key: value for key, value in choice.items() if key != "logprobs"}
                yield from data_chunks("choice", told, f"choice-{choice['index']}")
