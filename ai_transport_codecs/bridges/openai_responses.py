"""The Responses API, told to a UI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ai_transport_codecs.convert.blocks import Media, Text, ToolCall, ToolResult, Usage

from .ending import count
from .spoken import Spoken, data_chunks
from .teller import CallLane, Lane, Teller, TextLane
from .writer import Kind

_CALL: Final = "function_call"
_OVER: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})
_ARGUMENTS: Final = "response.function_call_arguments.delta"
_TEXTS: Final[Mapping[str, tuple[Kind, str]]] = {
    "response.output_text.delta": ("text", "content_index"),
    "response.refusal.delta": ("text", "content_index"),
}
_THOUGHTS: Final[Mapping[str, str]] = {
    "response.reasoning_summary_text.delta": "summary_index",
    "response.reasoning_text.delta": "content_index",
}
"""By type of delta: the kind of part that it is shown in, and what beside its item names the text."""

_PARAGRAPH: Final = "\n\n"
"""What stands between the parts of one reasoning item, as the converter has them."""


class _ThoughtLane(TextLane):
    """The parts of one reasoning item, in one part of the UI."""

    __slots__ = ("_has_text", "_place")

    def __init__(self, spoken: Spoken) -> None:
        super().__init__(spoken, "reasoning")
        self._place: Any = None
        self._has_text = False

    def think(self, place: Any, text: str) -> None:
        """More of one of the parts."""
        if place != self._place:
            self._place = place
            if self._has_text:
                text = _PARAGRAPH + text
        self._has_text = True
        self.grow(text)


class ResponsesTeller(Teller):
    """Tells what the Responses API streams, item by item. What a hosted tool does is a call that the provider runs."""

    name = "openai-responses"

    def handlers(self) -> Mapping[str, Callable[[str, Any], None]]:
        """The codec's events."""
        self._thoughts: dict[tuple[str, Any], _ThoughtLane] = {}
        self._told: dict[int, Any] = {}
        """The items that were told whole, by identity."""
        return {
            **dict.fromkeys(_TEXTS, self._text),
            **dict.fromkeys(_THOUGHTS, self._thought),
            _ARGUMENTS: self._arguments,
            "response.output_item.added": self._added,
            "response.output_item.done": lambda key, event: self._done(key, event["item"].get("id")),
            "x-item": self._hosted,
            "x-item-patch": self._patch,
            "x-response": self._response,
            "function_call_output": self._output,
            "tool-approval-request": self._approval_request,
        }

    def complete(self) -> None:
        """What was not told item by item."""
        for key in self.projection.states:
            self._sweep(key)

    def _text(self, key: str, event: Any) -> None:
        type_ = event["type"]
        kind, index = _TEXTS[type_]
        name = (key, type_, event["item_id"], event.get(index))
        lane = self.lanes.get(name)
        if lane is None:
            lane = self.lanes[name] = TextLane(self.spoken(key), kind)
        lane.grow(event["delta"])

    def _thought(self, key: str, event: Any) -> None:
        type_, item_id = event["type"], event["item_id"]
        lane = self._thoughts.get((key, item_id))
        if lane is None:
            lane = self._thoughts[key, item_id] = _ThoughtLane(self.spoken(key))
        lane.think((type_, event.get(_THOUGHTS[type_])), event["delta"])

    def _arguments(self, key: str, event: Any) -> None:
        lane: Lane | None = self.lanes.get((key, event["item_id"]))
        if lane is not None:
            lane.grow(event["delta"])

    def _added(self, key: str, event: Any) -> None:
        item = event["item"]
        spoken = self.spoken(key)
        if item.get("type") == _CALL and item.get("call_id") and item.get("name"):
            call = spoken.call(item["call_id"], item["name"])
            self.ui.writer.start_call(call)
            self.lanes[key, item.get("id")] = CallLane(self.ui.writer, call)

    def _hosted(self, key: str, event: Any) -> None:
        """An item of another type: if it is a tool that the provider runs, its call is seen at once."""
        spoken = self.spoken(key)
        for neutral in self.read({"role": "assistant", "items": [event["item"]]}):
            for block in neutral.blocks:
                if isinstance(block, ToolCall) and block.by_provider:
                    self.ui.writer.start_call(spoken.call(block.id, block.name, by_provider=True))

    def _patch(self, key: str, event: Any) -> None:
        if event["patch"].get("done") is True:
            self._done(key, event["item_id"])

    def _done(self, key: str, item_id: Any) -> None:
        state = self.projection.states[key]
        item = state.find(item_id)
        if item is not None and item in state.items:
            self._tell_item(key, state.items.index(item))

    def _sweep(self, key: str) -> None:
        """Everything of a message that was not told yet."""
        state = self.projection.states[key]
        for place, item in enumerate(state.items):
            if item.type != "function_call_output":
                self._tell_item(key, place)
        message = state.build()
        audio = message.get("audio", {})
        if audio:
            media = Media("audio", data=audio.get("data"), media_type="audio/wav")
            self.spoken(key).settle([Text(audio.get("transcript", "")), *([media] if media.data else [])], anew=False)
        for event in message.get("events", ()):
            self.add(data_chunks("openai-event", event))
        if self.is_spoken(key):
            self.spoken(key).end()

    def _tell_item(self, key: str, place: int) -> None:
        state = self.projection.states[key]
        item = state.items[place]
        if id(item) in self._told:
            return
        self._told[id(item)] = item
        message: dict[str, Any] = {"role": "assistant", "items": [item.build()], "toolCallStates": state.tool_states}
        for neutral in self.read(message):
            if neutral.role == "tool":
                self.answer(neutral.blocks)
            else:
                self.spoken(key).settle(neutral.blocks, anew=False)

    def _response(self, key: str, event: Any) -> None:
        response = self.projection.states[key].response
        spoken = self.spoken(key)
        spoken.model = response.get("model") or spoken.model
        usage = response.get("usage")
        if isinstance(usage, Mapping):
            spoken.usage = Usage(*(count(usage, name) for name in ("input_tokens", "output_tokens", "total_tokens")))
        status = response.get("status")
        if status in _OVER:
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, Mapping) else None
            spoken.finish_reason = reason or status
            self._sweep(key)
        if status == "failed":
            error = response.get("error")
            said = error.get("message") if isinstance(error, Mapping) else None
            self.note_failure(str(said or "The response failed."))

    def _output(self, key: str, event: Any) -> None:
        item = event["item"]
        for neutral in self.read({"role": "assistant", "items": [item]}):
            self.answer(block for block in neutral.blocks if isinstance(block, ToolResult))

    def _approval_request(self, key: str, event: Any) -> None:
        call_id = event.get("call_id")
        call = self.ui.writer.call(call_id)
        if call is None or not call.has_input:
            arguments = {"call_id": call_id, "name": event.get("name"), "arguments": event.get("arguments")}
            for neutral in self.read({"role": "assistant", "items": [{"type": _CALL, **arguments}]}):
                self.ui.newest().settle(neutral.blocks, anew=False)
        call = self.ui.writer.call(call_id)
        if call is not None:
            self.ui.writer.ask(call, call.id)
