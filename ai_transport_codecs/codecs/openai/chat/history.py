"""The messages of earlier turns, as the API accepts them in the next request."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from .completion import INVALID, PARTIAL, STATE, ChatMessage

_ASSISTANT: Final = ("name", "refusal")
_CALL_BODIES: Final[Mapping[str, tuple[str, ...]]] = {"function": ("name", "arguments"), "custom": ("name", "input")}


def as_history(messages: Iterable[Mapping[str, Any]], *, extras: Collection[str] = ()) -> list[ChatMessage]:
    """Messages that the API accepts, whatever happened to the turns that they are from.

    Answers that were cut off lose their half-received tool calls. Calls that were never answered, though the
    conversation went on, are taken away, and so are results of calls that are not there; results follow their calls.
    What is then empty is left out, audio goes by its id, and so do only the fields that the API knows. ``extras`` names
    further ones to keep, of messages and of their tool calls, for providers that want them back, for example
    ``("reasoning_content",)`` or ``("reasoning_details", "extra_content")``. No message is changed.
    """
    found = [dict(message) for message in messages]
    history: list[ChatMessage] = []
    for position, message in enumerate(found):
        role = message.get("role")
        if role == "assistant":
            later = found[position + 1 :]
            history.extend(_answer(message, later, extras))
        elif role != "tool":
            history.append(message)
    return history


def _answer(message: ChatMessage, later: list[ChatMessage], extras: Collection[str]) -> list[ChatMessage]:
    results = _results(later)
    went_on = any(other.get("role") != "tool" for other in later)
    calls: list[dict[str, Any]] = []
    answers: list[ChatMessage] = []
    held = message.get("tool_calls")
    for call in held if isinstance(held, list) else ():
        result = results.get(call.get("id"))
        if call.get(STATE) == PARTIAL or (result is None and (went_on or call.get(STATE) == INVALID)):
            continue
        calls.append(_call(call, extras))
        if result is not None:
            answers.append(result)
    param = _param(message, extras)
    if calls:
        param["tool_calls"] = calls
    says_something = any(param.get(key) for key in ("content", "tool_calls", "function_call", "refusal", "audio"))
    return [param, *answers] if says_something else []


def _results(later: list[ChatMessage]) -> dict[Any, ChatMessage]:
    """The results among the messages after an answer, until the next one with calls of the same ids."""
    results: dict[Any, ChatMessage] = {}
    for other in later:
        if other.get("role") == "tool":
            call_id = other.get("tool_call_id")
            content = other.get("content")
            results[call_id] = {"role": "tool", "tool_call_id": call_id, "content": "" if content is None else content}
        elif other.get("role") == "assistant" and other.get("tool_calls"):
            break
    return results


def _param(message: ChatMessage, extras: Collection[str]) -> ChatMessage:
    param: ChatMessage = {"role": "assistant", "content": message.get("content")}
    for key in (*_ASSISTANT, *extras):
        if message.get(key) is not None:
            param[key] = message[key]
    audio = message.get("audio")
    if isinstance(audio, Mapping) and audio.get("id"):
        param["audio"] = {"id": audio["id"]}
    function_call = message.get("function_call")
    if isinstance(function_call, Mapping) and function_call.get("name") and STATE not in function_call:
        param["function_call"] = {key: function_call.get(key, "") for key in ("name", "arguments")}
    return param


def _call(call: Mapping[str, Any], extras: Collection[str]) -> dict[str, Any]:
    kind = "custom" if call.get("type") == "custom" else "function"
    body = call.get(kind)
    held = body if isinstance(body, Mapping) else {}
    fields = {key: held.get(key, "") for key in _CALL_BODIES[kind]}
    if kind == "function" and not str(fields["arguments"]).strip():
        fields["arguments"] = "{}"  # what servers mean that call without arguments, in a form that all of them read
    kept = {key: call[key] for key in extras if call.get(key) is not None}
    return {"id": call.get("id", ""), "type": kind, kind: fields, **kept}
