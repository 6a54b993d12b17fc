"""An agent that says what the story tells it to, and when: so nothing of a story depends on how fast a model is."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any, Final

from ai_transport_codecs.session.opening import OpenableRun
from tests.browser.device import PATIENCE

Chunk = dict[str, Any]

_NUMBERS: Final = itertools.count(1)


class Answer:
    """One run of the agent, which is open until the story finishes it, breaks it, or somebody cancels it."""

    def __init__(self, run: OpenableRun[Any]) -> None:
        self._run = run
        self._chunks: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue()
        self._text = f"t{next(_NUMBERS)}"
        self._has_text = False
        self._asks = False
        self.is_closed = asyncio.Event()
        # The conversation that it answers, as a model would get it.
        self.prompt = [
            "".join(part.get("text", "") for part in each.message["parts"]) for each in run.view.get_messages()
        ]
        self._put({"type": "start"}, {"type": "start-step"})

    async def perform(self) -> None:
        """Say it; what the run's handler does."""
        result = await self._run.pipe(self._source())
        if self._asks and result.reason == "complete":
            await self._run.suspend()

    def thinks(self, *words: str) -> None:
        id_ = f"r{next(_NUMBERS)}"
        self._put({"type": "reasoning-start", "id": id_})
        self._put(*({"type": "reasoning-delta", "id": id_, "delta": word} for word in words))
        self._put({"type": "reasoning-end", "id": id_})

    def words(self, *words: str) -> None:
        if not self._has_text:
            self._put({"type": "text-start", "id": self._text})
            self._has_text = True
        self._put(*({"type": "text-delta", "id": self._text, "delta": word} for word in words))

    def finish(self) -> None:
        """The answer is whole."""
        if self._has_text:
            self._put({"type": "text-end", "id": self._text})
        self._put({"type": "finish-step"}, {"type": "finish", "finishReason": "stop"})
        self._chunks.put_nowait(None)

    def breaks(self, error: Exception) -> None:
        """The model fails."""
        self._chunks.put_nowait(error)

    async def hears_the_cancel(self) -> None:
        """Wait until nobody listens to the model any more."""
        async with asyncio.timeout(PATIENCE):
            await self.is_closed.wait()

    def _put(self, *chunks: Chunk) -> None:
        for chunk in chunks:
            self._chunks.put_nowait(chunk)

    async def _source(self) -> AsyncIterator[Chunk]:
        try:
            while (chunk := await self._chunks.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.is_closed.set()


class Agent:
    """The agent of one session. A story asks it for the answer that it is to give next."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()

    async def answer(self, run: OpenableRun[Any]) -> None:
        """The handler of a run."""
        await run.view.load()
        answer = Answer(run)
        self._answers.put_nowait(answer)
        await answer.perform()

    async def asked(self) -> Answer:
        """Wait until somebody asked something; the answer to it, not yet begun."""
        async with asyncio.timeout(PATIENCE):
            return await self._answers.get()

    async def says(self, *words: str) -> Answer:
        """Wait until somebody asked something, and answer with just that."""
        answer = await self.asked()
        answer.words(*words)
        answer.finish()
        return answer
