"""A start that reached the channel although nobody acknowledged it: its run does not stay active for ever."""

from __future__ import annotations

import asyncio

import pytest

from ai_transport_codecs.errors import AgentError, RunLifecycleError
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.testing.fault_plan import FaultPlan, Hold, LoseAck, Refuse
from ai_transport_codecs.testing.faults import FaultyProvider
from tests.session.agent_stage import agent_on, lifecycle, note
from tests.session.stage import say, settle, staged

TWICE = RetryPolicy(attempts=2, first_delay=0)


async def reply(run: Run[str]) -> None:
    await run.pipe([note("hello")])


@pytest.mark.parametrize("hold", [0, 50])
async def test_a_start_whose_acknowledgements_are_lost_is_known_by_its_echo(hold: int) -> None:
    """Its echo comes before the last attempt failed, and the input is answered; or after, and the run ends."""
    plan = FaultPlan().on("publish", 1, LoseAck()).on("publish", 2, LoseAck())
    plan = plan.on("delivery", 2, Hold(hold)) if hold else plan
    async with staged() as stage, stage.device() as alice:
        agent = agent_on(stage, client=FaultyProvider(stage.hub.client("agent"), plan), retry=TWICE)
        async with agent:
            task = asyncio.create_task(agent.serve(reply))
            turn = await alice.view.send(say("hi"))
            await settle(300)
            assert turn.status == ("error" if hold else "complete")
            assert turn.messages == ([] if hold else ["hello"])
            assert lifecycle(stage).count("ai-run-end") == 1
            told = [type(each) for each in stage.errors if not isinstance(each, AgentError)]
            assert told == ([RunLifecycleError] if hold else [])
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_start_that_never_reached_the_channel_is_followed_by_nothing() -> None:
    plan = FaultPlan().on("publish", 1, Refuse()).on("publish", 2, Refuse())
    async with staged() as stage, stage.device() as alice:
        agent = agent_on(stage, client=FaultyProvider(stage.hub.client("agent"), plan), retry=TWICE)
        async with agent:
            turn = await alice.view.send(say("hi"))
            run = agent.create_run(turn.to_invocation())
            with pytest.raises(RunLifecycleError):
                await run.start()
            await settle()
            assert lifecycle(stage) == ["ai-input"]


async def test_a_run_that_was_adopted_after_its_start_failed_is_left_to_who_adopted_it() -> None:
    plan = FaultPlan().on("publish", 1, LoseAck()).on("publish", 2, LoseAck()).on("delivery", 2, Hold(50))
    async with staged() as stage, stage.device() as alice:
        agent = agent_on(stage, client=FaultyProvider(stage.hub.client("agent"), plan), retry=TWICE)
        async with agent:
            turn = await alice.view.send(say("hi"))
            run = agent.create_run(turn.to_invocation())
            with pytest.raises(RunLifecycleError):
                await run.start()
            adopted = agent.adopt_run(turn.to_invocation(), run_id=run.run_id, invocation_id=run.invocation_id)
            await adopted.load()
            await settle()
            await adopted.end()
            assert await turn.wait() == "complete"
