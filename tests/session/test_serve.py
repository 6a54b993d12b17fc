"""Serving: what is answered, how many at a time, and how runs end (session spec 4, 9)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.outcome import RunOutcome
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Rates
from tests.session.agent_stage import lifecycle, note, serving, statuses, texts
from tests.session.stage import CHANNEL, say, settle, staged, words
from tests.session.toy_codec import TOY


class Kitchen:
    """A handler whose answers wait until they are let go, and that remembers who was being answered together."""

    def __init__(self) -> None:
        self.gates: dict[str, asyncio.Event] = {}
        self.running: set[str] = set()
        self.most = 0
        self.order: list[str] = []

    async def __call__(self, run: Run[str]) -> None:
        await run.view.load()
        asked = texts(run.view.get_messages())[-1]
        self.running.add(asked)
        self.order.append(asked)
        self.most = max(self.most, len(self.running))
        try:
            await run.pipe(words(f"to {asked}", gate=self.gates.setdefault(asked, asyncio.Event())))
        finally:
            self.running.discard(asked)


async def test_inputs_are_answered_side_by_side_up_to_a_bound() -> None:
    kitchen = Kitchen()
    async with staged() as stage, serving(stage, kitchen, max_concurrent=2), stage.device() as alice:
        turns = [await alice.view.send(say(text), parent="root") for text in "abcd"]
        await settle()
        assert kitchen.running == {"a", "b"}
        for text in "abcd":
            kitchen.gates.setdefault(text, asyncio.Event()).set()
        assert [await turn.wait() for turn in turns] == ["complete"] * 4
        assert kitchen.most == 2
        assert kitchen.order == list("abcd")


async def test_queued_inputs_wait_for_those_before_them() -> None:
    kitchen = Kitchen()
    async with staged() as stage, serving(stage, kitchen, when_busy="queue"), stage.device() as alice:
        turns = [await alice.view.send(say(text)) for text in "abc"]
        await settle()
        assert kitchen.order == ["a"]
        assert len(stage.headers("ai-run-start")) == 1
        await turns[1].cancel()
        for text in "abc":
            kitchen.gates.setdefault(text, asyncio.Event()).set()
        assert [await turn.wait() for turn in turns] == ["complete", "cancelled", "complete"]
        assert (kitchen.order, kitchen.most) == (["a", "c"], 1)


async def test_a_newer_input_replaces_what_runs() -> None:
    kitchen = Kitchen()
    async with staged() as stage, serving(stage, kitchen, when_busy="replace"), stage.device() as alice:
        first = await alice.view.send(say("a"))
        await settle()
        later = [await alice.view.send(say(text)) for text in "bc"]
        kitchen.gates.setdefault("c", asyncio.Event()).set()
        assert await first.wait() == "cancelled"
        assert [await turn.wait() for turn in later] == ["cancelled", "complete"]
        assert kitchen.most == 1
        assert kitchen.order[-1] == "c"
        starts = [name for name in lifecycle(stage) if name in {"ai-run-start", "ai-run-end"}]
        assert starts == ["ai-run-start", "ai-run-end"] * 3, "one at a time"


async def test_an_edit_is_answered_and_so_is_a_regenerate_that_nobody_heard() -> None:
    async with staged() as stage, stage.device() as alice:
        async with serving(stage, lambda run: run.pipe([note("first")])):
            turn = await alice.view.send(say("hi"))
            await turn.wait()
            await settle()
        again = await alice.view.regenerate(turn.get_messages()[0].id)
        async with serving(stage, lambda run: run.pipe([note("second")])):
            assert await again.wait() == "complete"
        async with serving(stage, lambda run: run.pipe([note("third")])):
            await settle()
        assert alice.view.messages == ["hi", "second"]
        assert len(stage.headers("ai-run-start")) == 2


async def test_without_backlog_what_came_before_is_not_answered() -> None:
    async with staged() as stage, stage.device() as alice:
        await alice.view.send(say("old"))
        async with serving(stage, lambda run: run.pipe([note("x")]), backlog=False):
            turn = await alice.view.send(say("new"))
            assert await turn.wait() == "complete"
        assert len(stage.headers("ai-run-start")) == 1


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (RunOutcome("suspend"), "suspended"),
        (RunOutcome("cancelled"), "cancelled"),
        (RunOutcome("error"), "error"),
        (RunOutcome("complete"), "complete"),
        (None, "complete"),
    ],
)
async def test_a_handler_may_say_how_its_run_ends(outcome: Any, status: str) -> None:
    async def handler(run: Run[str]) -> Any:
        await run.pipe([note("x")])
        return outcome

    async with staged() as stage, stage.agent(handler), stage.device() as alice:
        assert await (await alice.view.send(say("hi"))).wait() == status


async def test_a_handler_that_ended_its_run_is_not_contradicted() -> None:
    async def handler(run: Run[str]) -> RunOutcome:
        await run.end("cancelled")
        return RunOutcome("complete")

    async with staged() as stage, stage.agent(handler), stage.device() as alice:
        assert await (await alice.view.send(say("hi"))).wait() == "cancelled"
        assert stage.errors == []


async def test_a_pipe_that_the_handler_left_behind_is_cancelled() -> None:
    left: list[asyncio.Task[Any]] = []

    async def handler(run: Run[str]) -> None:
        left.append(asyncio.create_task(run.pipe(words("x", gate=asyncio.Event()))))
        await settle()

    async with staged() as stage, stage.agent(handler), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        assert await turn.wait() == "cancelled"
        assert (await left[0]).reason == "cancelled"


async def test_a_cancel_stops_a_handler_that_waits_for_something_else() -> None:
    async def handler(run: Run[str]) -> None:
        await asyncio.Event().wait()

    async with staged() as stage, stage.agent(handler), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.started
        await turn.cancel()
        assert await turn.wait() == "cancelled"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), lose_ack=st.sampled_from([0.0, 0.2]), refuse=st.sampled_from([0.0, 0.2]))
def test_a_bad_channel_costs_no_answer_and_doubles_none(seed: int, lose_ack: float, refuse: float) -> None:
    asyncio.run(
        _bad_day(FaultPlan(seed, rates=Rates(refuse=refuse, lose_ack=lose_ack, hold_ack=0.2, hold=0.2, repeat=0.2)))
    )


async def _bad_day(plan: FaultPlan) -> None:
    async def handler(run: Run[str]) -> None:
        await run.pipe(words("a ", "b ", "c", pause=lambda: settle(2)))
        async with run.create_step() as step:
            await step.send(note("d"))

    async with staged() as stage, stage.device() as alice:
        client = FaultyProvider(stage.hub.client("agent"), plan)
        retry = RetryPolicy(attempts=30, first_delay=0.0, max_delay=0.0)
        async with AgentSession(client, CHANNEL, codec=TOY, retry=retry) as agent:
            task = asyncio.create_task(agent.serve(handler))
            turns = [await alice.view.send(say(text), parent="root") for text in "xyz"]
            assert [await turn.wait() for turn in turns] == ["complete"] * 3
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await settle()
        assert client.fired
        assert [turn.messages for turn in turns] == [["a b c.", "d"]] * 3
        for name, count in (("ai-run-start", 3), ("ai-step-start", 6), ("ai-step-end", 6), ("ai-run-end", 3)):
            assert len(stage.headers(name)) == count
        assert "streaming" not in await statuses(stage)


async def test_an_input_to_a_run_in_progress_starts_no_other() -> None:
    gate = asyncio.Event()
    async with staged() as stage, stage.device() as alice:
        async with serving(stage, lambda run: run.pipe(words("x", gate=gate))):
            turn = await alice.view.send(say("hi"))
            await turn.started
            await turn.steer(say("more")).published
            await settle()
            gate.set()
            assert await turn.wait() == "complete"
            await settle()
        assert len(stage.headers("ai-run-start")) == 1
        assert stage.headers("ai-run-resume") == []
