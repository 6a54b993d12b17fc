"""The same words, and the same tool call, as each codec's framework streams them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from llama_index.core.agent.workflow import AgentStream
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock

from . import sources


class CodecSources(NamedTuple):
    """Streams of one codec, of so many deltas: ``text``, and a tool call's ``arguments`` where they come in pieces."""

    text: Callable[[int], Sequence[Any]]
    arguments: Callable[[int], Sequence[Any]]


# --- openai-chat


def _chat(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    head = {"id": sources.RUN_ID, "object": "chat.completion.chunk", "created": 1_764_000_000, "model": "gpt-x"}
    return {**head, "choices": [choice]}


def chat_text(count: int) -> list[dict[str, Any]]:
    """Chunks of chat completions, as dictionaries."""
    first = _chat({"role": "assistant", "content": ""})
    return [first, *(_chat({"content": word}) for word in sources.words(count)), _chat({}, "stop")]


def chat_arguments(count: int) -> list[dict[str, Any]]:
    """Chunks of one tool call."""
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write", "arguments": ""}}
    pieces = ({"index": 0, "function": {"arguments": piece}} for piece in sources.argument_pieces(count))
    return [_chat({"tool_calls": [call]}), *(_chat({"tool_calls": [piece]}) for piece in pieces), _chat({}, "stop")]


# --- openai-responses


def responses_text(count: int) -> list[dict[str, Any]]:
    """Events of one message of the Responses API, as dictionaries."""
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    text = "".join(sources.words(count))
    done = {**item, "status": "completed", "content": [{**part, "text": text}]}
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **at, "part": part},
        *({"type": "response.output_text.delta", **at, "delta": word, "logprobs": []} for word in sources.words(count)),
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": {**part, "text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
    ]


def responses_arguments(count: int) -> list[dict[str, Any]]:
    """Events of one function call."""
    call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "write", "arguments": ""}
    at = {"item_id": "fc_1", "output_index": 0}
    pieces = sources.argument_pieces(count)
    whole = "".join(pieces)
    done = {**call, "arguments": whole, "status": "completed"}
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": {**call, "status": "in_progress"}},
        *({"type": "response.function_call_arguments.delta", **at, "delta": piece} for piece in pieces),
        {"type": "response.function_call_arguments.done", **at, "arguments": whole, "name": "write"},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
    ]


# --- vercel


def ui_text(count: int) -> list[dict[str, Any]]:
    """UI message chunks of one text."""
    deltas = [{"type": "text-delta", "id": "0", "delta": word} for word in sources.words(count)]
    return [
        *({"type": "start"}, {"type": "start-step"}, {"type": "text-start", "id": "0"}),
        *deltas,
        *({"type": "text-end", "id": "0"}, {"type": "finish-step"}, {"type": "finish", "finishReason": "stop"}),
    ]


def ui_arguments(count: int) -> list[dict[str, Any]]:
    """UI message chunks of one tool call."""
    call, pieces = {"toolCallId": "call_1", "toolName": "write"}, sources.argument_pieces(count)
    return [
        *({"type": "start"}, {"type": "start-step"}, {"type": "tool-input-start", **call}),
        *({"type": "tool-input-delta", "toolCallId": "call_1", "inputTextDelta": piece} for piece in pieces),
        {"type": "tool-input-available", **call, "input": json.loads("".join(pieces))},
        *({"type": "finish-step"}, {"type": "finish", "finishReason": "tool-calls"}),
    ]


# --- llamaindex


def llama_text(count: int) -> list[ChatResponse]:
    """Responses of ``astream_chat``, whose message is the same each time: only the delta is read."""
    message = ChatMessage(role=MessageRole.ASSISTANT, content="")
    return [ChatResponse(message=message, delta=word) for word in sources.words(count)]


def llama_calls(count: int) -> list[AgentStream]:
    """An agent's stream while a tool call grows: LlamaIndex gives the whole arguments so far, never a piece."""
    pieces = sources.argument_pieces(count)
    block = ToolCallBlock(tool_call_id="call_1", tool_name="write", tool_kwargs={"text": "".join(pieces)})
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[block])
    return [
        AgentStream(delta=word, response="", current_agent_name="agent", tool_calls=[], raw=None)
        for word in sources.words(count - 1)
    ] + [ChatResponse(message=message, delta="")]  # type: ignore[list-item]  # the source of a handler may mix them


SOURCES: Final = {
    "langchain": CodecSources(sources.text_chunks, sources.argument_chunks),
    "llamaindex": CodecSources(llama_text, llama_calls),
    "openai-chat": CodecSources(chat_text, chat_arguments),
    "openai-responses": CodecSources(responses_text, responses_arguments),
    "vercel": CodecSources(ui_text, ui_arguments),
}
