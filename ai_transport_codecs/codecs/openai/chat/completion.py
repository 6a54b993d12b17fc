"""What a completion and its messages look like, and how they are read from a document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Required, TypedDict

from .parts import SEGMENTS, content_of

ChatMessage = dict[str, Any]
"""A message of the conversation, in the shape of the API's own: ``role``, ``content``, ``tool_calls`` and so on.

A tool call of an assistant's message that cannot be run says so in a key of ours, ``state``: ``partial`` when its
arguments are still arriving or were cut off, ``invalid`` when they are complete and no JSON. One that a person is asked
about says how that stands in another, ``approval``: ``pending``, ``approved`` or ``denied``.
"""

STATE: Final = "state"
PARTIAL: Final = "partial"
INVALID: Final = "invalid"

APPROVAL: Final = "approval"
PENDING: Final = "pending"
APPROVED: Final = "approved"
DENIED: Final = "denied"


class Choice(TypedDict, total=False):
    """One answer of a completion; provider extras are further keys."""

    index: Required[int]
    finish_reason: Required[str | None]
    message: Required[ChatMessage]
    logprobs: Required[dict[str, Any] | None]


class Completion(TypedDict, total=False):
    """A completion as the API returns it when it is not streamed; provider extras are further keys."""

    id: Required[str]
    object: Required[str]
    created: Required[int]
    model: Required[str]
    choices: Required[list[Choice]]
    usage: Required[dict[str, Any] | None]
    service_tier: str | None
    system_fingerprint: str | None


def build_completion(value: dict[str, Any]) -> Completion:
    """The completion of a document's value."""
    choices = value.get("choices")
    found: Any = {
        "id": _text(value.get("id")),
        "object": "chat.completion",
        "created": created if type(created := value.get("created")) is int else 0,
        "model": _text(value.get("model")),
        "usage": None,
        **{key: item for key, item in value.items() if key not in _OURS},
        "choices": [_choice(index, item) for index, item in choices] if isinstance(choices, list) else [],
    }
    completion: Completion = found
    return completion


_OURS: Final = frozenset({"id", "object", "created", "model", "choices"})


def build_message(completion: Completion, *, is_complete: bool) -> ChatMessage:
    """The first choice's message, with the state of its tool calls."""
    choices = completion["choices"]
    if not choices:
        return {"role": "assistant", "content": None}
    choice = choices[0]
    message = choice["message"]
    is_settled = is_complete or choice.get("finish_reason") is not None
    calls, legacy = message.get("tool_calls"), message.get("function_call")
    marked: ChatMessage = {}
    if calls:
        marked["tool_calls"] = [_with_state(call, arguments_of(call), is_settled=is_settled) for call in calls]
    if isinstance(legacy, dict):
        marked["function_call"] = _with_state(legacy, (_text(legacy["arguments"]), True), is_settled=is_settled)
    return {**message, **marked} if marked else message


def with_approvals(message: ChatMessage, approvals: Mapping[str, str]) -> ChatMessage:
    """A message whose tool calls say what became of the questions about them, by tool call id."""
    calls = message.get("tool_calls")
    if not approvals or not isinstance(calls, list):
        return message
    stands = [approvals.get(id_) if isinstance(id_ := call["id"], str) else None for call in calls]
    marked = [{**call, APPROVAL: said} if said else call for call, said in zip(calls, stands, strict=True)]
    return {**message, "tool_calls": marked}


def arguments_of(call: Any) -> tuple[str, bool]:
    """The text that a tool call is called with, and whether it has to be JSON."""
    function = call.get("function") if isinstance(call, dict) else None
    if isinstance(function, dict):
        return _text(function.get("arguments")), True
    custom = call.get("custom") if isinstance(call, dict) else None
    return (_text(custom.get("input")), False) if isinstance(custom, dict) else ("", True)


def _with_state(call: dict[str, Any], arguments: tuple[str, bool], *, is_settled: bool) -> dict[str, Any]:
    if not is_settled:
        return {**call, STATE: PARTIAL}
    text, is_json = arguments
    # A function without parameters is called with nothing by some servers.
    return call if not is_json or not text.strip() or is_json_text(text) else {**call, STATE: INVALID}


def is_json_text(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _choice(index: int, value: Any) -> Choice:
    held = value if isinstance(value, dict) else {}
    message = held.get("message")
    found: Any = {
        **{key: item for key, item in held.items() if key not in {"message", SEGMENTS}},
        "index": index,
        "finish_reason": held.get("finish_reason"),
        "logprobs": _logprobs(held.get("logprobs")),
        "message": _message(message if isinstance(message, dict) else {}, held.get(SEGMENTS)),
    }
    choice: Choice = found
    return choice


def _logprobs(value: Any) -> Any:
    return {"content": None, "refusal": None, **value} if isinstance(value, dict) else None


def _message(value: dict[str, Any], more: Any) -> ChatMessage:
    message: ChatMessage = {"role": "assistant", "content": None, "refusal": None, **value}
    if more is not None:
        message["content"] = content_of(message["content"], more)
    if not isinstance(message["role"], str) or not message["role"]:
        message["role"] = "assistant"
    calls = message.pop("tool_calls", None)
    if isinstance(calls, list):
        found = [_call(call) for _, call in _by_index(calls)]
        if found:
            message["tool_calls"] = found
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        message["function_call"] = {"name": "", "arguments": "", **legacy}
    return message


def _by_index(calls: list[Any]) -> list[tuple[int, dict[str, Any]]]:
    """The calls that say what they call, in the provider's order; one that a late reader knows no name of is hidden."""
    found = [(position, call) for position, call in calls if isinstance(call, dict) and _is_named(call)]
    if all(type(call.get("index")) is int for _, call in found):
        found.sort(key=lambda entry: (entry[1]["index"], entry[0]))
    return found


def _is_named(call: dict[str, Any]) -> bool:
    return any(isinstance(call.get(kind), dict) and call[kind].get("name") for kind in ("function", "custom")) or bool(
        call.get("id")
    )


def _call(call: dict[str, Any]) -> dict[str, Any]:
    found = {"id": "", "type": "function", **{key: item for key, item in call.items() if key != "index"}}
    if isinstance(call.get("custom"), dict):
        found["type"] = "custom"
        found["custom"] = {"name": "", "input": "", **call["custom"]}
    else:
        function = call.get("function")
        found["type"] = "function"
        found["function"] = {"name": "", "arguments": "", **(function if isinstance(function, dict) else {})}
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
