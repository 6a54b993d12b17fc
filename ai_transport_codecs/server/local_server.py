"""The server as a program or a test uses it: one port, started and stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from ai_transport_codecs.channels.memory import MemoryHub
from ai_transport_codecs.errors import UsageError

from .authenticator import Authenticator
from .connection import Connection
from .faults import Faults
from .http_edge import HttpEdge
from .identity import Identity
from .journal import Journal, NoJournal
from .keys import Key, KeyRing, new_key, parse_key
from .rest.routes import Rest
from .settings import Settings
from .site import Site
from .websocket import WebSocketEdge


class LocalServer:
    """A server that speaks Ably's protocol on ``host`` and ``port``, WebSocket and REST; 0 picks a port.

    For development, tests and single-machine use; use Ably in production::

        async with LocalServer(keys=["app.key:secret"]) as server:
            client = AblyRealtime("app.key:secret", endpoint=f"127.0.0.1:{server.port}", tls=False)

    Without ``keys`` it makes one up: :attr:`keys`. ``db`` is a file in which it keeps everything that it acknowledges.
    ``faults`` opens :attr:`faults`, also under ``/_faults``, for tests. ``clock`` gives seconds since the epoch.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str | Key] = (),
        port: int = 0,
        host: str = "127.0.0.1",
        db: str | Path | None = None,
        faults: bool = False,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        listed = [parse_key(key) if isinstance(key, str) else key for key in keys]
        self.keys = tuple(listed or [new_key()])
        """The keys that clients may use."""
        self._ring = KeyRing(self.keys)
        self._host = host
        self._asked_port = port
        self._db = db
        self._has_faults = faults
        self._settings = settings or Settings()
        self._clock = clock
        self._port: int | None = None
        self._runner: web.AppRunner | None = None
        self._journal: Journal = NoJournal()
        self._site: Site | None = None

    @property
    def port(self) -> int:
        """The port that it listens on. Raises UsageError before it does."""
        if self._port is None:
            raise UsageError("the server does not listen yet; use it with 'async with', or call start()")
        return self._port

    @property
    def url(self) -> str:
        """Where it is found."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose. Raises UsageError unless the server was started with ``faults=True``."""
        if not self._has_faults or self._site is None:
            raise UsageError("this server has no faults; start it with faults=True, in tests only")
        return self._site.faults

    async def start(self) -> None:
        """Listen. Raises UsageError when the port is taken, or the database cannot be used."""
        hub = MemoryHub(
            clock=self._clock,
            site="local",
            immutable_namespaces=self._settings.immutable_namespaces,
            max_message_size=self._settings.max_message_size,
            retained_entries=self._settings.retained_entries,
            journal=self._journal.add,
        )
        loop = asyncio.get_running_loop()
        now_ms = lambda: int(self._clock() * 1000)  # noqa: E731
        site = Site(hub, Authenticator(self._ring, now_ms), self._settings, loop, make=_connection, now_ms=now_ms)
        self._site = site
        edge = WebSocketEdge(site, self._journal)
        http = HttpEdge(Rest(site, now_ms=now_ms, faults=self._has_faults), edge, self._journal)
        app = web.Application(client_max_size=self._settings.max_frame_size)
        app.router.add_route("*", "/{tail:.*}", http.serve)
        app.on_shutdown.append(lambda _: edge.close())
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, self._host, self._asked_port, shutdown_timeout=2.0)
        await listener.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Keep what is acknowledged, end all connections and listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._journal.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _connection(id: str, identity: Identity, site: Site, window: float) -> Connection:
    return Connection(id, identity, site, window=window)
