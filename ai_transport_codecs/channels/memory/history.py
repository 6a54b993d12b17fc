"""Pages of a channel's past."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ai_transport_codecs.wire.messages import InboundMessage

from .hosted import HostedChannel


@dataclass(frozen=True, slots=True)
class HistoryReader:
    """Reads pages of ``limit`` messages; with ``through`` only those created up to that position.

    Each page takes ``latency`` seconds, and holds the latest versions there are when it is asked for.
    """

    hosted: HostedChannel
    limit: int
    through: str | None
    latency: float

    async def read(self, beyond: str | None = None) -> MemoryHistoryPage:
        """The newest page, or the one of messages older than ``beyond``."""
        records, has_next = self.hosted.log.page(self.limit, beyond=beyond, through=self.through)
        await asyncio.sleep(self.latency)
        oldest = records[-1].serial if records else None
        return MemoryHistoryPage(self, [record.message() for record in records], oldest if has_next else None)


class MemoryHistoryPage:
    """One page of history, newest message first."""

    __slots__ = ("_beyond", "_items", "_reader")

    def __init__(self, reader: HistoryReader, items: list[InboundMessage], beyond: str | None) -> None:
        self._reader = reader
        self._items = items
        self._beyond = beyond

    @property
    def items(self) -> Sequence[InboundMessage]:
        return self._items

    @property
    def has_next(self) -> bool:
        return self._beyond is not None

    async def next(self) -> MemoryHistoryPage | None:
        """The page of older messages, or None when there is none."""
        return None if self._beyond is None else await self._reader.read(self._beyond)
