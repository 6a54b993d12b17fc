"""A server that says to a client of ably-python whatever a test wants said, in JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from tests.channels.ably.engine import KEY, QUICK

MODES = 0b101111 << 16
RESUMED = 4


class Rogue:
    """Answers as Ably does, except where ``answers`` has something else for an action; frames it got are in ``got``."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[dict[str, Any]] = []
        self.queries: list[Mapping[str, str]] = []
        self.details: dict[str, Any] = {}
        self.greeting: dict[str, Any] | None = None
        self.answers: dict[int, Callable[[dict[str, Any]], list[dict[str, Any]]]] = {}
        self.resumes = True
        self.waits: asyncio.Event | None = None
        """What it waits for before it reads on."""
        self._socket: web.WebSocketResponse | None = None
        self._request: web.Request | None = None
        self._connections = 0
        self._count = 0

    def messages(self) -> list[Any]:
        """The data of every message that it was sent."""
        return [item.get("data") for frame in self.got if frame["action"] == 15 for item in frame["messages"]]

    async def send(self, *frames: dict[str, Any]) -> None:
        """Say something."""
        assert self._socket is not None
        for frame in frames:
            await self._socket.send_str(json.dumps(frame))

    async def say(self, frame: Any) -> None:
        """Say something that may be no frame at all."""
        assert self._socket is not None
        await self._socket.send_str(json.dumps(frame))

    def cut(self) -> None:
        """Cut the socket."""
        assert self._request is not None
        assert self._request.transport is not None
        self._request.transport.abort()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._socket, self._request = socket, request
        self.queries.append(dict(request.query))
        if not self._connections or not self.resumes:
            self._connections += 1
        greeting = {
            "action": 4,
            "connectionId": f"connection{self._connections}",
            "connectionDetails": {"connectionKey": f"key{self._connections}", "clientId": "alice", **self.details},
        }
        await self.send(self.greeting or greeting)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._receive(json.loads(message.data))
        return socket

    async def _receive(self, frame: dict[str, Any]) -> None:
        self.got.append(frame)
        if self.waits is not None:
            await self.waits.wait()
        answer = self.answers.get(frame["action"], self.usual)
        await self.send(*answer(frame))

    def usual(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        """What Ably answers."""
        action, channel = frame["action"], frame.get("channel")
        if action == 10:
            flags = MODES | (RESUMED if frame.get("channelSerial") else 0)
            return [
                {"action": 11, "channel": channel, "channelSerial": frame.get("channelSerial") or "s0", "flags": flags}
            ]
        if action == 12:
            return [{"action": 13, "channel": channel}]
        if action == 15:
            return [ack(frame["msgSerial"], self.serial())]
        if action == 7:
            return [{"action": 8}]
        return []

    def serial(self) -> str:
        self._count += 1
        return f"serial{self._count:04d}"


def ack(msg_serial: int, *serials: str | None) -> dict[str, Any]:
    return {"action": 1, "msgSerial": msg_serial, "count": 1, "res": [{"serials": list(serials)}]}


def nothing(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """No answer."""
    return []


@asynccontextmanager
async def rogue_server() -> AsyncIterator[Rogue]:
    rogue = Rogue()
    application = web.Application()
    application.router.add_get("/", rogue.serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    rogue.port = runner.addresses[0][1]
    yield rogue
    await runner.cleanup()


@asynccontextmanager
async def against(rogue: Rogue, **options: Any) -> AsyncIterator[AblyProvider]:
    """A connected client of that server."""
    settings: dict[str, Any] = {"client_id": "alice", "use_binary_protocol": False, "messages_per_second": None}
    async with connect_ably(KEY, url=f"http://127.0.0.1:{rogue.port}", **settings | QUICK | options) as provider:
        yield provider


async def comes_back(provider: AblyProvider, cut: Callable[[], object]) -> None:
    """Cut the connection, and wait until the client has another one."""
    states: list[str] = []

    def note(change: Any) -> None:
        states.append(change.current.value)

    provider.client.connection.on(note)
    cut()
    await soon(lambda: "connected" in states and provider.is_connected)
    provider.client.connection.off(note)
    await soon(lambda: all(channel.state.value != "attaching" for channel in provider.client.channels))


async def soon(condition: Callable[[], object]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # there is no event for what ably-python does inside
            await asyncio.sleep(0.005)
