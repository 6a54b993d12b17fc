"""The messages of earlier turns, as a model accepts them at the beginning of the next one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

from .inputs import QUESTION
from .projection import parse_arguments

_CALL_ID: Final = "tool_call_id"


def as_history(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Messages that a model accepts, whatever happened to the turns that they are from.

    Tool calls that were never answered are taken away, as are those whose arguments never became JSON: providers refuse
    them. The result of a call that its message does not name, as with a ReAct agent, becomes what that agent itself
    makes of it, an observation that the user reports. What a workflow asked people, and what they answered, is left
    out: the workflow's messages say what came of it. So is what is then empty. Messages that are fine are returned as
    they are; none is changed.
    """
    found = [kept for message in messages if (kept := _without_questions(message)) is not None]
    history: list[ChatMessage] = []
    asked: set[str] = set()
    for position, message in enumerate(found):
        if message.role == MessageRole.TOOL:
            history.append(message if message.additional_kwargs.get(_CALL_ID) in asked else _observation(message))
            continue
        kept = _answer(message, found[position + 1 :]) if message.role == MessageRole.ASSISTANT else message
        if kept is not None:
            history.append(kept)
            asked |= {id_ for id_, _ in _calls(kept)}
    return history


def _without_questions(message: ChatMessage) -> ChatMessage | None:
    """The message without what a workflow asked in it, or None when it is such a question, or an answer to one."""
    if message.role == MessageRole.TOOL:
        return None if str(message.additional_kwargs.get(_CALL_ID)).startswith(QUESTION) else message
    blocks: list[Any] = list(message.blocks)
    others = [block for block in blocks if not (_is_call(block) and (block.tool_call_id or "").startswith(QUESTION))]
    if len(others) == len(blocks):
        return message
    return message.model_copy(update={"blocks": others}) if any(map(_is_call, others)) else None


def _answer(message: ChatMessage, later: Sequence[ChatMessage]) -> ChatMessage | None:
    calls = _calls(message)
    if not calls:
        return message if message.blocks else None
    answered = {other.additional_kwargs.get(_CALL_ID) for other in later if other.role == MessageRole.TOOL}
    went_on = any(other.role != MessageRole.TOOL for other in later)
    keep = {id_ for id_, kwargs in calls if id_ in answered or (not went_on and _is_object(kwargs))}
    if all(id_ in keep for id_, _ in calls):
        return message
    return _without_calls(message, keep)


def _is_object(kwargs: Any) -> bool:
    return isinstance(parse_arguments(kwargs), dict)


def _without_calls(message: ChatMessage, keep: set[str]) -> ChatMessage | None:
    """The message with the calls in ``keep`` only, or None when nothing is left of it."""
    held: list[Any] = list(message.blocks)
    blocks = [block for block in held if not _is_call(block) or block.tool_call_id in keep]
    kwargs = {key: value for key, value in message.additional_kwargs.items() if key != "tool_calls"}
    raw = [call for call in _raw_calls(message) if _raw_id(call) in keep]
    if raw:
        kwargs["tool_calls"] = raw
    if not raw and not any(not isinstance(block, TextBlock) or block.text for block in blocks):
        return None
    return message.model_copy(update={"blocks": blocks, "additional_kwargs": kwargs})


def _observation(message: ChatMessage) -> ChatMessage:
    return ChatMessage(f"Observation: {message.content or ''}", role=MessageRole.USER)


def _calls(message: ChatMessage) -> list[tuple[str, Any]]:
    """The ids and arguments of the calls that a message asks for."""
    blocks: list[Any] = list(message.blocks)
    calls = [(block.tool_call_id or "", block.tool_kwargs) for block in blocks if _is_call(block)]
    if calls:
        return calls
    return [(_raw_id(call), _raw_arguments(call)) for call in _raw_calls(message)]


def _is_call(block: Any) -> bool:
    return getattr(block, "block_type", None) == "tool_call"


def _raw_calls(message: ChatMessage) -> list[Any]:
    calls = message.additional_kwargs.get("tool_calls")
    return calls if isinstance(calls, list) else []


def _raw_id(call: Any) -> str:
    return str(_field(call, "id") or "")


def _raw_arguments(call: Any) -> Any:
    return _field(_field(call, "function"), "arguments")


def _field(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else getattr(value, key, None)
