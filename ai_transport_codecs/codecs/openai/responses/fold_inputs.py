"""What users said, into a projection (codec spec e.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec import inputs as well_known

from .json_values import copy_json
from .kinds import MESSAGE, OUTPUT
from .projection import ResponsesProjection
from .state import ItemState, MessageState

FoldInput: TypeAlias = Callable[[ResponsesProjection, str, Mapping[str, Any]], None]

NOT_APPROVED: Final = "Tool execution was not approved."
"""What a model reads of a call that was denied without a reason."""


def _user_message(projection: ResponsesProjection, message_id: str, event: Mapping[str, Any]) -> None:
    """The parts of one message come one by one, and make one item."""
    message = event.get("message")
    if not isinstance(message, Mapping):
        return
    role, items = message.get("role"), copy_json(message.get("items"))
    state = projection.ensure(message_id, "user")
    if isinstance(role, str):
        state.role = role
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == MESSAGE and isinstance(item.get("content"), list):
            target = _first_message(state)
            if target is None:
                state.items.append(ItemState(item, is_output=False))
            else:
                target.extend_content(item["content"])


def _first_message(state: MessageState) -> ItemState | None:
    for item in state.items:
        if item.type == MESSAGE and isinstance(item.item.get("content"), list):
            return item
    return None


def _resolve(
    projection: ResponsesProjection, message_id: str, payload: Mapping[str, Any], key: str, result: str
) -> None:
    call_id = _call_id(payload)
    output = {"output": copy_json(payload[key])} if key in payload else {}
    state = projection.ensure(message_id)
    state.put_output({"type": OUTPUT, "call_id": call_id, **output})
    state.merge_tool_state(call_id, {"result": result})


def _tool_result(projection: ResponsesProjection, message_id: str, event: Mapping[str, Any]) -> None:
    _resolve(projection, message_id, _payload(event), "output", "ok")


def _tool_result_error(projection: ResponsesProjection, message_id: str, event: Mapping[str, Any]) -> None:
    _resolve(projection, message_id, _payload(event), "message", "failed")


def _approval(projection: ResponsesProjection, message_id: str, event: Mapping[str, Any]) -> None:
    """A yes changes nothing but the call's state, a no answers the call in the user's name (g.48)."""
    payload = _payload(event)
    call_id, reason = _call_id(payload), payload.get("reason")
    said = {"reason": reason} if isinstance(reason, str) else {}
    state = projection.ensure(message_id)
    if state.tool_states.get(call_id, {}).get("approval") in ("approved", "denied"):
        return  # the first answer counts
    if payload.get("approved") is True:
        state.merge_tool_state(call_id, {"approval": "approved", **said})
        return
    state.put_output({"type": OUTPUT, "call_id": call_id, "output": said.get("reason", NOT_APPROVED)})
    state.merge_tool_state(call_id, {"approval": "denied", **said})


def _payload(event: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = event.get("payload")
    return payload if isinstance(payload, Mapping) else {}


def _call_id(payload: Mapping[str, Any]) -> str:
    call_id = payload.get("call_id")
    return call_id if isinstance(call_id, str) else ""


INPUT_FOLDS: Final[Mapping[str, FoldInput]] = {
    well_known.USER_MESSAGE: _user_message,
    well_known.TOOL_RESULT: _tool_result,
    well_known.TOOL_RESULT_ERROR: _tool_result_error,
    well_known.TOOL_APPROVAL_RESPONSE: _approval,
}
"""``regenerate`` says nothing by itself: what it asks for is in its headers."""
