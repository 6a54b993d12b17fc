"""An agent that serves while a page's device does what the page says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub


@asynccontextmanager
async def beside(serving: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """``serving`` runs meanwhile, and is cancelled in the end; what it raised of itself is raised here."""
    task = asyncio.create_task(serving)
    try:
        async with asyncio.timeout(30):
            yield
    finally:
        if not task.done():
            task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
    failures = [each for each in results if isinstance(each, Exception)]
    assert not failures, failures


async def answers(handler: Any, *said: Any, codec: str) -> list[Any]:
    """What a device has in the end, which says one thing after the other to an agent with that handler."""
    hub = MemoryHub()
    async with (
        AgentSession[Any](hub.client("agent"), "chat", codec=codec) as session,
        ClientSession[Any](hub.client("alice"), "chat", codec=codec) as device,
        beside(session.serve(handler)),
    ):
        for each in said:
            turn = await device.view.send(each)
            await turn.wait()
            if turn.error is not None:
                raise turn.error
        return device.view.messages


@asynccontextmanager
async def serving(hub: MemoryHub, channel: str, handler: Any, *, codec: str) -> AsyncIterator[None]:
    """An agent that serves ``channel`` meanwhile."""
    async with AgentSession[Any](hub.client("agent"), channel, codec=codec) as session, beside(session.serve(handler)):
        yield
