"""What all connections of a server share, and how connections come to be, are taken up again and end."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.channels.memory import MemoryHub
from ai_transport_codecs.channels.memory.capability import Grant
from ai_transport_codecs.channels.memory.window import Handle, Timers
from ai_transport_codecs.errors import AITransportError

from . import refusals
from .authenticator import Authenticator
from .connect_params import ConnectParams, read_connect
from .faults import Faults
from .identity import ANYBODY, Identity
from .link import Link, failed
from .messages import SharedFrames
from .numbers import Action
from .rates import RateLimit
from .refusals import error_info
from .settings import Settings

if TYPE_CHECKING:
    from .connection import Connection

_RENEWAL: Final = 30.0
"""How long before a token expires its client is asked for another one, in seconds."""


class _Kept:
    """A connection that is known, with the timers that end something of it."""

    def __init__(self, connection: Connection, secret: str, params: ConnectParams) -> None:
        self.connection = connection
        self.secret = secret
        self.params = params
        self.keys = 0
        self.timers: list[Handle] = []

    def cancel_timers(self) -> None:
        while self.timers:
            self.timers.pop().cancel()


class Site:
    """A server without its sockets. ``make`` makes connections; ``now_ms`` gives the time since the epoch."""

    def __init__(
        self,
        hub: MemoryHub,
        authenticator: Authenticator,
        settings: Settings,
        timers: Timers,
        *,
        make: Callable[[str, Identity, Site, float], Connection],
        now_ms: Callable[[], int],
    ) -> None:
        self.hub = hub
        self.authenticator = authenticator
        self.settings = settings
        self.timers = timers
        self.faults = Faults()
        self.frames = SharedFrames()
        self._make = make
        self._now_ms = now_ms
        self._kept: dict[str, _Kept] = {}
        self._unlimited = RateLimit(0, timers.time)
        self._rates: dict[str, RateLimit] = {}

    # -- what connections ask ------------------------------------------------------------------------------------------

    def grant(self, identity: Identity, channel: str) -> Grant:
        """What the identity may do on that channel."""
        return identity.capability.operations(channel)

    def channel_rate(self, channel: str) -> RateLimit:
        """What may still be published on that channel."""
        rate = self._rates.get(channel, self._unlimited)
        if rate is self._unlimited and self.settings.max_channel_rate:
            rate = self._rates[channel] = RateLimit(self.settings.max_channel_rate, self.timers.time)
        return rate

    def welcome(self, connection: Connection, error: AITransportError | None = None) -> None:
        """Tell the client that it is connected, and who it is here."""
        kept = self._kept[connection.id]
        kept.keys += 1
        identity, settings = connection.identity, self.settings
        details: dict[str, Any] = {
            # A new key each time, or ably-js would not take over what comes with it.
            "connectionKey": f"{connection.id}!{kept.secret}-{kept.keys}",
            "maxMessageSize": settings.max_message_size,
            "maxFrameSize": settings.max_frame_size,
            "maxInboundRate": settings.max_rate or 1_000_000,
            "connectionStateTtl": settings.connection_state_ttl,
            "maxIdleInterval": kept.params.idle_interval,
            "serverId": "local",
        }
        if identity.client_id is not None:
            details["clientId"] = identity.client_id
        elif identity.is_wild and identity.expires is not None:
            details["clientId"] = ANYBODY
        frame: dict[str, Any] = {
            "action": int(Action.CONNECTED),
            "connectionId": connection.id,
            "connectionDetails": details,
        }
        if error is not None:
            frame["error"] = error_info(error)
        connection.send(frame)
        self._keep_time(kept)

    def forget(self, connection: Connection) -> None:
        """The connection is over."""
        kept = self._kept.pop(connection.id, None)
        if kept is not None:
            kept.cancel_timers()

    def close(self) -> None:
        """The server is over: nothing more happens by itself."""
        for kept in self._kept.values():
            kept.cancel_timers()

    # -- what sockets ask ----------------------------------------------------------------------------------------------

    def connect(self, link: Link, query: Mapping[str, str]) -> Connection | None:
        """The connection that a new socket is for; None when it was refused, and told so."""
        try:
            params = read_connect(query, self.settings)
            identity = self.authenticator.from_query(query)
        except AITransportError as refusal:
            link.end(failed(refusal))
            return None
        kept = None if params.resume is None else self._resumable(params.resume, identity)
        error = refusals.not_resumable() if params.resume is not None and kept is None else None
        if kept is None:
            id = secrets.token_hex(6)
            made = self._make(id, identity, self, params.window)
            kept = self._kept[id] = _Kept(made, secrets.token_urlsafe(12), params)
        connection = kept.connection
        kept.params = params
        connection.identity = identity
        connection.serve(link, echo=params.echo, window=params.window)
        self.welcome(connection, error)
        return connection

    def disconnected(self, connection: Connection, link: Link) -> None:
        """The socket is gone: the connection is kept for a while, and its members for a shorter one."""
        kept = self._kept.get(connection.id)
        if not connection.lose(link) or kept is None:
            return
        kept.cancel_timers()
        now = self.timers.time()
        kept.timers = [
            self.timers.call_at(now + kept.params.remain_present_for / 1000, connection.leave_presence),
            self.timers.call_at(now + self.settings.connection_state_ttl / 1000, lambda: self._expire(connection)),
        ]

    def _expire(self, connection: Connection) -> None:
        connection.leave()
        self.forget(connection)

    def _resumable(self, key: str, identity: Identity) -> _Kept | None:
        id, _, rest = key.partition("!")
        kept = self._kept.get(id)
        if kept is None:
            return None
        secret = rest.rpartition("-")[0]
        is_same = hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), kept.secret.encode())
        return kept if is_same and identity.can_replace(kept.connection.identity) else None

    # -- time ----------------------------------------------------------------------------------------------------------

    def _keep_time(self, kept: _Kept) -> None:
        kept.cancel_timers()
        connection, params, now = kept.connection, kept.params, self.timers.time()
        if params.heartbeats:
            self._beat(kept)
        expires = connection.identity.expires
        if expires is None:
            return
        left = (expires - self._now_ms()) / 1000
        kept.timers.append(self.timers.call_at(now + max(0.0, left), lambda: connection.drop(refusals.token_expired())))
        if left > 2 * _RENEWAL:
            ask = {"action": int(Action.AUTH)}
            kept.timers.append(self.timers.call_at(now + left - _RENEWAL, lambda: connection.send(ask)))

    def _beat(self, kept: _Kept) -> None:
        """Send a heartbeat when the time has come, and again and again."""

        def beat() -> None:
            kept.timers.remove(handle)
            kept.connection.send({"action": int(Action.HEARTBEAT)})
            self._beat(kept)

        handle = self.timers.call_at(self.timers.time() + kept.params.idle_interval / 1000, beat)
        kept.timers.append(handle)
