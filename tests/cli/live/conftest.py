from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("ably")
pytest.importorskip("aiohttp")

from ai_transport_codecs.server import LocalServer

KEY = "app.key:secret"


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(keys=[KEY]) as server:
        yield server


@pytest.fixture
def place(server: LocalServer) -> tuple[str, ...]:
    """The options that say where the conversation is."""
    return ("--codec", "vercel", "--channel", "conversations:42", "--endpoint", server.url, "--key", KEY)
