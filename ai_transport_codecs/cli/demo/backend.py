"""Who answers: the bundled recordings over loopback HTTP, or a real provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from .isolation import local_environment
from .options import DemoOptions, RealProvider
from .pacing import no_pauses, pauses
from .provider import Hold, ReplayProvider, Take
from .recording import Recording, riddle, story

_CLOSING: Final = 5.0
"""The seconds within which a provider must have noticed that nobody listens any more."""


class Marks(NamedTuple):
    """After how many characters of an answer something happens."""

    join: int
    drop: int
    back: int
    cancel: int


class Backend(Protocol):
    """A provider, and what to ask of it."""

    @property
    def label(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def questions(self) -> tuple[str, str]: ...
    @property
    def marks(self) -> Marks: ...
    @property
    def patience(self) -> float:
        """The seconds after which something is wrong."""
        ...

    def let_answer_end(self) -> None:
        """Everything that has to happen during the first answer has happened."""

    async def noticed_cancel(self) -> bool | None:
        """Whether the provider's second stream was closed before its end; None when we cannot know."""


class RecordedBackend:
    """The recordings. Their ends are held back until :meth:`let_answer_end`, so that no timing spoils the story.

    At the usual pace that is long before; without pauses a slow machine might otherwise be late for the middle.
    """

    label = "recorded"
    model = "gpt-4o-mini"
    api_key = "not-needed"

    def __init__(self, options: DemoOptions) -> None:
        self._long, self._short = story(), riddle()
        self._holds = (Hold(int(0.95 * len(self._long.events))), Hold(int(0.8 * len(self._short.events))))
        takes = [_take(recording, hold, options) for recording, hold in zip(self._recordings, self._holds, strict=True)]
        self.provider = ReplayProvider(takes)
        self.patience = 60.0 + sum(sum(take.pauses) for take in takes)

    @property
    def _recordings(self) -> tuple[Recording, Recording]:
        return self._long, self._short

    @property
    def base_url(self) -> str:
        return self.provider.base_url

    @property
    def questions(self) -> tuple[str, str]:
        return self._long.question, self._short.question

    @property
    def marks(self) -> Marks:
        length = self._long.characters
        return Marks(length // 3, int(0.55 * length), int(0.8 * length), int(0.4 * self._short.characters))

    def let_answer_end(self) -> None:
        self._holds[0].release()

    async def noticed_cancel(self) -> bool | None:
        exchanges = self.provider.exchanges
        if len(exchanges) < 2:
            return False
        try:
            await asyncio.wait_for(exchanges[1].ended.wait(), _CLOSING)
        except TimeoutError:
            return False
        return exchanges[1].hung_up


@dataclass(frozen=True)
class RealBackend:
    """A provider of the user's. How long its answers are is not known, so things happen early in them."""

    provider: RealProvider
    label: str = "openai"
    questions: tuple[str, str] = (
        "Write a story about a cat, of about 500 words.",
        "Tell it again, from the point of view of the cat.",
    )
    marks: Marks = field(default_factory=lambda: Marks(join=300, drop=600, back=1_000, cancel=200))
    patience: float = 300.0

    @property
    def model(self) -> str:
        return self.provider.model

    @property
    def base_url(self) -> str:
        return self.provider.base_url

    @property
    def api_key(self) -> str:
        return self.provider.api_key

    def let_answer_end(self) -> None:
        pass

    async def noticed_cancel(self) -> bool | None:
        return None


@asynccontextmanager
async def open_backend(options: DemoOptions) -> AsyncIterator[Backend]:
    """The backend that the options ask for, ready to answer."""
    if options.real is not None:
        yield RealBackend(options.real)
        return
    backend = RecordedBackend(options)
    with local_environment():
        async with backend.provider:
            yield backend


def _take(recording: Recording, hold: Hold, options: DemoOptions) -> Take:
    return Take(recording, no_pauses(recording) if options.fast else pauses(recording, options.seed), hold)
