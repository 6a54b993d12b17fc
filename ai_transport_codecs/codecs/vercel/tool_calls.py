"""What an agent asks of a conversation: which tool calls wait to be run (codec spec f.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from .messages import UIMessage, is_tool_part, tool_name


class PendingToolCall(TypedDict):
    """A tool call to run."""

    toolCallId: str
    toolName: str
    input: Any


def pending_tool_calls(messages: Sequence[UIMessage]) -> list[PendingToolCall]:
    """The calls of the last assistant message whose input is there and which nobody has run or asked approval for."""
    return _calls(messages, lambda part: part["state"] == "input-available")


def approved_pending_tool_calls(messages: Sequence[UIMessage]) -> list[PendingToolCall]:
    """The calls of the last assistant message that the user approved and nobody has run yet."""
    return _calls(messages, _is_approved)


def strip_tool_executes(tools: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The tools without their ``execute``, for a model that must ask for calls and not run them itself."""
    return {name: {key: value for key, value in tool.items() if key != "execute"} for name, tool in tools.items()}


def _calls(messages: Sequence[UIMessage], is_wanted: Callable[[Mapping[str, Any]], bool]) -> list[PendingToolCall]:
    last = next((message for message in reversed(messages) if message["role"] == "assistant"), None)
    parts: Sequence[Any] = last["parts"] if last is not None else ()
    return [
        {"toolCallId": part["toolCallId"], "toolName": tool_name(part), "input": part["input"]}
        for part in parts
        if is_tool_part(part) and "input" in part and is_wanted(part)
    ]


def _is_approved(part: Mapping[str, Any]) -> bool:
    approval = part.get("approval")
    return part["state"] == "approval-responded" and isinstance(approval, Mapping) and approval.get("approved") is True
