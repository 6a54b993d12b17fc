"""What the local server itself costs: appends with few and many subscribers, and the memory of what is idle."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import aiohttp

from .ably_cost import Party, party
from .ably_party import KEY

APPENDS: Final = 3_000
IN_FLIGHT: Final = 64
FEW: Final = 1
MANY: Final = 50
CONNECTIONS: Final = 300
CHANNELS: Final = 1_000
_EXTRAS: Final = {"ai": {"transport": {f"header-{index}": "v" * 24 for index in range(10)}}}


@asynccontextmanager
async def _socket(session: aiohttp.ClientSession, port: int) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    query = {"key": KEY, "v": "5", "appendRollupWindow": "0", "format": "json"}
    async with session.ws_connect(f"http://127.0.0.1:{port}/", params=query) as socket:
        await socket.receive_json()
        yield socket


async def _says(socket: aiohttp.ClientWebSocketResponse, action: int, **frame: Any) -> dict[str, Any]:
    """Send a frame, and give what it is answered with."""
    await socket.send_json({"action": action, **frame})
    answer: dict[str, Any] = await socket.receive_json()
    return answer


async def _count(socket: aiohttp.ClientWebSocketResponse, frames: int) -> None:
    """Read that many frames, and not what is in them."""
    for _ in range(frames):
        await socket.receive()


async def _publish(socket: aiohttp.ClientWebSocketResponse, channel: str) -> str:
    message = {"name": "story", "data": "", "extras": _EXTRAS}
    answer = await _says(socket, 15, channel=channel, msgSerial=0, messages=[message])
    serial: str = answer["res"][0]["serials"][0]
    return serial


async def _append_all(socket: aiohttp.ClientWebSocketResponse, channel: str, serial: str) -> None:
    """Append, with so many under way at any time."""
    acknowledged = 0
    for number in range(1, APPENDS + 1):
        message = {"action": 5, "serial": serial, "data": f"word{number} ", "extras": _EXTRAS}
        frame = {"action": 15, "channel": channel, "msgSerial": number, "messages": [message]}
        await socket.send_str(json.dumps(frame))
        while number - acknowledged >= IN_FLIGHT or (number == APPENDS and acknowledged < APPENDS):
            acknowledged += (await socket.receive_json())["count"]


async def _appends(server: Party, port: int, subscribers: int) -> dict[str, float]:
    channel = f"bench:{subscribers}"
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        writer = await stack.enter_async_context(_socket(session, port))
        serial = await _publish(writer, channel)
        readers = [await stack.enter_async_context(_socket(session, port)) for _ in range(subscribers)]
        for reader in readers:
            await _says(reader, 10, channel=channel)
        cpu, begin = (await server.ask())["cpu"], time.perf_counter()
        await asyncio.gather(_append_all(writer, channel, serial), *(_count(reader, APPENDS) for reader in readers))
        seconds = time.perf_counter() - begin
        cpu = (await server.ask())["cpu"] - cpu
    return {"appends_per_second": APPENDS / seconds, "server_cpu_us_per_append": cpu / APPENDS * 1e6}


async def _memory(server: Party, port: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS + 1))
        )
        writer = await stack.enter_async_context(_socket(session, port))
        before = (await server.ask())["memory"]
        for number in range(CHANNELS):
            message = {"name": "note", "data": "hello"}
            await _says(writer, 15, channel=f"idle:{number}", msgSerial=number, messages=[message])
        between = (await server.ask())["memory"]
        for number in range(CONNECTIONS):
            await _says(
                await stack.enter_async_context(_socket(session, port)), 10, channel=f"idle:{number % CHANNELS}"
            )
        after = (await server.ask())["memory"]
    return {
        "bytes_per_idle_channel": (between - before) / CHANNELS,
        "bytes_per_connection": (after - between) / CONNECTIONS,
    }


async def server_costs() -> dict[str, Any]:
    """Appends per second, whose clients share the machine with the server, and bytes."""
    async with party("server", rollup=0) as server:
        port = (await server.told())["port"]
        few, many = [await _appends(server, port, count) for count in (FEW, MANY)]
    async with party("server", rollup=0) as server:
        memory = await _memory(server, (await server.told())["port"])
    return {f"{FEW}_subscriber": few, f"{MANY}_subscribers": many, **memory}
