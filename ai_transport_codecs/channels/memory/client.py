"""A client of the in-process engine: one connection, which can be cut, taken up again and closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ai_transport_codecs.errors import ChannelError

from . import refusals
from .channel import MemoryChannel
from .connection import Connection

if TYPE_CHECKING:
    from .hub import MemoryHub


class MemoryClient:
    """One connection to a :class:`~.hub.MemoryHub`; made by :meth:`~.hub.MemoryHub.client`, connected at once.

    It can be used as an async context manager, which closes it.
    """

    def __init__(self, connection: Connection, hub: MemoryHub) -> None:
        self._connection = connection
        self._hub = hub
        self._channels: dict[str, MemoryChannel] = {}
        self._keeps_state = True

    @property
    def client_id(self) -> str | None:
        """The identity of this client; None when it is anonymous."""
        return self._connection.client_id

    @property
    def connection_id(self) -> str:
        """The id of the connection; another one after a reconnect that did not resume."""
        return self._connection.id

    @property
    def is_connected(self) -> bool:
        return self._connection.is_open

    def channel(
        self, name: str, *, params: Mapping[str, str] | None = None, modes: Sequence[str] | None = None
    ) -> MemoryChannel:
        """The channel of that name on this connection; the same object each time.

        ``params`` are added to those it has, and ``modes`` replace those it has, for its next attachment. Params that
        count: ``rewind`` (a number of messages, or of seconds as ``"15s"`` or minutes as ``"2m"``; with
        ``rewindLimit``, at most 100), ``echo="false"``, ``appendMode="full"``.

        Raises ChannelError 40010 for an empty name.
        """
        if not name or not isinstance(name, str):
            raise ChannelError(
                f"a channel's name is a text that is not empty, not {name!r}", code=40010, status_code=400
            )
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = MemoryChannel(self._connection, self._hub.hosted(name))
        channel.configure(params, modes)
        return channel

    async def disconnect(self) -> None:
        """Cut the connection. Channels keep their state; nothing is delivered, and writes raise ChannelError 80003.

        Operations that were not acknowledged raise 80003 too, and may have been applied. Members leave presence.
        """
        if not self._connection.is_open:
            return
        self._connection.cut()
        for channel in self._channels.values():
            channel.cut()

    async def suspend(self) -> None:
        """Cut the connection for longer than its state is kept: attached channels become suspended."""
        self._connection.check_usable("suspend")
        await self.disconnect()
        self._keeps_state = False
        for channel in self._channels.values():
            channel.suspend()

    async def reconnect(self, *, resume: bool = True) -> None:
        """Connect again, and attach again what was attached; returns once all that was missed is delivered.

        With ``resume``, channels get what they missed, in order, after a state change to attached with ``resumed``
        true. Without it, after :meth:`suspend`, or on a channel where the hub no longer holds all that was missed, the
        attachment is a new one: ``resumed`` is false, and history is the way to what was missed.

        Raises ChannelError 80017 after :meth:`close`.
        """
        connection = self._connection
        if connection.is_closed:
            raise refusals.closed("reconnect")
        if connection.is_open:
            return
        resumes = resume and self._keeps_state
        self._keeps_state = True
        if not resumes:
            connection.id = self._hub.next_connection_id()
        connection.is_open = True
        for channel in self._channels.values():
            channel.reattach(resume=resumes)
        await connection.round_trip()

    async def close(self) -> None:
        """Close for good. Channels become detached; operations under way are acknowledged. Idempotent."""
        if self._connection.is_closed:
            return
        self._connection.close()
        for channel in self._channels.values():
            channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
