"""A server without sockets, and with a clock that a test turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_transport_codecs.channels.memory import MemoryHub
from ai_transport_codecs.server import Settings, parse_key
from ai_transport_codecs.server.authenticator import Authenticator
from ai_transport_codecs.server.connection import Connection
from ai_transport_codecs.server.faults import Faults
from ai_transport_codecs.server.formats import Format
from ai_transport_codecs.server.identity import Identity
from ai_transport_codecs.server.keys import KeyRing
from ai_transport_codecs.server.link import Link
from ai_transport_codecs.server.rest.routes import Rest
from ai_transport_codecs.server.site import Site
from tests.server.clock import ManualTimers
from tests.server.wire import KEY, Frame


class Bench:
    """A site without sockets: raw frames in, raw frames out."""

    def __init__(self, wire: Format) -> None:
        self.timers = ManualTimers()
        self.site = Site(
            MemoryHub(clock=lambda: self.now_ms() / 1000, site="local"),
            Authenticator(KeyRing([parse_key(KEY)]), self.now_ms),
            Settings(max_channels=5),
            self.timers,
            make=_connection,
            now_ms=self.now_ms,
        )
        self.rest = Rest(self.site, now_ms=self.now_ms, faults=True)
        self.wire = wire

    def now_ms(self) -> int:
        return 1_800_000_000_000 + round(self.timers.time() * 1000)

    def link(self) -> Link:
        return Link(
            self.wire,
            mark=lambda: 0,
            wake=lambda: None,
            ended=lambda: None,
            abort=lambda: None,
            limit=10_000_000,
            faults=Faults(),
        )

    def connect(self, **query: str) -> tuple[Connection, Link]:
        link = self.link()
        connection = self.site.connect(link, query if "accessToken" in query else {"key": KEY, **query})
        assert connection is not None
        return connection, link

    def say(self, who: tuple[Connection, Link], frame: Mapping[str, Any]) -> None:
        """Let the client say this."""
        connection, link = who
        connection.receive(link, self.wire.encode(frame))

    def sent(self, link: Link) -> list[Frame]:
        """What was sent since it was last asked."""
        frames = []
        while (parcel := link.take()) is not None:
            frames.append(self.wire.decode(parcel.raw))
        return frames


def _connection(id: str, identity: Identity, site: Site, window: float) -> Connection:
    return Connection(id, identity, site, window=window)
