"""Output and input events into a :class:`.projection.ChatProjection`, each in constant time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import CodecMessage, Event, FoldMeta
from ai_transport_codecs.wire.json_text import dump_json
from ai_transport_codecs.wire.text import TextBuffer

from .completion import APPROVED, DENIED, PENDING, ChatMessage
from .lines import LineBuffer
from .projection import AgentMessage, ChatProjection, GivenMessage
from .streams import APPROVAL_REQUEST, ITEMS, STREAM_KINDS, try_steps

NOT_APPROVED: Final = "The user did not approve this tool call."
_MAX_STREAMS: Final = 4_096
_MAX_APPROVALS: Final = 4_096

_Fold: TypeAlias = Callable[[ChatProjection, str, Event], None]


class ChatReducer:
    """Folds in canonical order; an event that does not fit what came before it is ignored, never an error."""

    __slots__ = ()

    def init(self) -> ChatProjection:
        """An empty conversation."""
        return ChatProjection()

    def fold_output(self, projection: ChatProjection, event: Event, meta: FoldMeta) -> ChatProjection:
        """Fold one output. Ignores an event that no message id says the message of."""
        fold = _OUTPUTS.get(event["type"])
        if fold is not None and meta.message_id:
            fold(projection, meta.message_id, event)
        return projection

    def fold_input(self, projection: ChatProjection, event: Event, meta: FoldMeta) -> ChatProjection:
        """Fold one input; the parts of a user's message join in the order they come."""
        fold = _INPUTS.get(event.get("kind", ""))
        if fold is not None:
            fold(projection, meta.message_id or "", event)
        return projection

    def get_messages(self, projection: ChatProjection) -> Sequence[CodecMessage[ChatMessage]]:
        """The projection's messages with their ids."""
        return projection.entries


def _delta(projection: ChatProjection, message_id: str, event: Event) -> None:
    state = projection.states.get(message_id)
    if type(state) is AgentMessage:
        buffer = state.buffers.get(event.get("path", ""))
        if buffer is not None:
            buffer.append(event["delta"])
            state.changed()


def _start(make: Callable[[], TextBuffer | LineBuffer]) -> _Fold:
    def fold(projection: ChatProjection, message_id: str, event: Event) -> None:
        path = event.get("path")
        steps = try_steps(path)
        if not steps or not isinstance(path, str):
            return
        state = _state(projection, message_id)
        buffer = state.buffers.get(path)
        if buffer is not None:
            buffer.replace("")  # the stream is stated anew, with all its text
        elif len(state.buffers) < _MAX_STREAMS:
            buffer = state.buffers[path] = make()
            state.document.attach(steps, buffer)

    return fold


def _completion(projection: ChatProjection, message_id: str, event: Event) -> None:
    _state(projection, message_id).document.merge((), event.get("data"))


def _patch(projection: ChatProjection, message_id: str, event: Event) -> None:
    steps = try_steps(event.get("path"))
    if steps:
        _state(projection, message_id).document.merge(steps, event.get("data"))


def _finish(projection: ChatProjection, message_id: str, event: Event) -> None:
    steps = try_steps(event.get("path"))
    if steps:
        _state(projection, message_id).document.put((*steps, "finish_reason"), event.get("reason"))


def _usage(projection: ChatProjection, message_id: str, event: Event) -> None:
    _state(projection, message_id).document.put(("usage",), event.get("data"))


def _end(projection: ChatProjection, message_id: str, event: Event) -> None:
    _state(projection, message_id).is_complete = True


def _approval_request(projection: ChatProjection, message_id: str, event: Event) -> None:
    call_id = event.get("tool_call_id")
    if isinstance(call_id, str) and call_id:
        state = _state(projection, message_id)
        if len(state.approvals) < _MAX_APPROVALS:
            state.approvals.setdefault(call_id, PENDING)


def _message(projection: ChatProjection, message_id: str, event: Event) -> None:
    state = _state(projection, message_id)
    state.is_given = True
    state.document.merge((), event.get("data"))


def _state(projection: ChatProjection, message_id: str) -> AgentMessage:
    state = projection.states.get(message_id)
    if type(state) is not AgentMessage:
        state = projection.states[message_id] = AgentMessage()
    state.changed()
    return state


def _user_message(projection: ChatProjection, message_id: str, event: Event) -> None:
    message = event.get("message")
    if not isinstance(message, Mapping) or not message_id:
        return
    given = {**message, "role": "user"}
    held = projection.states.get(message_id)
    if isinstance(held, GivenMessage):
        given = _joined(held.message(), given)
    projection.states[message_id] = GivenMessage(given)


def _joined(first: ChatMessage, more: ChatMessage) -> ChatMessage:
    return {**first, "content": [*_parts(first.get("content")), *_parts(more.get("content"))]}


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _tool_result(projection: ChatProjection, message_id: str, event: Event) -> None:
    payload = _payload(event)
    _answer_call(projection, message_id, event, payload.get("content"), payload)


def _tool_result_error(projection: ChatProjection, message_id: str, event: Event) -> None:
    payload = _payload(event)
    _answer_call(projection, message_id, event, payload.get("message"), payload)


def _approval(projection: ChatProjection, message_id: str, event: Event) -> None:
    payload = _payload(event)
    call_id, reason = payload.get("tool_call_id"), payload.get("reason")
    if not isinstance(call_id, str) or not call_id:
        return
    approved = payload.get("approved") is True
    asked = projection.states.get(event.get("codecMessageId") or message_id)
    if isinstance(asked, AgentMessage) and call_id in asked.approvals:
        if asked.approvals[call_id] != PENDING:
            return  # the first answer counts
        asked.approvals[call_id] = APPROVED if approved else DENIED
        asked.changed()
    projection.approvals[call_id] = {"approved": approved, "reason": reason if isinstance(reason, str) else None}
    if not approved:
        _answer_call(projection, message_id, event, reason if isinstance(reason, str) else NOT_APPROVED, payload)


def _answer_call(projection: ChatProjection, message_id: str, event: Event, content: Any, payload: Event) -> None:
    """A tool message beside the message that asked for the call; the wire has no id for it, so it gets one."""
    call_id = payload.get("tool_call_id")
    if isinstance(call_id, str) and call_id:
        target = event.get("codecMessageId") or message_id
        message = {"role": "tool", "tool_call_id": call_id, "content": result_content(content)}
        projection.states[f"{target}/{call_id}"] = GivenMessage(message)


def result_content(content: Any) -> str | list[Any]:
    """A tool's result as the content of its message: text and lists of text parts as they are, the rest as JSON."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list) and content and all(_is_text_part(entry) for entry in content):
        return content
    try:
        return dump_json(content)
    except (TypeError, ValueError):
        return ""


def _is_text_part(entry: Any) -> bool:
    return isinstance(entry, Mapping) and entry.get("type") == "text" and isinstance(entry.get("text"), str)


def _payload(event: Event) -> Mapping[str, Any]:
    payload = event.get("payload")
    return payload if isinstance(payload, Mapping) else {}


_OUTPUTS: Final[Mapping[str, _Fold]] = {
    **{f"{kind}-delta": _delta for kind in STREAM_KINDS},
    **{f"{kind}-start": _start(LineBuffer if kind == ITEMS else TextBuffer) for kind in STREAM_KINDS},
    "completion": _completion,
    "choice": _patch,
    "tool-call": _patch,
    "finish": _finish,
    "usage": _usage,
    "completion-end": _end,
    APPROVAL_REQUEST: _approval_request,
    "message": _message,
}

_INPUTS: Final[Mapping[str, _Fold]] = {
    well_known.USER_MESSAGE: _user_message,
    well_known.TOOL_RESULT: _tool_result,
    well_known.TOOL_RESULT_ERROR: _tool_result_error,
    well_known.TOOL_APPROVAL_RESPONSE: _approval,
}
