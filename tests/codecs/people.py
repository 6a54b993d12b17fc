"""Agents and devices of a conversation in which people are asked, whatever the codec."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub


@asynccontextmanager
async def agent_serving(codec: Any, hub: MemoryHub, handler: Any) -> AsyncIterator[None]:
    """An agent process on the channel ``chat``, which ends with the block."""
    async with AgentSession[Any](hub.client("agent"), "chat", codec=codec) as session:
        task = asyncio.create_task(session.serve(handler))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_runs(device: ClientSession[Any], is_so: Callable[[], bool]) -> None:
    """Wait for what the device's runs decide."""
    changed = asyncio.Event()
    unsubscribe = device.tree.on("run", lambda _: changed.set())
    while not is_so():
        await changed.wait()
        changed.clear()
    unsubscribe()


async def until_only_run(device: ClientSession[Any], status: str) -> None:
    """Wait until there is one run, and it stands so."""
    await until_runs(device, lambda: [run.status for run in device.view.runs()] == [status])
