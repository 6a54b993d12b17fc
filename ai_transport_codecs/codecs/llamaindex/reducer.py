"""Output and input events into a :class:`.projection.LlamaIndexProjection`, each in constant time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, TextBlock

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import CodecMessage, Event, FoldMeta

from .blocks import build_blocks, build_message
from .inputs import QUESTION
from .plain import restored
from .projection import CarriedEvent, GivenMessage, Item, LlamaIndexProjection, StreamedMessage, StreamSlot
from .questions import answer_text, question_calls

NOT_APPROVED: Final = "The user did not approve this tool call."

STREAM_KINDS: Final = ("text", "thinking", "tool-call", "value")
"""The kinds of streams."""

ITEM_KINDS: Final = (
    "sources",
    "structured",
    "event",
    "ui",
    "artifact",
    "input-required",
    "human-response",
    "outcome",
)
"""The kinds of events that go beside messages, and name themselves by ``name``."""

_DATA: Final = "value"
_CALL_FIELDS: Final = ("tool_call_id", "tool_name")


class LlamaIndexReducer:
    """Folds in canonical order; an event that does not fit what came before it is ignored, never an error."""

    __slots__ = ()

    def init(self) -> LlamaIndexProjection:
        """An empty conversation."""
        return LlamaIndexProjection()

    def fold_output(self, projection: LlamaIndexProjection, event: Event, meta: FoldMeta) -> LlamaIndexProjection:
        """Fold one output. Ignores an event that no message id says the message of."""
        fold = _OUTPUTS.get(event.get("type", ""))
        if fold is not None and meta.message_id:
            fold(projection, meta.message_id, event)
        return projection

    def fold_input(self, projection: LlamaIndexProjection, event: Event, meta: FoldMeta) -> LlamaIndexProjection:
        """Fold one input; the parts of a user's message join in the order they come."""
        fold = _INPUTS.get(event.get("kind", ""))
        if fold is not None:
            fold(projection, meta.message_id, event)
        return projection

    def get_messages(self, projection: LlamaIndexProjection) -> Sequence[CodecMessage[ChatMessage]]:
        """The projection's messages with their ids."""
        return projection.entries


def _delta(projection: LlamaIndexProjection, message_id: str, event: Event) -> None:
    state = projection.states.get(message_id)
    if type(state) is StreamedMessage:
        slot = state.slots.get(event.get("block", ""))
        if slot is not None:
            slot.text.append(event["delta"])
            state.message = None


def _start(kind: str) -> Callable[[LlamaIndexProjection, str, Event], None]:
    def fold(projection: LlamaIndexProjection, message_id: str, event: Event) -> None:
        block = event.get("block")
        if not isinstance(block, str):
            return
        state = _state(projection, message_id)
        state.is_message |= kind != _DATA
        slot = state.slots.get(block)
        if slot is None:
            fields = {key: value for key in _CALL_FIELDS if isinstance(value := event.get(key), str)}
            state.slots[block] = StreamSlot(kind, fields)
        else:
            slot.text.replace("")  # the stream is stated anew, with all its text

    return fold


def _message(projection: LlamaIndexProjection, message_id: str, event: Event) -> None:
    state = _state(projection, message_id)
    state.is_message = True
    state.header = event
    state.is_complete = event.get("complete") is True
    _say(state, event)


def _end(projection: LlamaIndexProjection, message_id: str, event: Event) -> None:
    state = _state(projection, message_id)
    state.is_message = True
    state.is_complete = True
    _say(state, event)


def _say(state: StreamedMessage, event: Event) -> None:
    state.role = event.get("role", "assistant")
    state.data = event.get("data")


def _item(projection: LlamaIndexProjection, message_id: str, event: Event) -> None:
    state = _state(projection, message_id)
    projection.items.append(Item(event["type"], message_id, state, event, event.get("data")))


def _state(projection: LlamaIndexProjection, message_id: str) -> StreamedMessage:
    state = projection.states.get(message_id)
    if type(state) is not StreamedMessage:
        state = projection.states[message_id] = StreamedMessage()
    state.message = None
    return state


def _user_message(projection: LlamaIndexProjection, message_id: str | None, event: Event) -> None:
    message = event.get("message")
    if not isinstance(message, ChatMessage) or not message_id:
        return
    held = projection.states.get(message_id)
    if isinstance(held, GivenMessage):
        blocks = [*held.message.blocks, *message.blocks]
        message = held.message.model_copy(update={"blocks": blocks})
    projection.states[message_id] = GivenMessage(message)


def _tool_result(projection: LlamaIndexProjection, message_id: str | None, event: Event) -> None:
    _answer_call(projection, message_id, event, _payload(event).get("content"))


def _tool_result_error(projection: LlamaIndexProjection, message_id: str | None, event: Event) -> None:
    _answer_call(projection, message_id, event, _payload(event).get("message"))


def _approval(projection: LlamaIndexProjection, message_id: str | None, event: Event) -> None:
    payload = _payload(event)
    call_id, reason = payload.get("tool_call_id"), payload.get("reason")
    if not isinstance(call_id, str):
        return
    approved = payload.get("approved") is True
    projection.approvals[call_id] = {"approved": approved, "reason": reason if isinstance(reason, str) else None}
    if not approved:
        _answer_call(projection, message_id, event, reason if isinstance(reason, str) else NOT_APPROVED)


def _human_response(projection: LlamaIndexProjection, message_id: str | None, event: Event) -> None:
    payload = _payload(event)
    name, target = payload.get("name"), event.get("codecMessageId") or message_id or ""
    data = restored(payload.get("data"))
    projection.answers.append(CarriedEvent("human-response", name if isinstance(name, str) else "", data, target))
    call_id = payload.get("tool_call_id") or _only_question(projection.states.get(target))
    if isinstance(call_id, str) and call_id.startswith(QUESTION):
        answered = {**event, "payload": {**payload, "tool_call_id": call_id}}
        _answer_call(projection, message_id, answered, answer_text(payload.get("data")), name)


def _only_question(state: Any) -> str | None:
    """The question that a message asks, for an answer that names none."""
    questions = list(question_calls(state.built())) if isinstance(state, StreamedMessage) else []
    return questions[0].id if len(questions) == 1 else None


def _answer_call(
    projection: LlamaIndexProjection, message_id: str | None, event: Event, content: Any, name: Any = None
) -> None:
    """A tool's message beside the message that asked for the call; the wire has no id for it, so it gets one."""
    call_id = _payload(event).get("tool_call_id")
    if isinstance(call_id, str):
        target = event.get("codecMessageId") or message_id or ""
        if call_id.startswith(QUESTION) and f"{target}/{call_id}" in projection.states:
            return  # the first answer counts: the workflow goes on with it
        content = restored(content)
        blocks = [TextBlock(text=content)] if isinstance(content, str) else build_blocks(content)
        kwargs = {"tool_call_id": call_id} | ({"name": name} if isinstance(name, str) else {})
        message = build_message("tool", blocks, kwargs)
        projection.states[f"{target}/{call_id}"] = GivenMessage(message)


def _payload(event: Event) -> Mapping[str, Any]:
    payload = event.get("payload")
    return payload if isinstance(payload, Mapping) else {}


_OUTPUTS: Final[Mapping[str, Callable[[LlamaIndexProjection, str, Event], None]]] = {
    **{f"{kind}-delta": _delta for kind in STREAM_KINDS},
    **{f"{kind}-start": _start(kind) for kind in STREAM_KINDS},
    "message": _message,
    "message-end": _end,
    "call": _item,
    **dict.fromkeys(ITEM_KINDS, _item),
}

_INPUTS: Final[Mapping[str, Callable[[LlamaIndexProjection, str | None, Event], None]]] = {
    well_known.USER_MESSAGE: _user_message,
    well_known.HUMAN_RESPONSE: _human_response,
    well_known.TOOL_RESULT: _tool_result,
    well_known.TOOL_RESULT_ERROR: _tool_result_error,
    well_known.TOOL_APPROVAL_RESPONSE: _approval,
}
