"""Where what channels take in is kept; and for how long whoever tells of it has to wait."""

from __future__ import annotations

from typing import Protocol

from ai_transport_codecs.channels.memory.records import Entry


class Journal(Protocol):
    """Keeps entries in their order. ``mark`` counts those it was given, so each has a number."""

    @property
    def mark(self) -> int: ...
    @property
    def is_busy(self) -> bool:
        """Whether so much waits to be kept that nothing more should be taken in for now."""
        ...

    def add(self, channel: str, entry: Entry) -> None: ...
    def holds(self, mark: int) -> bool:
        """Whether everything up to there is kept."""
        ...

    async def reach(self, mark: int) -> None:
        """Wait until everything up to there is kept. Raises ChannelError 50000 when it cannot be."""
        ...

    async def close(self) -> None:
        """Keep what is left, and be done."""
        ...


class NoJournal:
    """Keeps nothing, so nobody waits."""

    mark = 0
    is_busy = False

    def add(self, channel: str, entry: Entry) -> None:
        """Nothing is kept."""

    def holds(self, mark: int) -> bool:
        return True

    async def reach(self, mark: int) -> None:
        return

    async def close(self) -> None:
        return
