"""What a stream of chunks amounts to: by the SDK's own accumulator, and by the plain rules for each field."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

TEXTS = {"data", "transcript", "arguments", "input"}
FIRST = {"id", "model", "created"}
ONCE = {"role", "name", "id", "type"}


def sdk_chunks(chunks: Iterable[dict[str, Any]]) -> list[ChatCompletionChunk]:
    """Objects as the SDK's client makes them."""
    return [ChatCompletionChunk.construct(**copy.deepcopy(chunk)) for chunk in chunks]


def accumulated(chunks: Iterable[dict[str, Any]]) -> Any:
    """What the SDK's accumulator has in the end. Raises whatever it raises."""
    state: Any = ChatCompletionStreamState()
    for chunk in sdk_chunks(chunks):
        state.handle_chunk(chunk)
    return state.current_completion_snapshot.to_dict()


def comparable(completion: Any) -> Any:
    """A completion without nulls, and without what the SDK adds to accumulate: indexes of calls, parsed values."""
    if isinstance(completion, list):
        return [comparable(each) for each in completion]
    if not isinstance(completion, dict):
        return completion
    found = {
        key: comparable(value)
        for key, value in completion.items()
        if value is not None and key not in {"parsed", "parsed_arguments"}
    }
    for call in found.get("tool_calls", ()):
        call.pop("index", None)
    return found


def right(chunks: Sequence[dict[str, Any]]) -> Any:
    """The completion, field by field as it should be: slow, simple, and for well-formed chunks only."""
    total: dict[str, Any] = {"id": "", "object": "chat.completion", "created": 0, "model": "", "choices": []}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in copy.deepcopy(chunks):
        for key, value in chunk.items():
            if value is None or key in {"choices", "object", "obfuscation"}:
                continue
            if key not in FIRST or (value and not total.get(key)):
                total[key] = last(total.get(key) if key != "usage" else None, value)
        for choice in chunk["choices"]:
            held = choices.setdefault(
                choice["index"], {"index": choice["index"], "message": {"role": "assistant"}, "calls": []}
            )
            add_choice(held, choice)
    for _, held in sorted(choices.items()):
        calls = held.pop("calls")
        if all(isinstance(call.get("index"), int) for call in calls):
            calls.sort(key=lambda call: call["index"])
        if calls:
            held["message"]["tool_calls"] = [
                {"id": "", "type": "function", "function": {"name": "", "arguments": ""}} | call for call in calls
            ]
            for call in held["message"]["tool_calls"]:
                call["function"] = {"name": "", "arguments": "", **call["function"]}
        total["choices"].append(held)
    return comparable(total)


def last(held: Any, value: Any) -> Any:
    return {**held, **value} if isinstance(held, dict) and isinstance(value, dict) else value


def add_choice(held: dict[str, Any], choice: dict[str, Any]) -> None:
    for key, value in choice.items():
        if key == "logprobs" and value is not None:
            logprobs = held.setdefault("logprobs", {})
            for name, entries in value.items():
                if entries is not None:
                    logprobs.setdefault(name, []).extend(entries)
        elif key not in {"delta", "index"} and value is not None:
            held[key] = last(held.get(key), value)
    for key, value in choice.get("delta", {}).items():
        if value is None:
            continue
        if key == "tool_calls":
            for piece in value:
                add_call(held["calls"], piece)
        else:
            add_field(held["message"], key, value)


def add_field(message: dict[str, Any], key: str, value: Any) -> None:
    if key in ONCE:
        message[key] = message.get(key) or value
    elif isinstance(value, str):
        message[key] = message.get(key, "") + value
    elif key in {"audio", "function_call"}:
        inner = message.setdefault(key, {"name": "", "arguments": ""} if key == "function_call" else {})
        for name, item in value.items():
            if name in TEXTS and isinstance(item, str):
                inner[name] = inner.get(name, "") + item
            elif item is not None:
                inner[name] = (inner.get(name) or item) if name in ONCE else item
    elif key == "reasoning_details" or (isinstance(value, list) and any("index" in each for each in value)):
        entries = message.setdefault(key, [])
        for entry in value:
            add_entry(entries, entry, ("text", "summary") if key == "reasoning_details" else ())
    elif isinstance(value, list):
        message.setdefault(key, []).extend(value)
    else:
        message[key] = last(message.get(key), value)


def add_entry(entries: list[Any], entry: dict[str, Any], texts: Sequence[str]) -> None:
    same = [
        held
        for held in entries
        if "index" in entry and held.get("index") == entry["index"] and (not texts or held["type"] == entry["type"])
    ]
    if not same:
        entries.append(entry)
        return
    for key, value in entry.items():
        if key in texts and isinstance(value, str):
            same[0][key] = (same[0].get(key) or "") + value
        elif value is not None:
            same[0][key] = value


def add_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    call = call_of(calls, piece)
    if call is None:
        call = {}
        calls.append(call)
    for key, value in piece.items():
        if key in {"function", "custom"}:
            inner = call.setdefault(key, {})
            for name, item in value.items():
                if name in TEXTS and item is not None:
                    inner[name] = inner.get(name, "") + item
                elif item is not None:
                    inner[name] = inner.get(name) or item
        elif value is not None and not (call.get(key) or call.get(key) == 0):
            call[key] = value


def call_of(calls: list[dict[str, Any]], piece: dict[str, Any]) -> dict[str, Any] | None:
    index, id_ = piece.get("index"), piece.get("id")
    name = piece.get("function", {}).get("name")
    if index is not None:
        found = [call for call in calls if call.get("index") == index]
        if found and id_ and found[-1].get("id") not in {None, "", id_} and name:
            return None
        return found[-1] if found else None
    if id_:
        found = [call for call in calls if call.get("id") == id_]
        return found[0] if found else None
    return calls[-1] if calls and not name else None
