"""Weather: what happens to sockets and servers while agents speak, drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from ai_transport_codecs.server import LocalServer
from tests.channels.ably.proxy import Proxy
from tests.server.program import Program
from tests.server.wire import KEY


class Place(Protocol):
    """A server that keeps what it acknowledges, and comes back."""

    port: int

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def hold_acks(self) -> None: ...
    async def release_acks(self) -> None: ...


class StoppedPlace:
    """A server of this process, which is stopped in order."""

    def __init__(self, db: Path) -> None:
        self.port = 0
        self._db = db
        self._server: LocalServer | None = None

    @property
    def server(self) -> LocalServer:
        assert self._server is not None
        return self._server

    async def start(self) -> None:
        self._server = LocalServer(keys=[KEY], db=self._db, faults=True)
        await self._server.start()
        self.port = self._server.port

    async def stop(self) -> None:
        await self.server.stop()

    async def hold_acks(self) -> None:
        self.server.faults.hold_acks()

    async def release_acks(self) -> None:
        self.server.faults.release_acks()


class KilledPlace:
    """A server in a process of its own, which is killed without a word."""

    def __init__(self, db: Path) -> None:
        self.port = 0
        self._db = db
        self._program: Program | None = None

    @property
    def program(self) -> Program:
        assert self._program is not None
        return self._program

    async def start(self) -> None:
        self._program = await Program.serving("--faults", db=self._db).start()
        self.port = int(self._program.url.rpartition(":")[2])

    async def stop(self) -> None:
        await self.program.kill()

    async def hold_acks(self) -> None:
        await self._fault("hold-acks")

    async def release_acks(self) -> None:
        await self._fault("release-acks")

    async def _fault(self, fault: str) -> None:
        url = f"{self.program.url}/_faults/{fault}"
        async with aiohttp.ClientSession() as session, session.post(url, json={}, params={"key": KEY}) as answer:
            assert answer.status == 200, await answer.text()


class Weather:
    """Does its worst to the wires and the place, a few times, and then everything is well again."""

    def __init__(self, seed: int, place: Place, wires: list[Proxy]) -> None:
        self.log: list[str] = []
        self.is_over = asyncio.Event()
        self._random = random.Random(seed)
        self._place = place
        self._wires = wires

    async def blow(self) -> None:
        kinds = [self._reset, self._cut, self._hold, self._hold_and_reset, self._reset_twice]
        events = [self._random.choice(kinds) for _ in range(3)]
        events.insert(self._random.randrange(4), self._restart)
        for event in events:
            self.log.append(event.__name__)
            await self._while()
            await event()
        await self._while()
        self.is_over.set()

    async def _while(self) -> None:
        await asyncio.sleep(self._random.uniform(0.0, 0.08))

    def _some_wires(self) -> list[Proxy]:
        return self._random.sample(self._wires, self._random.randint(1, len(self._wires)))

    async def _reset(self) -> None:
        for wire in self._some_wires():
            wire.reset()

    async def _reset_twice(self) -> None:
        for _ in range(2):
            await self._reset()
            await asyncio.sleep(self._random.uniform(0.0, 0.05))

    async def _cut(self) -> None:
        wires = self._some_wires()
        for wire in wires:
            wire.cut()
        await self._while()
        for wire in wires:
            wire.mend()

    async def _hold(self) -> None:
        await self._place.hold_acks()
        await self._while()
        await self._place.release_acks()

    async def _hold_and_reset(self) -> None:
        """What was done is not known to whoever did it when his socket goes."""
        await self._place.hold_acks()
        await self._while()
        await self._reset()
        await self._place.release_acks()

    async def _restart(self) -> None:
        if self._random.random() < 0.5:
            await self._place.hold_acks()
            await self._while()
        await self._place.stop()
        await self._place.start()
        for wire in self._wires:
            wire.target = self._place.port


@asynccontextmanager
async def weather(seed: int, db: Path, wires: int) -> AsyncIterator[tuple[Weather, list[Proxy]]]:
    """A place that stops, or each third time is killed, with wires to it, and what its seed will do to them."""
    place: Any = KilledPlace(db) if seed % 3 == 0 else StoppedPlace(db)
    await place.start()
    proxies = [Proxy(place.port) for _ in range(wires)]
    for proxy in proxies:
        await proxy.start()
    try:
        yield Weather(seed, place, proxies), proxies
    finally:
        for proxy in proxies:
            await proxy.stop()
        await place.stop()
