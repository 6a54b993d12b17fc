"""Who is on a channel, through ably-python's presence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ai_transport_codecs.channels.memory import refusals as channel_refusals
from ai_transport_codecs.channels.memory.admission import admitted_presence_data
from ai_transport_codecs.channels.memory.listeners import Listeners
from ai_transport_codecs.channels.protocol import PresenceEvent, PresenceMember, Unsubscribe

from . import refusals
from .link import Link

_ACTIONS: Final = ("absent", "present", "enter", "leave", "update")


class AblyPresence:
    """Presence on one channel. ``check_named`` raises when the client may not enter, because it has no name."""

    def __init__(self, presence: Any, channel: str, link: Link, client_id: Callable[[], str | None]) -> None:
        self._presence = presence
        self._channel = channel
        self._link = link
        self._client_id = client_id
        self._listeners: Listeners[PresenceEvent] = Listeners("presence")
        # One listener for all (P17); and its subscribe() would attach the channel.
        presence._subscriptions.on(self._hear)  # noqa: SLF001

    async def enter(self, data: Any = None) -> None:
        """Enter, or change what is shown. Attaches the channel. Raises ChannelError 91000 for a client without id."""
        await self._do("enter", self._presence.enter, data)

    async def update(self, data: Any = None) -> None:
        """Change what is shown, or enter."""
        await self._do("enter", self._presence.update, data)

    async def leave(self, data: Any = None) -> None:
        """Leave."""
        await self._do("leave", self._presence.leave, data)

    async def get(self) -> list[PresenceMember]:
        """Everybody who is there now."""
        try:
            members = await self._presence.get()
        except Exception as error:
            raise refusals.refused("read presence", self._channel, error) from error
        return [_member(member) for member in members]

    def subscribe(self, listener: Callable[[PresenceEvent], None]) -> Unsubscribe:
        """Call ``listener`` for whoever is there, comes, changes or leaves. What it raises is logged."""
        return self._listeners.add(listener)

    async def _do(self, doing: str, act: Callable[[Any], Any], data: Any) -> None:
        await self._link.ready(f"{doing} presence")
        client_id = self._client_id()
        if not client_id or client_id == "*":
            raise channel_refusals.anonymous_presence(self._channel)
        own = admitted_presence_data(data, self._link.max_message_size)
        try:
            await act(own)
        except Exception as error:
            raise refusals.refused(f"{doing} presence", self._channel, error) from error

    def _hear(self, message: Any) -> None:
        action = int(message.action)
        if 0 < action < len(_ACTIONS):
            self._listeners.tell(lambda: PresenceEvent(_ACTIONS[action], _member(message)))


def _member(message: Any) -> PresenceMember:
    return PresenceMember(str(message.client_id), str(message.connection_id), message.data)
