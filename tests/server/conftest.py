from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest

from ai_transport_codecs.server import LocalServer
from tests.server.wire import KEY, Socket


class Dial(Protocol):
    def __call__(self, *, server: LocalServer | None = None, **query: str) -> Awaitable[Socket]: ...


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(keys=[KEY], faults=True) as server:
        yield server


@pytest.fixture(params=[False, True], ids=["json", "msgpack"])
def msgpack(request: pytest.FixtureRequest) -> bool:
    chosen: bool = request.param
    return chosen


@pytest.fixture
async def dial(server: LocalServer, msgpack: bool) -> AsyncIterator[Callable[..., Awaitable[Socket]]]:
    """Opens sockets in one format, and waits until they are connected."""
    async with AsyncExitStack() as stack:

        async def connect(*, server: LocalServer = server, **query: Any) -> Socket:
            socket = await stack.enter_async_context(
                Socket(server, {"key": KEY, "appendRollupWindow": "0", **query}, msgpack=msgpack)
            )
            await socket.connected()
            return socket

        yield connect
