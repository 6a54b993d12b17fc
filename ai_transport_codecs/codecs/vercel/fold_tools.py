"""Tool calls: their chunks, and what clients say of them, into a projection (codec spec f.4).

No transition looks at the state before it: the last event folded wins.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.wire.absent import ABSENT

from .fold_text import Fold
from .plain import copy_json
from .projection import MessageState, Resolution, ToolState, VercelProjection, flag_of, new_tool, text_of

_log = logging.getLogger("ai_transport_codecs.codecs.vercel")

MAX_PENDING: Final = 1_000
"""How many client answers wait for a tool call that has not come; they come off the wire, so they have a bound."""


def _input_start(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    tool = new_tool(chunk)
    tool.provide("input-streaming", ABSENT)
    message = projection.ensure(message_id)
    message.stream(tool)
    projection.track(message, _call_id(chunk), tool)


def _input_delta(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    tool = projection.ensure(message_id).tools.get(chunk.get("toolCallId", ""))
    fragment = chunk.get("inputTextDelta")
    if tool is not None and isinstance(fragment, str):
        tool.append(fragment)


def _input_available(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    tool = projection.ensure(message_id).tools.get(_call_id(chunk))
    if tool is not None:
        tool.provide("input-available", _value(chunk, "input"))


def _input_error(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    message = projection.ensure(message_id)
    call_id = _call_id(chunk)
    tool = message.tools.get(call_id)
    if tool is None:
        tool = new_tool(chunk)
        message.parts.append(tool)
        projection.track(message, call_id, tool)
    tool.provide("output-error", _value(chunk, "input"), **text_of(chunk, "errorText"))


def _output_available(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    tool = _find(projection, chunk)
    if tool is not None:
        tool.advance("output-available", output=_value(chunk, "output"), **flag_of(chunk, "preliminary"))


def _output_error(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    tool = _find(projection, chunk)
    if tool is not None:
        tool.advance("output-error", **text_of(chunk, "errorText"))


def _output_denied(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    tool = projection.ensure(message_id).tools.get(_call_id(chunk))
    if tool is not None:
        tool.advance("output-denied", approval={"id": "", "approved": False})


def _approval_request(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    tool = projection.ensure(message_id).tools.get(_call_id(chunk))
    if tool is not None:
        approval_id = chunk.get("approvalId")
        tool.advance("approval-requested", approval={"id": approval_id if isinstance(approval_id, str) else ""})


def resolve(projection: VercelProjection, event: Event, payload: Mapping[str, Any]) -> None:
    """What a client says of a tool call: applied to the call, or kept until the call is there."""
    message_id = event.get("codecMessageId")
    state, fields = _RESOLUTIONS[event["kind"]](payload)
    resolution = Resolution(message_id if isinstance(message_id, str) else "", _call_id(payload), state, fields)
    if _apply(projection.by_id.get(resolution.message_id), resolution):
        return
    if len(projection.pending) >= MAX_PENDING:
        _log.warning("forgot the oldest of %d answers to tool calls that never came", MAX_PENDING)
        del projection.pending[0]
    projection.pending.append(resolution)


def settle(projection: VercelProjection) -> None:
    """Apply the answers whose tool call came with the last event, in the order they were given (g.61)."""
    projection.has_new_tools = False
    if projection.pending:
        projection.pending = [
            resolution
            for resolution in projection.pending
            if not _apply(projection.by_id.get(resolution.message_id), resolution)
        ]


def _apply(message: MessageState | None, resolution: Resolution) -> bool:
    tool = message.tools.get(resolution.call_id) if message is not None else None
    if tool is None:
        return False
    fields = resolution.fields
    if resolution.state == "approval-responded":
        fields = {"approval": {"id": tool.approval_id, **fields}}
    tool.advance(resolution.state, **fields)
    return True


def _result(payload: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return "output-available", {"output": _value(payload, "output")}


def _result_error(payload: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    message = payload.get("message")
    return "output-error", {"errorText": message if isinstance(message, str) else ABSENT}


def _approval(payload: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if payload.get("approved") is True:
        return "approval-responded", {"approved": True, **text_of(payload, "reason")}
    return "output-denied", {"approval": {"id": "", "approved": False}}


_RESOLUTIONS: Final = {
    well_known.TOOL_RESULT: _result,
    well_known.TOOL_RESULT_ERROR: _result_error,
    well_known.TOOL_APPROVAL_RESPONSE: _approval,
}


def _find(projection: VercelProjection, chunk: Event) -> ToolState | None:
    """The call in whichever message has it: its output may come with another message's id (g.56)."""
    call_id = _call_id(chunk)
    for message in projection.states:
        tool = message.tools.get(call_id)
        if tool is not None:
            return tool
    return None


def _call_id(source: Mapping[str, Any]) -> str:
    call_id = source.get("toolCallId")
    return call_id if isinstance(call_id, str) else ""


def _value(source: Mapping[str, Any], key: str) -> Any:
    return copy_json(source.get(key, ABSENT))


FOLDS: Final[Mapping[str, Fold]] = {
    "tool-input-delta": _input_delta,
    "tool-input-start": _input_start,
    "tool-input-available": _input_available,
    "tool-input-error": _input_error,
    "tool-output-available": _output_available,
    "tool-output-error": _output_error,
    "tool-output-denied": _output_denied,
    "tool-approval-request": _approval_request,
}
