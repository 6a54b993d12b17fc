"""Output and input events into a :class:`.projection.LangChainProjection`, each in constant time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import BaseMessage

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import CodecMessage, Event, FoldMeta
from ai_transport_codecs.wire.text import TextBuffer

from .document import Document
from .messages import INTERRUPT, build_message
from .pointers import MAX_POINTERS, Steps, try_parse, try_parse_all
from .projection import GivenMessage, LangChainProjection, StreamedMessage

NOT_APPROVED: Final = "The user did not approve this tool call."


class LangChainReducer:
    """Folds in canonical order; an event that does not fit what came before it is ignored, never an error."""

    __slots__ = ()

    def init(self) -> LangChainProjection:
        """An empty conversation."""
        return LangChainProjection()

    def fold_output(self, projection: LangChainProjection, event: Event, meta: FoldMeta) -> LangChainProjection:
        """Fold one output. Ignores an event that no message id says the message of."""
        fold = _OUTPUTS.get(event["type"])
        if fold is not None and meta.message_id:
            fold(projection, meta.message_id, event)
        return projection

    def fold_input(self, projection: LangChainProjection, event: Event, meta: FoldMeta) -> LangChainProjection:
        """Fold one input; the parts of a user's message join in the order they come."""
        fold = _INPUTS.get(event.get("kind", ""))
        if fold is not None:
            fold(projection, meta.message_id, event)
        return projection

    def get_messages(self, projection: LangChainProjection) -> Sequence[CodecMessage[BaseMessage]]:
        """The projection's messages with their ids."""
        return projection.entries


def _delta(projection: LangChainProjection, message_id: str, event: Event) -> None:
    state = projection.states.get(message_id)
    if type(state) is StreamedMessage:
        buffer = state.blocks.get(event.get("block", ""))
        if buffer is not None:
            buffer.append(event["delta"])
            state.message = None


def _start(
    attach: Callable[[Document, Steps, TextBuffer], None], max_places: int
) -> Callable[[LangChainProjection, str, Event], None]:
    def fold(projection: LangChainProjection, message_id: str, event: Event) -> None:
        block, path = event.get("block"), event.get("path")
        places = try_parse_all(path) if isinstance(path, str) else None
        if not isinstance(block, str) or places is None:
            return
        state = _state(projection, message_id)
        buffer = state.blocks.get(block)
        if buffer is not None:
            buffer.replace("")  # the stream is stated anew, with all its text
            return
        buffer = state.blocks[block] = TextBuffer()
        for steps in places[:max_places]:
            attach(state.document, steps, buffer)

    return fold


def _message(projection: LangChainProjection, message_id: str, event: Event) -> None:
    state = _state(projection, message_id)
    state.kind = event.get("messageType", "ai")
    state.form = event.get("form", "whole")
    state.node = event.get("node")
    state.namespace = event.get("namespace")
    state.document = Document()
    state.blocks = {}
    state.is_complete = event.get("complete") is True
    _set(state, event.get("data"))


def _patch(projection: LangChainProjection, message_id: str, event: Event) -> None:
    _set(_state(projection, message_id), event.get("data"))


def _end(projection: LangChainProjection, message_id: str, event: Event) -> None:
    state = projection.states.get(message_id)
    if type(state) is StreamedMessage:
        state.is_complete = True
        _set(state, event.get("data"))


def _set(state: StreamedMessage, values: Any) -> None:
    if isinstance(values, Mapping):
        for pointer, value in values.items():
            steps = try_parse(pointer) if isinstance(pointer, str) else None
            if steps is not None:
                state.document.set(steps, value)
    state.message = None


def _state(projection: LangChainProjection, message_id: str) -> StreamedMessage:
    state = projection.states.get(message_id)
    if type(state) is not StreamedMessage:
        state = projection.states[message_id] = StreamedMessage()
    state.message = None
    return state


def _user_message(projection: LangChainProjection, message_id: str | None, event: Event) -> None:
    message = event.get("message")
    if not isinstance(message, BaseMessage):
        return
    key = message_id or message.id
    if key:
        held = projection.states.get(key)
        joined = _joined(held.message, message) if isinstance(held, GivenMessage) else message
        projection.states[key] = GivenMessage(joined)


def _joined(first: BaseMessage, more: BaseMessage) -> BaseMessage:
    contents = (part if isinstance(part, list) else [part] for part in (first.content, more.content))
    return first.model_copy(update={"content": [entry for part in contents for entry in part]})


def _tool_result(projection: LangChainProjection, message_id: str | None, event: Event) -> None:
    payload = _payload(event)
    _answer_call(projection, message_id, event, {**payload, "status": "success"})


def _tool_result_error(projection: LangChainProjection, message_id: str | None, event: Event) -> None:
    payload = _payload(event)
    _answer_call(projection, message_id, event, {**payload, "content": payload.get("message"), "status": "error"})


def _approval(projection: LangChainProjection, message_id: str | None, event: Event) -> None:
    payload = _payload(event)
    call_id, reason = payload.get("tool_call_id"), payload.get("reason")
    if not isinstance(call_id, str):
        return
    approved = payload.get("approved") is True
    answer = {"approved": approved, "reason": reason if isinstance(reason, str) else None}
    projection.approvals[call_id] = answer
    question_id = _question_about(projection, call_id)
    if question_id is not None:
        content = answer["reason"] or ("" if approved else NOT_APPROVED)
        status = "success" if approved else "error"
        values = {"tool_call_id": call_id, "content": content, "artifact": answer, "status": status}
        _answer_call(projection, message_id, {**event, "codecMessageId": question_id}, values)
    elif not approved:
        content = reason if isinstance(reason, str) else NOT_APPROVED
        _answer_call(projection, message_id, event, {"tool_call_id": call_id, "content": content, "status": "error"})


def _answer_call(projection: LangChainProjection, message_id: str | None, event: Event, values: dict[str, Any]) -> None:
    """A tool message beside the message that asked for the call; the wire has no id for it, so it gets one."""
    call_id = values.get("tool_call_id")
    if isinstance(call_id, str):
        target = event.get("codecMessageId") or message_id or ""
        if f"{target}/{call_id}" in projection.states and _is_question(projection.states.get(target)):
            return  # the first answer counts: the graph goes on with it
        values = {key: values.get(key) for key in ("tool_call_id", "content", "name", "artifact", "status")}
        if isinstance(values["content"], list):
            values["content_form"] = "list"
        message = build_message("tool", "whole", values, is_complete=True)
        projection.states[f"{target}/{call_id}"] = GivenMessage(message)


def _question_about(projection: LangChainProjection, call_id: str) -> str | None:
    """The newest question of a graph that is, or is about, the call of that id: the id of its message."""
    for message_id, state in reversed(projection.states.items()):
        if _is_question(state):
            question = state.built().additional_kwargs[INTERRUPT]
            calls = question.get("calls") if isinstance(question, Mapping) else None
            ids = [call.get("tool_call_id") for call in calls or () if isinstance(call, Mapping)]
            if isinstance(question, Mapping) and call_id in (question.get("id"), *ids):
                return message_id
    return None


def _is_question(state: Any) -> bool:
    return isinstance(state, StreamedMessage) and INTERRUPT in state.built().additional_kwargs


def _payload(event: Event) -> Mapping[str, Any]:
    payload = event.get("payload")
    return payload if isinstance(payload, Mapping) else {}


STREAM_KINDS: Final[Mapping[str, Callable[[Document, Steps, TextBuffer], None]]] = {
    "text": Document.attach_text,
    "reasoning": Document.attach_text,
    "tool-call": Document.attach_text,
    "string": Document.attach_text,
    "items": Document.attach_items,
    "value": Document.attach_latest,
}
"""The kinds of streams, and how the text of one becomes part of a message."""

_LINES: Final = frozenset({"items", "value"})
"""Streams that every read parses: of several places, which only texts have, the first counts."""

_OUTPUTS: Final[Mapping[str, Callable[[LangChainProjection, str, Event], None]]] = {
    **{f"{kind}-delta": _delta for kind in STREAM_KINDS},
    **{f"{kind}-start": _start(attach, 1 if kind in _LINES else MAX_POINTERS) for kind, attach in STREAM_KINDS.items()},
    "message": _message,
    "patch": _patch,
    "message-end": _end,
}

_INPUTS: Final[Mapping[str, Callable[[LangChainProjection, str | None, Event], None]]] = {
    well_known.USER_MESSAGE: _user_message,
    well_known.TOOL_RESULT: _tool_result,
    well_known.TOOL_RESULT_ERROR: _tool_result_error,
    well_known.TOOL_APPROVAL_RESPONSE: _approval,
}
