"""What a session costs as it grows: a message of a long conversation, an event of many runs, and the memory both hold.

The scenarios are those that the tests count function calls of; here they are timed.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from ai_transport_codecs import MemoryHub
from tests.session.scale import bytes_of, end_all, one_session, open_runs, stream_all
from tests.session.stage import settle, staged
from tests.session.view_stage import closed_session, opened

SHORT_HISTORY: Final = 1_000
LONG_HISTORY: Final = 10_000
"""Messages of a conversation: half of them questions, half of them answers."""
SHORT_CONVERSATION: Final = 100
LONG_CONVERSATION: Final = 10_000
"""Messages that were said before the turns that are timed."""
TURNS: Final = 50
FEW_RUNS: Final = 100
MANY_RUNS: Final = 1_000
DELTAS: Final = 10
"""Deltas of each concurrent run."""
EVENTS_PER_RUN: Final = DELTAS + 2
"""A stream's start, its deltas, its end: a channel message each, as long as nothing is coalesced."""
ROUNDS: Final = 3


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    """How long ``work`` takes, not collecting garbage."""
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        await work()
        return time.perf_counter() - begin
    finally:
        gc.enable()


async def _hydrating(messages: int) -> float:
    """Microseconds per message of connecting to a conversation and reading it once."""
    async with staged() as stage:
        await (await opened(stage)).turns(messages // 2)
        best = float("inf")
        for _ in range(ROUNDS):
            session = closed_session(stage)
            best = min(best, await _seconds(session.connect))
            shown = len(session.view.messages)
            await session.close()
            if shown != messages:
                raise RuntimeError(f"{shown} messages are shown of {messages}")
    return best / messages * 1e6


async def _taking_turns(messages: int) -> float:
    """Microseconds per turn of following a conversation of that length, which is read after each turn."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(messages // 2)
        async with stage.device() as session:
            best, done = float("inf"), messages // 2
            for _ in range(ROUNDS):
                shown = len(session.view.messages)

                async def turns(begin: int = done) -> None:
                    for number in range(begin, begin + TURNS):
                        await desk.turns(1, begin=number)
                        await settle(5)
                        session.view.get_messages()

                best = min(best, await _seconds(turns))
                done += TURNS
                if len(session.view.messages) != shown + 2 * TURNS:
                    raise RuntimeError(f"{len(session.view.messages)} messages are shown of {2 * done}")
    return best / TURNS * 1e6


async def _streaming(runs: int) -> float:
    """Microseconds per event of an agent that answers that many inputs at the same time."""
    best = float("inf")
    for _ in range(ROUNDS):
        session = await one_session(MemoryHub())
        opened_runs = await open_runs(session, runs)
        best = min(best, await _seconds(partial(stream_all, opened_runs, DELTAS)))
        await end_all(opened_runs)
        await session.end()
    return best / (runs * EVENTS_PER_RUN) * 1e6


async def _bytes_per_idle_run() -> float:
    """What an agent holds for a run that has started and waits, with its start on the channel."""
    session = await one_session(MemoryHub())
    size, runs = await bytes_of(lambda: open_runs(session, MANY_RUNS))
    await end_all(runs)
    await session.end()
    return size / MANY_RUNS


async def _bytes_per_message() -> float:
    """What a client that is connected holds for a short message."""
    async with staged() as stage:
        await (await opened(stage)).turns(SHORT_HISTORY // 2)
        session = closed_session(stage)
        size, _ = await bytes_of(session.connect)
        await session.close()
    return size / SHORT_HISTORY


async def _measure() -> dict[str, Any]:
    short, long = await _hydrating(SHORT_HISTORY), await _hydrating(LONG_HISTORY)
    new, old = await _taking_turns(SHORT_CONVERSATION), await _taking_turns(LONG_CONVERSATION)
    few, many = await _streaming(FEW_RUNS), await _streaming(MANY_RUNS)
    return {
        f"hydrate_us_per_message_{SHORT_HISTORY}": short,
        f"hydrate_us_per_message_{LONG_HISTORY}": long,
        f"hydrate_long_over_short_{LONG_HISTORY}_{SHORT_HISTORY}": long / short,
        f"turn_us_after_{SHORT_CONVERSATION}_messages": new,
        f"turn_us_after_{LONG_CONVERSATION}_messages": old,
        f"turn_long_over_short_{LONG_CONVERSATION}_{SHORT_CONVERSATION}": old / new,
        f"stream_us_per_event_{FEW_RUNS}_runs": few,
        f"stream_us_per_event_{MANY_RUNS}_runs": many,
        f"stream_many_over_few_{MANY_RUNS}_{FEW_RUNS}": many / few,
        "bytes_per_idle_run": await _bytes_per_idle_run(),
        "bytes_per_message": await _bytes_per_message(),
    }


def session_scale() -> dict[str, Any]:
    """Microseconds per message of conversations, and per event of concurrent runs, with their ratios; and memory."""
    return asyncio.run(_measure())
