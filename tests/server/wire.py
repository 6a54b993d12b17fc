"""Clients that speak the protocol frame by frame, so that nothing of a client library hides what the server does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgpack  # type: ignore[import-untyped]

from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.server.numbers import Action

KEY: Final = "app.key:secret-of-the-key"
PATIENCE: Final = 10.0
"""Seconds to wait for what should come; only a failing test waits so long."""

Frame = dict[str, Any]


class Socket:
    """One WebSocket to a server. ``frames`` is everything that came, in order."""

    def __init__(self, server: LocalServer | str, query: Mapping[str, str], *, msgpack: bool) -> None:
        self.frames: list[Frame] = []
        self.is_binary = msgpack
        self._url = server if isinstance(server, str) else server.url
        self._query = {"v": "5", **({"format": "msgpack"} if msgpack else {}), **query}
        self._session = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._unread: list[Frame] = []
        self._serial = 0

    async def open(self) -> Self:
        self._socket = await self._session.ws_connect(self._url, params=self._query, max_msg_size=0)
        return self

    async def __aenter__(self) -> Self:
        return self if self._socket is not None else await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Go without a word of the protocol."""
        if self._socket is not None:
            self._response.close()
        await self._session.close()

    @property
    def socket(self) -> aiohttp.ClientWebSocketResponse:
        assert self._socket is not None
        return self._socket

    def pause(self) -> None:
        """Read nothing from now on, so that the server's buffers fill."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    @property
    def _transport(self) -> asyncio.ReadTransport:
        connection = self._response.connection
        assert connection is not None
        assert isinstance(connection.transport, asyncio.ReadTransport)
        return connection.transport

    @property
    def _response(self) -> aiohttp.ClientResponse:
        # aiohttp has no other way to it.
        return self.socket._response  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    # -- sending -------------------------------------------------------------------------------------------------------

    async def send(self, frame: Mapping[str, Any]) -> None:
        if self.is_binary:
            packed: Any = msgpack.packb(frame, unicode_errors="surrogatepass")
            await self.socket.send_bytes(packed)
        else:
            await self.socket.send_str(json.dumps(frame))

    async def publish(self, channel: str, *messages: Frame, serial: int | None = None) -> int:
        """Send a MESSAGE frame; its number."""
        number = self._number(serial)
        await self.send({"action": 15, "channel": channel, "msgSerial": number, "messages": list(messages)})
        return number

    async def present(self, channel: str, *presence: Frame, serial: int | None = None) -> int:
        """Send a PRESENCE frame; its number."""
        number = self._number(serial)
        await self.send({"action": 14, "channel": channel, "msgSerial": number, "presence": list(presence)})
        return number

    def _number(self, serial: int | None) -> int:
        number = self._serial if serial is None else serial
        self._serial = number + 1
        return number

    # -- receiving -----------------------------------------------------------------------------------------------------

    async def receive(self) -> Frame | None:
        """The next frame, or None when the server closed the socket."""
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.receive()
        if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}:
            return None
        if message.type is aiohttp.WSMsgType.ERROR:
            return None
        frame: Frame = (
            msgpack.unpackb(message.data, unicode_errors="surrogatepass")
            if self.is_binary
            else json.loads(message.data)
        )
        self.frames.append(frame)
        self._unread.append(frame)
        return frame

    async def until(self, wanted: Callable[[Frame], bool], *, keep: bool = False) -> Frame:
        """The first frame that is wanted and that nobody asked for before; ``keep`` leaves it for others."""
        while True:
            for index, frame in enumerate(self._unread):
                if wanted(frame):
                    if not keep:
                        del self._unread[index]
                    return frame
            assert await self.receive() is not None, f"the socket was closed; it brought {self.frames}"

    async def next(self, action: Action) -> Frame:
        """The next frame of that action."""
        return await self.until(lambda frame: frame["action"] == action)

    async def closed(self) -> list[Frame]:
        """Wait for the end of the socket; everything that came."""
        while await self.receive() is not None:
            pass
        return self.frames

    # -- both ----------------------------------------------------------------------------------------------------------

    async def connected(self) -> Frame:
        return await self.next(Action.CONNECTED)

    async def attach(self, channel: str, **fields: Any) -> Frame:
        """Attach; what the server answers."""
        await self.send({"action": 10, "channel": channel, **fields})
        return await self.until(
            lambda frame: frame["action"] in {Action.ATTACHED, Action.ERROR} and frame.get("channel") == channel
        )

    async def acked(self, number: int) -> list[Any]:
        """Wait for the acknowledgement of that number; its serials."""
        frame = await self.until(
            lambda frame: (
                frame["action"] == Action.ACK and frame["msgSerial"] <= number < frame["msgSerial"] + frame["count"]
            ),
            keep=True,  # it may tell of other numbers too
        )
        serials: list[Any] = frame["res"][number - frame["msgSerial"]]["serials"]
        return serials

    async def said(self, channel: str, *messages: Frame) -> list[Any]:
        """Publish, and wait for the serials."""
        return await self.acked(await self.publish(channel, *messages))

    async def refused(self, number: int) -> Frame:
        """Wait for the refusal of that number; its error."""
        frame = await self.until(lambda frame: frame["action"] == Action.NACK and frame["msgSerial"] == number)
        error: Frame = frame["error"]
        return error

    async def message(self, **fields: Any) -> Frame:
        """The next delivered message with these fields; the first that nobody asked for before."""

        def has(message: Frame) -> bool:
            return all(message.get(name) == value for name, value in fields.items())

        frame = await self.until(lambda frame: frame["action"] == Action.MESSAGE and any(map(has, frame["messages"])))
        return next(message for message in frame["messages"] if has(message))

    @property
    def messages(self) -> list[Frame]:
        """Every message that was delivered."""
        return [message for frame in self.frames if frame["action"] == Action.MESSAGE for message in frame["messages"]]


def append(serial: str, data: Any, **fields: Any) -> Frame:
    return {"action": 5, "serial": serial, "data": data, **fields}


def update(serial: str, data: Any, **fields: Any) -> Frame:
    return {"action": 1, "serial": serial, "data": data, **fields}
