"""What the chain really produced, seen by LangChain's own callbacks, before any of our code has it."""

from __future__ import annotations

import functools
import operator
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, BaseMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk, LLMResult


class Produced:
    """What one turn's model said, chunk by chunk, as copies that nobody else holds."""

    def __init__(self) -> None:
        self.chunks: list[AIMessageChunk] = []
        self.tokens = 0
        """The chunks that have text."""
        self.text = ""
        self.prompt: list[BaseMessage] = []
        """What the model was asked."""
        self.error: BaseException | None = None
        self.has_ended = False

    def add(self, chunk: AIMessageChunk) -> None:
        """One more chunk."""
        self.chunks.append(chunk.model_copy(deep=True))
        text = str(chunk.text)
        self.tokens += bool(text)
        self.text += text

    def end(self, error: BaseException | None = None) -> None:
        """No more chunks."""
        self.error = error
        self.has_ended = True

    def whole(self) -> BaseMessage:
        """LangChain's own sum of all chunks, as the message it makes of them; an empty one without chunks."""
        return message_chunk_to_message(self._sum(self.chunks)) if self.chunks else AIMessage("")

    def prefix(self, text: str) -> BaseMessageChunk | None:
        """LangChain's own sum of the chunks that say just ``text``; None when no number of chunks does."""
        said = ""
        for count, chunk in enumerate(self.chunks, 1):
            said += str(chunk.text)
            if len(said) >= len(text):
                return self._sum(self.chunks[:count]) if said == text else None
        return None

    @staticmethod
    def _sum(chunks: list[AIMessageChunk]) -> BaseMessageChunk:
        return functools.reduce(operator.add, chunks)


class Witness(AsyncCallbackHandler):
    """Listens to a chain's model. Give it to the chain: ``chain.with_config(callbacks=[witness])``."""

    def __init__(self) -> None:
        self._turns: list[Produced] = []
        self._runs: dict[UUID, Produced] = {}
        self._started = 0

    def turn(self, index: int) -> Produced:
        """What the turn of that index produces; also before it began."""
        while len(self._turns) <= index:
            self._turns.append(Produced())
        return self._turns[index]

    @property
    def turns(self) -> list[Produced]:
        """What the turns produced, as far as they began."""
        return self._turns[: self._started]

    async def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """A turn's model begins."""
        produced = self._runs[run_id] = self.turn(self._started)
        produced.prompt = [message for part in messages for message in part]
        self._started += 1

    async def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """A chunk; LangChain awaits this before it hands the chunk on."""
        if isinstance(chunk, ChatGenerationChunk) and isinstance(chunk.message, AIMessageChunk):
            self._runs[run_id].add(chunk.message)

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """The model is done."""
        self._runs[run_id].end()

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """The model failed, or was stopped."""
        self._runs[run_id].end(error)
