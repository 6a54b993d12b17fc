"""LangChain messages from the plain data that readers hold.

Classes are looked up in a fixed table and built by their constructors; nothing is loaded by a name off the wire. Data
that a class refuses is left out piece by piece: building never raises.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)

_log = logging.getLogger("ai_transport_codecs.codecs.langchain")

Values: TypeAlias = dict[str, Any]

INTERRUPT: Final = "interrupt"
"""The key of ``additional_kwargs`` that makes a message a graph's question to a person: its ``id`` and ``value``.

A question whether tools may run has ``calls`` besides: of each its ``tool_call_id``, ``name``, ``args`` and the
decisions that are ``allowed``.
"""

CUSTOM: Final = "custom"
"""The key of ``additional_kwargs`` under which a message has what a graph's node wrote with ``get_stream_writer()``."""

UPDATES: Final = "updates"
"""The key of ``additional_kwargs`` under which a message has what a graph's nodes did to its state, by ``node``."""

ASIDES: Final = frozenset({INTERRUPT, CUSTOM, UPDATES})
"""What messages without content say to people, and to no model."""

CLASSES: Final[Mapping[str, tuple[type[BaseMessage], type[BaseMessageChunk]]]] = {
    "ai": (AIMessage, AIMessageChunk),
    "chat": (ChatMessage, ChatMessageChunk),
    "function": (FunctionMessage, FunctionMessageChunk),
    "human": (HumanMessage, HumanMessageChunk),
    "system": (SystemMessage, SystemMessageChunk),
    "tool": (ToolMessage, ToolMessageChunk),
}
"""Message types on the wire, and the classes of a finished and of an unfinished message."""

FORMS: Final = ("chunks", "blocks", "whole")
"""How a message was streamed: as chunks that add up, as v3 content blocks, or not at all."""

_REQUIRED: Final[Mapping[str, Values]] = {
    "chat": {"role": "assistant"},
    "function": {"name": ""},
    "tool": {"tool_call_id": ""},
}
_TYPES: Final[Mapping[str, type]] = {
    "additional_kwargs": dict,
    "chunk_position": str,
    "id": str,
    "invalid_tool_calls": list,
    "name": str,
    "response_metadata": dict,
    "role": str,
    "status": str,
    "tool_call_chunks": list,
    "tool_call_id": str,
    "tool_calls": list,
    "usage_metadata": dict,
}
_RESERVED: Final = frozenset({"content", "content_blocks", "content_form", "extra", "self", "type"})
_CALL_CHUNKS: Final = frozenset({"tool_call_chunk", "server_tool_call_chunk"})
_OPTIONAL: Final[tuple[frozenset[str] | None, ...]] = (
    None,
    frozenset({"content", "id", "name", "role", "tool_call_id", "status", "additional_kwargs", "response_metadata"}),
    frozenset({"content", "role", "tool_call_id", "name"}),
    frozenset({"content"}),
)
"""What to keep of data that a class refuses, in the order of attempts."""


def build_message(kind: str, form: str, values: Values, *, is_complete: bool) -> BaseMessage:
    """A message of type ``kind`` from fresh data, which it may keep.

    A complete message has LangChain's final class. One that is still arriving, or was cut off, is a message chunk; its
    tool calls are in ``tool_call_chunks`` only, since calls with half of their arguments must not look ready to run.
    """
    extra = values.get("extra")
    fields = {**extra} if isinstance(extra, dict) else {}
    fields |= {key: value for key, value in values.items() if isinstance(value, _TYPES.get(key, object))}
    fields = {key: value for key, value in fields.items() if key not in _RESERVED and value is not None}
    fields["content"] = _content(values)
    build = _BUILDERS.get((form, is_complete)) or _BUILDERS["whole", is_complete]
    return _tolerant(build, kind, fields)


def _tolerant(build: Callable[[str, Values], BaseMessage], kind: str, fields: Values) -> BaseMessage:
    required = _REQUIRED.get(kind, {})
    for kept in _OPTIONAL:
        attempt = fields if kept is None else {key: value for key, value in fields.items() if key in kept}
        try:
            return build(kind, {**required, **attempt})
        except Exception as error:  # validators of message classes raise many things
            _log.debug("data of a %s message refused by its class: %s", kind, error)
    return CLASSES[kind][0](**required, content="")


def _content(values: Values) -> str | list[Any]:
    content = values.get("content")
    if isinstance(content, str):
        return content
    entries = [entry for entry in content if isinstance(entry, str | dict)] if isinstance(content, list) else []
    if values.get("content_form") == "list":
        return entries
    return "".join(entry for entry in entries if isinstance(entry, str))


def _finished(kind: str, fields: Values) -> BaseMessage:
    return CLASSES[kind][0](**fields)


def _unfinished(kind: str, fields: Values) -> BaseMessage:
    if kind != "ai":
        return CLASSES[kind][1](**fields)
    chunks = fields.pop("tool_call_chunks", [])
    calls = [*fields.pop("tool_calls", []), *fields.pop("invalid_tool_calls", [])]
    fields.pop("chunk_position", None)
    message = AIMessageChunk(**fields)
    # Set afterwards, because the constructor would derive calls from them, by parsing all arguments each time.
    message.tool_call_chunks = [_call_chunk(call) for call in [*chunks, *calls] if isinstance(call, dict)]
    message.tool_calls = []
    message.invalid_tool_calls = []
    return message


def _call_chunk(call: Values) -> Any:
    args = call.get("args")
    if args is not None and not isinstance(args, str):
        args = json.dumps(args)
    return {
        "name": call.get("name"),
        "args": args,
        "id": call.get("id"),
        "index": call.get("index"),
        "type": "tool_call_chunk",
    }


def _summed(kind: str, fields: Values) -> BaseMessage:
    """What LangChain makes of the sum of all chunks; the chunk class derives calls from the arguments, once."""
    final, chunk_class = CLASSES[kind]
    chunk = chunk_class(**fields)
    dropped = {"type", "tool_call_chunks", "chunk_position"}
    kept = {key: value for key, value in chunk.__dict__.items() if key not in dropped}
    return final(**(chunk.__pydantic_extra__ or {}), **kept)


def _assembled(kind: str, fields: Values) -> BaseMessage:
    """What LangChain's v3 stream assembles from finished blocks."""
    if kind != "ai" or isinstance(fields["content"], str):
        return _finished(kind, _with_output_version(fields))
    blocks = [_finished_block(block, position) for position, block in enumerate(fields["content"])]
    calls = [_call(block) for block in blocks if block.get("type") == "tool_call"]
    invalid = [_invalid_call(block) for block in blocks if block.get("type") == "invalid_tool_call"]
    return _finished(
        kind, _with_output_version({**fields, "content": blocks, "tool_calls": calls, "invalid_tool_calls": invalid})
    )


def _assembling(kind: str, fields: Values) -> BaseMessage:
    fields = _with_output_version(fields)
    if isinstance(fields["content"], list):
        blocks = [block for block in fields["content"] if isinstance(block, dict)]
        for block in blocks:
            if block.get("type") in ("text", "reasoning"):
                block.setdefault(block["type"], "")
        fields["tool_call_chunks"] = [
            block for block in blocks if block.get("type") in ("tool_call_chunk", "tool_call")
        ]
    return _unfinished(kind, fields)


def _with_output_version(fields: Values) -> Values:
    metadata = fields.get("response_metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return {**fields, "response_metadata": {**metadata, "output_version": "v1"}}


def _finished_block(block: Any, position: int) -> Values:
    if not isinstance(block, dict):
        return {"type": "text", "text": str(block), "index": position}
    kind = block.get("type")
    if kind in ("tool_call", "server_tool_call") and isinstance(block.get("args"), str):
        block["args"] = parse_args(block["args"])
    if kind not in ("tool_call", "invalid_tool_call"):
        block.setdefault("index", position)
        return block
    block.pop("index", None)
    if kind == "tool_call" and not isinstance(block.get("args", {}), dict):
        # LangChain's v3 stream raises here; its chunks make an invalid call of arguments that are no object.
        return {**block, "type": "invalid_tool_call", "args": json.dumps(block["args"]), "error": None}
    return block


def parse_args(text: str) -> Any:
    """Streamed arguments as the value they spell; the text itself when they spell none."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text


def _call(block: Values) -> Values:
    return {
        "id": block.get("id", ""),
        "name": block.get("name", ""),
        "args": block.get("args", {}),
        "type": "tool_call",
    }


def _invalid_call(block: Values) -> Values:
    fields = {key: block.get(key) or None for key in ("id", "name", "args")}
    return {"type": "invalid_tool_call", **fields, "error": block.get("error")}


_BUILDERS: Final[Mapping[tuple[str, bool], Callable[[str, Values], BaseMessage]]] = {
    ("chunks", True): _summed,
    ("chunks", False): _unfinished,
    ("blocks", True): _assembled,
    ("blocks", False): _assembling,
    ("whole", True): _finished,
    ("whole", False): _unfinished,
}
