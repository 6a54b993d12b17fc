"""The WebSocket: reads frames for a connection, and writes what waits in its link."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from ai_transport_codecs.errors import AITransportError

from .connect_params import read_format
from .connection import Connection
from .formats import JSON, Raw
from .journal import Journal
from .link import Link
from .site import Site

_LAST_WORDS: Final = 2.0
"""How long a client has to read what it is told last, in seconds."""


class WebSocketEdge:
    """Serves the WebSockets of a site."""

    def __init__(self, site: Site, journal: Journal) -> None:
        self._site = site
        self._journal = journal
        self._sockets: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket until it ends."""
        settings = self._site.settings
        wants_pings = request.query.get("heartbeats", "").lower() == "false"
        socket = web.WebSocketResponse(
            # Compression costs ably-python a third more time for each message, and saves nothing on one machine.
            compress=False,
            heartbeat=settings.max_idle_interval / 1000 if wants_pings else None,
            max_msg_size=settings.max_frame_size,
            timeout=_LAST_WORDS,
        )
        await socket.prepare(request)
        alarm = _Alarm(request)
        link = Link(
            read_format(request.query) or JSON,
            mark=lambda: self._journal.mark,
            wake=alarm.news.set,
            ended=alarm.end,
            abort=alarm.abort,
            limit=settings.max_unsent,
            faults=self._site.faults,
        )
        self._sockets.add(socket)
        self._site.faults.links.add(link)
        writing = asyncio.create_task(self._write(socket, link, alarm.news))
        connection = self._site.connect(link, request.query)
        try:
            if connection is not None:
                await self._read(socket, link, connection)
        finally:
            self._sockets.discard(socket)
            self._site.faults.links.discard(link)
            if connection is not None:
                self._site.disconnected(connection, link)
            if not link.is_ended:
                writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            alarm.cancel()
        return socket

    @property
    def max_frame_size(self) -> int:
        """The most bytes that are read in one piece."""
        return self._site.settings.max_frame_size

    async def close(self) -> None:
        """End all sockets. Clients are told nothing but that the server goes, so that they send again what is open."""
        await asyncio.gather(
            *(socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops") for socket in self._sockets),
            return_exceptions=True,
        )

    async def _read(self, socket: web.WebSocketResponse, link: Link, connection: Connection) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                connection.receive(link, message.data)
            if link.is_ended:
                return
            if self._journal.is_busy:
                await self._journal.reach(self._journal.mark)

    async def _write(self, socket: web.WebSocketResponse, link: Link, news: asyncio.Event) -> None:
        """Send what waits until the link ends, then close."""
        try:
            while True:
                parcel = link.take()
                if parcel is not None:
                    if not self._journal.holds(parcel.mark):
                        await self._journal.reach(parcel.mark)
                    await _send(socket, parcel.raw)
                elif link.is_ended:
                    break
                else:
                    news.clear()
                    await news.wait()
            await socket.close()
        except (ConnectionError, AITransportError):
            # Nobody is there any more, or nothing more can be kept. Who saw no acknowledgement will ask again.
            link.cut()


async def _send(socket: web.WebSocketResponse, raw: Raw) -> None:
    if isinstance(raw, str):
        await socket.send_str(raw)
    else:
        await socket.send_bytes(raw)


class _Alarm:
    """Wakes the writer; and when the link ended, cuts off a client that does not read its last words."""

    def __init__(self, request: web.Request) -> None:
        self.news = asyncio.Event()
        self._request = request
        self._timer: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """The link ended."""
        self.news.set()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(2 * _LAST_WORDS, self.abort)

    def abort(self) -> None:
        """Cut the socket."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def cancel(self) -> None:
        """The socket is gone."""
        if self._timer is not None:
            self._timer.cancel()
