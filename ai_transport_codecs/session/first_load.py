"""The past that a client loads as it connects, and loads again when the channel is back, should that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ai_transport_codecs.channels.protocol import ChannelState, ChannelStateChange
from ai_transport_codecs.errors import AITransportError

from .connection import Connection


class FirstLoad:
    """Calls ``load`` until it has worked once: on connecting, then after each attachment of the channel.

    An outage that hides the past mostly takes the channel along, so a new attachment is when trying again may help.
    Each failure is an ``error`` event of the session (the reference leaves it at the first one, session spec 7.1).
    """

    def __init__(self, connection: Connection, load: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._load = load
        self._is_owed = True
        self._has_failed = False
        self._attachments = 0
        self._turn = asyncio.Lock()
        self._again: asyncio.Task[None] | None = None
        self._ignore_states = connection.channel.on_state_change(self._on_state)
        connection.on_close(self._close)

    async def run(self) -> None:
        """Load, if that has not worked yet."""
        async with self._turn:
            while self._is_owed and not self._connection.is_closed:
                attachments = self._attachments
                try:
                    await self._load()
                except AITransportError as error:
                    if not self._connection.is_closed:
                        self._connection.report(error)
                    if self._attachments == attachments:
                        self._has_failed = True
                        return
                else:
                    self._is_owed = False
                    self._ignore_states()

    def _on_state(self, change: ChannelStateChange) -> None:
        if change.current is not ChannelState.ATTACHED:
            return
        self._attachments += 1
        if self._has_failed:
            self._has_failed = False
            self._again = asyncio.get_running_loop().create_task(self.run(), name="ai-transport-first-load")

    def _close(self) -> None:
        self._ignore_states()
        if self._again is not None:
            self._again.cancel()
