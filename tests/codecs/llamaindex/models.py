"""Scripted LLMs on LlamaIndex's own base classes, each in one of the manners that its integrations have."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.workflow import Event

EventT = TypeVar("EventT", bound=Event)

Manner = Literal["cumulative", "deltas", "no delta", "cumulative without delta"]


@dataclass(frozen=True)
class Piece:
    """What one response adds."""

    text: str = ""
    thinking: str = ""
    call: str = ""
    """The id of a tool call, whose name is the part before the dash."""
    args: str = ""
    raw: Any = None


@dataclass
class _Answer:
    text: str = ""
    thinking: str = ""
    calls: dict[str, str] = field(default_factory=dict)

    def blocks(self) -> list[Any]:
        thinking = [ThinkingBlock(content=self.thinking)] if self.thinking else []
        return [*thinking, *([TextBlock(text=self.text)] if self.text else []), *self._calls()]

    def _calls(self) -> list[ToolCallBlock]:
        return [
            ToolCallBlock(tool_call_id=id_, tool_name=id_.partition("-")[0], tool_kwargs=args)
            for id_, args in self.calls.items()
        ]


def responses(pieces: Sequence[Piece], manner: Manner = "cumulative") -> list[ChatResponse]:
    """The responses that an integration of this manner makes of the pieces."""
    whole = _Answer()
    found = []
    for piece in pieces:
        whole.text += piece.text
        whole.thinking += piece.thinking
        if piece.call:
            whole.calls[piece.call] = whole.calls.get(piece.call, "") + piece.args
        only = _Answer(piece.text, piece.thinking, {piece.call: whole.calls[piece.call]} if piece.call else {})
        said = whole if manner.startswith("cumulative") else only
        found.append(
            ChatResponse(
                message=ChatMessage(role="assistant", blocks=said.blocks()),
                delta=None if "delta" in manner and manner != "deltas" else piece.text,
                raw=piece.raw,
                additional_kwargs={"thinking_delta": piece.thinking} if piece.thinking else {},
            )
        )
    return found


class ScriptedLLM(FunctionCallingLLM):
    """Answers each request with the next of its scripts."""

    manner: Manner = "cumulative"
    _scripts: list[Sequence[Piece]] = PrivateAttr(default_factory=list)
    _requests: list[list[ChatMessage]] = PrivateAttr(default_factory=list)
    _closed: list[str] = PrivateAttr(default_factory=list)

    def __init__(self, *scripts: Sequence[Piece], manner: Manner = "cumulative") -> None:
        super().__init__(manner=manner)
        self._scripts = list(scripts)

    @property
    def requests(self) -> list[list[ChatMessage]]:
        """What the model was asked, request by request."""
        return self._requests

    @property
    def closed(self) -> list[str]:
        """How each answer ended: to its end, or before."""
        return self._closed

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True)

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        self._requests.append([message.model_copy(deep=True) for message in messages])
        script = responses(self._scripts.pop(0), self.manner)

        async def answer() -> AsyncIterator[ChatResponse]:
            how = "cut off"
            try:
                for response in script:
                    yield response
                how = "complete"
            finally:
                self._closed.append(how)

        return answer()  # type: ignore[return-value]  # an async generator, as an iterator

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        self._requests.append(list(messages))
        return responses(self._scripts.pop(0))[-1]

    def _prepare_chat_with_tools(self, tools: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"messages": kwargs.get("chat_history") or []}

    def get_tool_calls_from_response(self, response: ChatResponse, *args: Any, **kwargs: Any) -> list[ToolSelection]:
        return [
            ToolSelection(
                tool_id=block.tool_call_id or "", tool_name=block.tool_name, tool_kwargs=_parsed(block.tool_kwargs)
            )
            for block in response.message.blocks
            if isinstance(block, ToolCallBlock)
        ]

    def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:
        raise NotImplementedError

    def complete(self, *args: Any, **kwargs: Any) -> CompletionResponse:
        raise NotImplementedError

    async def acomplete(self, *args: Any, **kwargs: Any) -> CompletionResponse:
        raise NotImplementedError

    def stream_chat(self, messages: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def stream_complete(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def astream_complete(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


class CompletionLLM(CustomLLM):
    """A model without chat, as a user's own often is; each answer is one of its texts, word by word."""

    _texts: list[str] = PrivateAttr(default_factory=list)

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self._texts = list(texts)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_function_calling_model=False)

    @llm_completion_callback()
    def complete(self, *args: Any, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self._texts.pop(0))

    @llm_completion_callback()
    def stream_complete(self, *args: Any, **kwargs: Any) -> CompletionResponseGen:
        words = self._texts.pop(0).split(" ")
        pieces = [word if number == 0 else f" {word}" for number, word in enumerate(words)]
        for number, piece in enumerate(pieces):
            yield CompletionResponse(text="".join(pieces[: number + 1]), delta=piece)


def dynamic(cls: type[EventT], **fields: Any) -> EventT:
    """An event with fields that its class does not declare."""
    make: Any = cls
    made: EventT = make(**fields)
    return made


def _parsed(kwargs: Any) -> Any:
    try:
        return json.loads(kwargs or "{}") if isinstance(kwargs, str) else kwargs
    except ValueError:
        return {}
