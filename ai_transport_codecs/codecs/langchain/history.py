"""The messages of earlier turns, as a model accepts them at the beginning of the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, BaseMessageChunk, ToolMessage
from langchain_core.messages.utils import message_chunk_to_message

from .messages import ASIDES, parse_args

_CALL_BLOCKS: Final = frozenset(
    {
        "apply_patch_call",
        "computer_call",
        "custom_tool_call",
        "function_call",
        "input_json_delta",
        "invalid_tool_call",
        "local_shell_call",
        "shell_call",
        "tool_call",
        "tool_call_chunk",
        "tool_use",
    }
)
"""Calls that the application answers, with a tool message."""

_HOSTED_CALLS: Final = frozenset({"mcp_tool_use", "server_tool_call", "server_tool_call_chunk", "server_tool_use"})
"""Calls that the provider answers, with a block of the same message."""

_THOUGHTS: Final = frozenset({"reasoning", "redacted_thinking", "thinking"})
"""Blocks that a provider takes back only in front of what they led to."""


class _Spoken:
    """One message that is no tool's result, and the results of its tool calls, by call."""

    __slots__ = ("message", "results")

    def __init__(self, message: BaseMessage) -> None:
        self.message = message
        self.results: dict[Any, BaseMessage] = {}

    def kept(self, *, is_last: bool) -> BaseMessage | None:
        if isinstance(self.message, AIMessage):
            return _answer(self.message, self.results.keys(), is_last=is_last)
        return _final(self.message)


def as_history(messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """Messages that a model accepts, whatever happened to the turns that they are from.

    An answer that was cut off becomes a final message without its half-received tool calls, and without the thoughts
    and the provider's own tool calls that led to nothing. Tool calls that were never answered, though the conversation
    went on, are taken away: providers refuse them. A call's result comes directly after the message that made the call;
    a result of no call is left out, and so is a message that is empty, a graph's
    question to a person, and what a graph told of its progress. Messages that are fine are returned as they are;
    none is changed.
    """
    spoken: list[_Spoken] = []
    callers: dict[Any, _Spoken] = {}
    for message in messages:
        if isinstance(message, ToolMessage):
            caller = callers.get(message.tool_call_id)
            if caller is not None:
                caller.results[message.tool_call_id] = _final(message)
            continue
        spoken.append(_Spoken(message))
        if isinstance(message, AIMessage):
            callers |= dict.fromkeys(_calls(message), spoken[-1])
    history: list[BaseMessage] = []
    for each in spoken:
        kept = each.kept(is_last=each is spoken[-1])
        if kept is not None:
            history += [kept, *each.results.values()]
    return history


def _final(message: BaseMessage) -> BaseMessage:
    return message_chunk_to_message(message) if isinstance(message, BaseMessageChunk) else message


def _answer(message: AIMessage, answered: Iterable[Any], *, is_last: bool) -> BaseMessage | None:
    if isinstance(message, AIMessageChunk):
        final = message_chunk_to_message(message.model_copy(update={"tool_calls": [], "invalid_tool_calls": []}))
        return _without_calls(final, frozenset())
    said = message.content or message.tool_calls or message.invalid_tool_calls
    if not said and message.additional_kwargs.keys() <= ASIDES:
        return None
    keep = frozenset(answered)
    calls = [*message.tool_calls, *message.invalid_tool_calls]
    if is_last or all(call.get("id") in keep for call in calls):
        return message
    return _without_calls(message, keep)


def _without_calls(message: BaseMessage, keep: frozenset[Any]) -> BaseMessage | None:
    """The message with the calls in ``keep`` only, or None when nothing is left of it."""
    update: dict[str, Any] = {"content": message.content}
    if isinstance(message.content, list):
        update["content"] = _content(message.content, keep)
    for name in ("tool_calls", "invalid_tool_calls"):
        update[name] = [call for call in getattr(message, name, []) if call.get("id") in keep]
    if isinstance(message.additional_kwargs.get("tool_calls"), list):
        raw = [call for call in message.additional_kwargs["tool_calls"] if _call_id(call) in keep]
        rest = {key: value for key, value in message.additional_kwargs.items() if key != "tool_calls"}
        update["additional_kwargs"] = rest | ({"tool_calls": raw} if raw else {})
    calls = update["tool_calls"] or update["invalid_tool_calls"]
    return message.model_copy(update=update) if update["content"] or calls else None


def _content(blocks: list[Any], keep: frozenset[Any]) -> list[Any]:
    """The blocks without calls other than those in ``keep``, and without what is nothing on its own."""
    settled = {_result_of(block) for block in blocks}
    finished = [_finished(block) for block in blocks]
    hosted = {_call_id(block) for block in finished if _kind(block) in _HOSTED_CALLS} & settled
    kept = [block for block in finished if _stands(block, keep, hosted)]
    while kept and _kind(kept[-1]) in _THOUGHTS:
        kept.pop()
    return kept


def _finished(block: Any) -> Any:
    """A block as it is, but a call of the provider's own with its arguments parsed, as those of finished messages."""
    if _kind(block) != "server_tool_call_chunk":
        return block
    args = block.get("args")
    value = parse_args(args) if isinstance(args, str) else args
    return {**block, "type": "server_tool_call", "args": value} if isinstance(value, dict) else None


def _stands(block: Any, keep: frozenset[Any], hosted: set[Any]) -> bool:
    kind = _kind(block)
    if kind in _CALL_BLOCKS:
        return _call_id(block) in keep
    if kind in _HOSTED_CALLS:
        return _call_id(block) in hosted
    if kind == "text":
        return bool(block.get("text"))
    return _result_of(block) in {None, *hosted} and bool(block)


def _calls(message: AIMessage) -> set[Any]:
    """The ids of the calls that the application answers."""
    blocks = message.content if isinstance(message.content, list) else []
    called = {call.get("id") for call in [*message.tool_calls, *message.invalid_tool_calls]}
    return called | {_call_id(block) for block in blocks if _kind(block) in _CALL_BLOCKS}


def _kind(block: Any) -> str:
    """The type of a block, also of one that LangChain has no standard form for; ``""`` for a bare string."""
    kind = _named(block).get("type")
    return kind if isinstance(kind, str) else ""


def _call_id(block: Any) -> str | None:
    named = _named(block)
    id_ = named.get("call_id") or named.get("id")
    return id_ if isinstance(id_, str) else None


def _result_of(block: Any) -> str | None:
    """The call that a block answers."""
    id_ = _named(block).get("tool_use_id") or _named(block).get("tool_call_id")
    return id_ if isinstance(id_, str) else None


def _named(block: Any) -> Mapping[str, Any]:
    if not isinstance(block, Mapping):
        return {}
    value = block.get("value")
    return value if block.get("type") == "non_standard" and isinstance(value, Mapping) else block
