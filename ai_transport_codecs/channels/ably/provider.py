"""Channels from an ``AblyRealtime`` client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.channels.budget import MessageBudget
from ai_transport_codecs.errors import ChannelError, InvalidArgumentError

from .channel import AblyChannel
from .credentials import RestBeside
from .link import Link
from .sdk import AblyRealtime

MESSAGES_PER_SECOND: Final = 50
"""Ably's default limit for one connection, over all its channels."""

_ATTRIBUTE: Final = "_ai_transport_codecs_provider"


class AblyProvider:
    """The channels of one ``AblyRealtime`` client, as sessions take them.

    Use :func:`provider_of`, or give a session the client itself; a client has one provider.

    The client is changed where ably-python 3.1.4 goes wrong: it does not queue while it is offline (operations fail at
    once, and sessions repair them), acknowledgements settle what they name, a connection that only looks alive is made
    again, and frames lack nothing that ably-python relies on. Channels that the application uses besides go on working.

    ``messages_per_second`` is what the sessions of this client may publish together; None for no limit.
    """

    def __init__(self, client: Any, *, messages_per_second: int | None = MESSAGES_PER_SECOND) -> None:
        if not isinstance(client, AblyRealtime):
            raise InvalidArgumentError(
                f"a provider is made of an AblyRealtime client, not of a {type(client).__name__}"
            )
        if getattr(client, _ATTRIBUTE, None) is not None:
            raise InvalidArgumentError("this client has a provider already; use provider_of(client)")
        setattr(client, _ATTRIBUTE, self)
        self.client = client
        self.budget = None if messages_per_second is None else MessageBudget(messages_per_second)
        self._channels: dict[str, AblyChannel] = {}
        self._rest = RestBeside(client)
        self._link = Link(client, self._take)

    @property
    def is_connected(self) -> bool:
        """Whether the client is connected."""
        return self._link.is_connected

    @property
    def connection_id(self) -> str | None:
        """The id of the connection; another one after a reconnect that did not resume."""
        return self._link.connection_id

    def channel(
        self, name: str, *, params: Mapping[str, str] | None = None, modes: Sequence[str] | None = None
    ) -> AblyChannel:
        """The channel of that name on this connection; the same object each time.

        ``params`` are added to those it has, and ``modes`` replace those it has, for its next attachment.

        Raises ChannelError 40010 for an empty name, 40003 for a mode that does not exist.
        """
        if not name or not isinstance(name, str):
            raise ChannelError(
                f"a channel's name is a text that is not empty, not {name!r}", code=40010, status_code=400
            )
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = AblyChannel(self.client, name, self._link, self._rest.get, self.budget)
        channel.configure(params, modes)
        return channel

    async def ready(self) -> None:
        """Wait until the client is connected. Raises ChannelError with the reason for which it will not be."""
        await self._link.ready("connect")

    async def close(self) -> None:
        """Close the client, and what belongs to it. Idempotent.

        A server that does not take its leave is left without one, after the client's ``realtime_request_timeout``.
        """
        await self._rest.close()
        try:
            async with asyncio.timeout(self.client.options.realtime_request_timeout / 1000):
                await self.client.close()
        except TimeoutError:
            self._link.abort()
            await self.client.close()

    def _take(self, frame: Mapping[str, Any]) -> dict[str, Any] | None:
        name = frame.get("channel")
        if not isinstance(name, str) or name not in self.client.channels:
            return None  # of a channel that was released; ably-python would raise
        channel = self._channels.get(name)
        return dict(frame) if channel is None else channel.take(dict(frame))


def provider_of(client: Any) -> AblyProvider:
    """The provider of an ``AblyRealtime`` client; made, with Ably's default limit, when it has none."""
    known = getattr(client, _ATTRIBUTE, None)
    return known if isinstance(known, AblyProvider) else AblyProvider(client)
