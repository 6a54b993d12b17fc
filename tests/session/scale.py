"""Many runs in one process: scenarios for tests and benchmarks, and a measure of their cost that needs no clock."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, TypeVar

from ai_transport_codecs import AgentSession, MemoryHub
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.opening import OpenableRun
from tests.session.stage import CHANNEL, text_events
from tests.session.toy_codec import TOY

ResultT = TypeVar("ResultT")


async def one_session(hub: MemoryHub, channel: str = CHANNEL) -> AgentSession[str]:
    """A connected agent session."""
    session: AgentSession[str] = AgentSession(hub.client("agent"), channel, codec=TOY)
    await session.connect()
    return session


async def open_runs(session: AgentSession[str], count: int) -> list[OpenableRun[str]]:
    """That many runs of one session, started."""
    runs = [session.create_run(Invocation("")) for _ in range(count)]
    await asyncio.gather(*(run.start() for run in runs))
    return runs


async def stream_all(runs: list[OpenableRun[str]], deltas: int) -> None:
    """Pipe that many deltas through every run, all at the same time."""
    gate = asyncio.Event()

    async def source() -> Any:
        await gate.wait()
        for event in text_events(*("word " for _ in range(deltas))):
            yield event
            await asyncio.sleep(0)

    piping = [asyncio.ensure_future(run.pipe(source())) for run in runs]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*piping)
    assert {result.reason for result in results} == {"complete"}


async def end_all(runs: list[OpenableRun[str]]) -> None:
    """End every run."""
    await asyncio.gather(*(run.end() for run in runs))


async def calls_of(work: Callable[[], Awaitable[ResultT]]) -> int:
    """How many Python functions ``work`` calls: what it costs, the same each time."""
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        if event == "call":
            count += 1

    sys.setprofile(profile)
    try:
        await work()
    finally:
        sys.setprofile(None)
    return count


async def bytes_of(work: Callable[[], Awaitable[ResultT]]) -> tuple[int, ResultT]:
    """How many bytes what ``work`` returns holds, with all that it left elsewhere."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        held = await work()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before, held
