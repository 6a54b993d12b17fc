"""What an agent is told to say: scripts of runs, the sources that say it, and a record of what they said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from ai_transport_codecs.session.run import Run
from ai_transport_codecs.session.steer_agent import own_messages

KINDS: Final = ("plain", "plain", "two", "retry", "raises", "asks", "listens", "slow")
"""What runs do: say something, in one message or two; fail and try the step again; fail; ask; take up steers."""


@dataclass
class Speech:
    """One source: what it yielded so far, and whether it came to its end. Its words name it."""

    number: int
    run_id: str
    words: list[str] = field(default_factory=list)
    is_whole: bool = False

    @property
    def text(self) -> str:
        return "".join(self.words)


class Author:
    """Writes the answers of all runs, and remembers them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.speeches: list[Speech] = []
        self.kinds: dict[str, str] = {}
        self.answered: dict[str, str | None] = {}
        """By run: the message it was started for."""
        self.open: dict[str, Run[str]] = {}
        """The runs whose handler is at work."""

    async def answer(self, run: Run[str]) -> None:
        """The handler of all runs. A run that is resumed, or adopted, goes on as it began."""
        run_id = run.run_id
        is_resumed = run_id in self.kinds and run.trigger.continued_run_id is not None
        kind = self.kinds.setdefault(run_id, self._random.choice(KINDS))
        self.answered.setdefault(run_id, run.trigger.message_id)
        self.open[run_id] = run
        try:
            await self._perform(run, "plain" if is_resumed else kind)
        finally:
            if (
                run.has_ended or not run.session.connection.is_closed
            ):  # else the process died, and another one adopts it
                self.open.pop(run_id, None)

    async def _perform(self, run: Run[str], kind: str) -> None:
        await run.view.load()
        if kind == "retry":
            await self._retry(run)
        elif kind == "listens":
            while run.has_input():
                await run.pipe(self.speak(run))
        else:
            await run.pipe(self.speak(run, pause=5.0 if kind == "slow" else 0.5, fails=kind == "raises"))
            if kind in ("two", "asks") and not run.cancel_token.is_cancelled:
                await run.pipe(self.speak(run))
            if kind == "asks" and not run.cancel_token.is_cancelled:
                node = run.session.tree.run(run.run_id)
                if node is not None and own_messages(node):
                    await run.suspend()

    async def _retry(self, run: Run[str]) -> None:
        for fails in (True, False):
            async with run.create_step() as step:
                result = await step.pipe(self.speak(run, fails=fails))
            if result.reason == "cancelled":
                return

    async def speak(self, run: Run[str], *, pause: float = 0.5, fails: bool = False) -> AsyncIterator[Any]:
        """A source: a stream of words, each after a pause."""
        speech = Speech(len(self.speeches), run.run_id)
        self.speeches.append(speech)
        count = self._random.randint(1, 6)
        yield {"type": "text-start", "id": "t"}
        for number in range(count):
            if self._random.random() < 0.7:
                await asyncio.sleep(self._random.random() * pause)
            word = f"w{speech.number}.{number} "
            speech.words.append(word)
            yield {"type": "text-delta", "id": "t", "delta": word}
        if fails:
            raise ValueError("the model hung up")
        yield {"type": "text-end", "id": "t"}
        speech.is_whole = True
