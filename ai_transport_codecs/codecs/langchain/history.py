"""The messages of earlier turns, as a model accepts them at the beginning of the next one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, BaseMessageChunk, ToolMessage
from langchain_core.messages.utils import message_chunk_to_message

_CALL_BLOCKS: Final = frozenset(
    {"function_call", "input_json_delta", "invalid_tool_call", "tool_call", "tool_call_chunk", "tool_use"}
)


def as_history(messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """Messages that a model accepts, whatever happened to the turns that they are from.

    An answer that was cut off becomes a final message without its half-received tool calls. Tool calls that were never
    answered, though the conversation went on, are taken away: providers refuse them. What is then empty is left out.
    Messages that are fine are returned as they are; none is changed.
    """
    found = list(messages)
    history = []
    for position, message in enumerate(found):
        if isinstance(message, AIMessage):
            kept = _answer(message, found[position + 1 :])
        else:
            kept = message_chunk_to_message(message) if isinstance(message, BaseMessageChunk) else message
        if kept is not None:
            history.append(kept)
    return history


def _answer(message: AIMessage, later: Sequence[BaseMessage]) -> BaseMessage | None:
    if isinstance(message, AIMessageChunk):
        final = message_chunk_to_message(message.model_copy(update={"tool_calls": [], "invalid_tool_calls": []}))
        return _without_calls(final, None)
    answered = {other.tool_call_id for other in later if isinstance(other, ToolMessage)}
    went_on = any(not isinstance(other, ToolMessage) for other in later)
    calls = [*message.tool_calls, *message.invalid_tool_calls]
    if not went_on or all(call.get("id") in answered for call in calls):
        return message
    return _without_calls(message, answered)


def _without_calls(message: BaseMessage, answered: set[str] | None) -> BaseMessage | None:
    """The message with the calls in ``answered`` only, or None when nothing is left of it."""
    keep = answered or set()
    update: dict[str, Any] = {"content": message.content}
    if isinstance(message.content, list):
        update["content"] = [block for block in message.content if not _is_call(block) or _call_id(block) in keep]
    for name in ("tool_calls", "invalid_tool_calls"):
        update[name] = [call for call in getattr(message, name, []) if call.get("id") in keep]
    if isinstance(message.additional_kwargs.get("tool_calls"), list):
        raw = [call for call in message.additional_kwargs["tool_calls"] if _call_id(call) in keep]
        rest = {key: value for key, value in message.additional_kwargs.items() if key != "tool_calls"}
        update["additional_kwargs"] = rest | ({"tool_calls": raw} if raw else {})
    return message.model_copy(update=update) if update["content"] or update["tool_calls"] else None


def _is_call(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in _CALL_BLOCKS


def _call_id(block: Any) -> Any:
    return (block.get("call_id") or block.get("id")) if isinstance(block, dict) else None
