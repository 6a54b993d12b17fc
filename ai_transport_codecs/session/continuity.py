"""What a client does when its channel lost continuity: fetch what was missed, in order, and then say so (1.4).

The reference tells its listeners and leaves the gap. Here the deliveries of the new attachment wait while the pages
that cover the gap are fetched; those are folded oldest first, then the deliveries, and then the error event is emitted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ai_transport_codecs.channels.protocol import ChannelState, ChannelStateChange
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.wire.messages import InboundMessage

from .connection import Connection, continuity_error
from .history import Hydrator
from .tree import Tree

MAX_HELD: Final = 10_000
"""Deliveries that wait for the history before them; beyond that they are taken as they come."""


class Continuity:
    """Keeps a client's tree without gaps. ``apply`` takes one delivery; ``on_gap`` hears of a gap that stays."""

    def __init__(
        self,
        tree: Tree[Any],
        hydrator: Hydrator,
        connection: Connection,
        *,
        apply: Callable[[InboundMessage], None],
        on_gap: Callable[[AITransportError], None],
    ) -> None:
        self._tree = tree
        self._hydrator = hydrator
        self._connection = connection
        self._apply = apply
        self._on_gap = on_gap
        self._since: str | None = None
        self._newest: str | None = None
        self._changes: deque[ChannelStateChange] = deque()
        self._held: deque[InboundMessage] | None = None
        self._task: asyncio.Task[None] | None = None

    def receive(self, message: InboundMessage) -> None:
        """Take a delivery, now or once what was missed before it is there."""
        if self._held is None:
            self._apply(message)
            return
        self._held.append(message)
        if len(self._held) >= MAX_HELD:
            self._release()

    def lose(self, change: ChannelStateChange) -> None:
        """Continuity is lost. What was missed can be fetched once the channel is attached again."""
        if self._newest is None:
            self._newest, self._since = self._tree.newest_serial, self._tree.unsettled_since()
        if change.current is not ChannelState.ATTACHED:
            error = continuity_error(change)
            if change.current is ChannelState.FAILED:
                self._on_gap(error)
            self._connection.report(error)
            return
        self._changes.append(change)
        if self._held is None:
            self._held = deque()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._refetch_all(), name="ai-transport-refetch")

    def close(self) -> None:
        """Fetch nothing any more."""
        if self._task is not None:
            self._task.cancel()
        self._held = None

    async def _refetch_all(self) -> None:
        try:
            while self._changes:
                change = self._changes.popleft()
                failure = await self._refetch()
                if not self._changes:
                    self._release()
                error = continuity_error(change, refetched=failure is None)
                if failure is not None:
                    self._on_gap(error)
                    self._connection.report(failure)
                elif not self._changes:
                    self._newest = self._since = None
                self._connection.report(error)
        finally:
            self._task = None
            self._release()  # whatever happened, nothing may wait for ever

    async def _refetch(self) -> AITransportError | None:
        """Fetch what was missed; the failure, if that cannot be done."""
        since, newest = self._since, self._newest
        try:
            if newest and since is not None:
                await self._hydrator.fold_since(since, newest)
            else:
                # Nothing was ever seen, so nothing tells what was missed from what is older.
                self._hydrator.restart()
                await self._hydrator.fold_until(lambda: self._connection.is_closed)
        except AITransportError as error:
            return error
        return None

    def _release(self) -> None:
        held, self._held = self._held, None
        for message in held or ():
            self._connection.guard(self._apply, message)
