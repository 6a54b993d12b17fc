"""A thousand runs in one process: flat cost per message, and little memory for a run that waits."""

from __future__ import annotations

import asyncio

from ai_transport_codecs import MemoryHub
from ai_transport_codecs.session.run import Run
from tests.session.agent_stage import serving
from tests.session.scale import bytes_of, calls_of, end_all, one_session, open_runs, stream_all
from tests.session.stage import say, settle, staged, words


async def cost_per_run(count: int) -> float:
    session = await one_session(MemoryHub())
    runs = await open_runs(session, count)
    cost = await calls_of(lambda: stream_all(runs, 10))
    await end_all(runs)
    await session.end()
    return cost / count


async def test_a_message_costs_the_same_however_many_runs_there_are() -> None:
    few, many = await cost_per_run(10), await cost_per_run(100)
    assert many < few * 1.25


async def test_starting_and_ending_costs_the_same_however_many_runs_there_are() -> None:
    async def cost(count: int) -> float:
        session = await one_session(MemoryHub())

        async def work() -> None:
            await end_all(await open_runs(session, count))

        calls = await calls_of(work)
        await session.end()
        return calls / count

    few, many = await cost(10), await cost(200)
    assert many < few * 1.25


async def test_a_thousand_runs_wait_in_little_memory_and_leave_none_behind() -> None:
    session = await one_session(MemoryHub())
    size, runs = await bytes_of(lambda: open_runs(session, 1_000))
    assert size / 1_000 < 25_000
    assert len(session.cancels.runs()) == 1_000
    await end_all(runs)
    assert session.cancels.runs() == []
    await session.end()


async def test_a_hundred_inputs_are_answered_at_the_same_time() -> None:
    gate = asyncio.Event()
    waiting: list[str] = []

    async def handler(run: Run[str]) -> None:
        waiting.append(run.run_id)
        await run.pipe(words("x", gate=gate))

    async with staged() as stage, serving(stage, handler), stage.device() as alice:
        turns = [await alice.view.send(say("hi"), parent="root") for _ in range(100)]
        while len(waiting) < len(turns):
            await settle(10)
        gate.set()
        assert {await turn.wait() for turn in turns} == {"complete"}
        assert [turn.messages for turn in turns] == [["x."]] * len(turns)
