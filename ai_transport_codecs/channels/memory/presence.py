"""Presence of one client on one channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from ai_transport_codecs.channels.protocol import ChannelState, PresenceEvent, PresenceMember, Unsubscribe
from ai_transport_codecs.wire.absent import ABSENT

from . import refusals
from .capability import Grant
from .connection import Connection
from .hosted import HostedChannel
from .json_values import copied
from .listeners import Listeners
from .presence_set import PresenceSet
from .records import Member, Publisher

_ATTACHING: Final = frozenset({ChannelState.ATTACHING, ChannelState.ATTACHED})


class Attached(Protocol):
    """The part of a channel that presence needs."""

    @property
    def state(self) -> ChannelState: ...
    @property
    def modes(self) -> frozenset[str]: ...
    @property
    def grant(self) -> Grant: ...
    async def attach(self) -> None: ...


class MemoryPresence:
    """Who is on the channel. Entering and reading attach the channel when it is not.

    A member that was cut off enters again by itself when its channel is attached again.
    """

    def __init__(self, connection: Connection, hosted: HostedChannel, channel: Attached) -> None:
        self._connection = connection
        self._hosted = hosted
        self._channel = channel
        self._set = PresenceSet()
        self._listeners: Listeners[PresenceEvent] = Listeners("presence")
        self._own: Any = ABSENT

    async def enter(self, data: Any = None) -> None:
        """Be present, with data to show. Raises ChannelError 91000 (no client id), 40160, 40013, 40009 or 80003."""
        await self._put("enter presence", data)

    async def update(self, data: Any = None) -> None:
        """Show other data; enters when not present. Raises as :meth:`enter`."""
        await self._put("update presence", data)

    async def leave(self, data: Any = None) -> None:
        """Be present no longer. Raises as :meth:`enter`."""
        self._check("leave presence")
        self._own = ABSENT
        if self._channel.state in _ATTACHING:
            await self._connection.perform(
                self._hosted, lambda publisher: self._hosted.remove_member(self._member(publisher, data))
            )

    async def get(self) -> list[PresenceMember]:
        """The members, in the order they entered. Raises ChannelError 91008 without PRESENCE_SUBSCRIBE."""
        await self._channel.attach()
        if "PRESENCE_SUBSCRIBE" not in self._channel.modes:
            raise refusals.no_presence_subscription(self._hosted.name)
        return [_own(member) for member in self._set.members]

    def subscribe(self, listener: Callable[[PresenceEvent], None]) -> Unsubscribe:
        """Call ``listener`` for each change from now on; for who is there already when the channel is attached."""
        return self._listeners.add(listener)

    async def _put(self, doing: str, data: Any) -> None:
        self._check(doing)
        await self._channel.attach()
        # Attached without the mode although the client is allowed to: somebody chose the modes so.
        if "PRESENCE" not in self._channel.modes and "presence" in self._channel.grant:
            raise refusals.not_in_modes(doing, self._hosted.name, "PRESENCE", self._channel.modes)

        def put(publisher: Publisher) -> None:
            self._hosted.put_member(self._member(publisher, data))
            self._own = copied(data)

        await self._connection.perform(self._hosted, put)

    def _member(self, publisher: Publisher, data: Any) -> Member:
        return self._hosted.member(publisher, data, self._channel.grant)

    def _check(self, doing: str) -> None:
        self._connection.check_usable(doing)
        if self._connection.client_id in {None, "*"}:
            raise refusals.anonymous_presence(self._hosted.name)

    # -- called by the channel -----------------------------------------------------------------------------------------

    def synchronise(self, members: Iterable[PresenceMember]) -> None:
        """The channel was attached, and these are there."""
        for event in self._set.become(list(members)):
            self._tell(event)
        if self._own is not ABSENT:
            publisher = Publisher(self._connection.id, self._connection.client_id, 0)
            self._hosted.put_member(self._member(publisher, self._own))

    def take(self, event: PresenceEvent) -> None:
        """Somebody entered, changed or left."""
        self._set.follow(event)
        self._tell(event)

    def forget(self) -> None:
        """The channel is not attached any more."""
        self._own = ABSENT
        self._set = PresenceSet()

    def _tell(self, event: PresenceEvent) -> None:
        if "PRESENCE_SUBSCRIBE" in self._channel.modes:
            self._listeners.tell(lambda: PresenceEvent(event.action, _own(event.member)))


def _own(member: PresenceMember) -> PresenceMember:
    return PresenceMember(member.client_id, member.connection_id, copied(member.data))
