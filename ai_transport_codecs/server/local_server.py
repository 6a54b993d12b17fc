"""The server as a program or a test uses it: one port, started and stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

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
from .sqlite_journal import SqliteJournal
from .websocket import WebSocketEdge

_PATIENCE: Final = 2.0
"""How long requests that are under way may take when the server stops, in seconds."""


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
        if self._runner is not None:
            raise UsageError("the server was started already; make another one")
        journal = NoJournal() if self._db is None else SqliteJournal(Path(self._db))
        self._journal = journal
        site = self._make_site(journal)
        if isinstance(journal, SqliteJournal):
            await journal.open(site.hub.restore)
        self._site = site
        sockets = WebSocketEdge(site, journal)
        http = HttpEdge(Rest(site, now_ms=self._now_ms, faults=self._has_faults), sockets, journal)
        app = web.Application(client_max_size=self._settings.max_frame_size)
        app.router.add_route("*", "/{tail:.*}", http.serve)
        app.on_shutdown.append(lambda _: sockets.close())
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_PATIENCE)
        try:
            await self._listen(self._runner)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Keep what is acknowledged, end all connections and listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._site is not None:
            self._site.close()
        await self._journal.close()

    async def failed(self) -> None:
        """Wait until the server can keep nothing more, which is when it should be stopped; for ever, if it can."""
        if isinstance(self._journal, SqliteJournal):
            await self._journal.failed.wait()
        else:
            await asyncio.get_running_loop().create_future()

    def _make_site(self, journal: Journal) -> Site:
        settings = self._settings
        hub = MemoryHub(
            clock=self._clock,
            site="local",
            immutable_namespaces=settings.immutable_namespaces,
            max_message_size=settings.max_message_size,
            max_grown_size=settings.max_grown_size,
            retained_entries=settings.retained_entries,
            journal=journal.add,
        )
        authenticator = Authenticator(self._ring, self._now_ms)
        loop = asyncio.get_running_loop()
        return Site(hub, authenticator, settings, loop, make=_connection, now_ms=self._now_ms)

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        listener = web.TCPSite(runner, self._host, self._asked_port)
        try:
            await listener.start()
        except OSError as error:
            raise UsageError(
                f"unable to listen on {self._host}:{self._asked_port}: {error.strerror or error}; choose another port,"
                " or 0 for any that is free",
                cause=error,
            ) from error
        self._port = runner.addresses[0][1]

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _connection(id: str, identity: Identity, site: Site, window: float) -> Connection:
    return Connection(id, identity, site, window=window)
