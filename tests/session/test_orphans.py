"""Runs of an agent process that was killed: ended, answered anew or left, and a sibling's never touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ai_transport_codecs import AgentSession
from ai_transport_codecs.channels.memory import MemoryClient
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.session.handle import ClientRun
from ai_transport_codecs.session.orphans import GRACE
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.session.run import Run
from tests.session.agent_stage import agent_on, lifecycle, note, serving, statuses
from tests.session.stage import CHANNEL, Stage, say, settle, staged, words
from tests.session.toy_codec import TOY
from tests.session.virtual_time import run_virtually


class Process:
    """An agent process: what it says it says up to the gate, and it may be killed."""

    def __init__(self, client: MemoryClient) -> None:
        self.client = client
        self.session: AgentSession[str] = AgentSession(client, CHANNEL, codec=TOY, retry=RetryPolicy(attempts=1))
        self.gate = asyncio.Event()
        self.answered: list[str] = []

    async def handler(self, run: Run[str]) -> None:
        self.answered.append(run.run_id)
        await run.pipe(words("Lis", "bon", gate=self.gate))

    async def kill(self) -> None:
        """The machine is gone: nothing is closed, and nothing is published any more."""
        await self.client.disconnect()
        await settle()


@asynccontextmanager
async def process(stage: Stage, client_id: str | None = "agent", **options: Any) -> AsyncIterator[Process]:
    """A process that serves; in the end it is killed, if it was not before."""
    made = Process(stage.hub.client(client_id))
    await made.session.connect()
    task = asyncio.create_task(made.session.serve(made.handler, **options))
    await settle()
    yield made
    await made.client.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.session.detach()


async def asked(stage: Stage, alice: Any) -> ClientRun[str]:
    turn: ClientRun[str] = await alice.view.send(say("Where?"))
    await settle()
    return turn


async def test_the_run_of_a_killed_process_ends_as_an_error_when_the_next_one_serves() -> None:
    async with staged() as stage, stage.device() as alice, process(stage) as first:
        turn = await asked(stage, alice)
        await first.kill()
        assert (turn.status, turn.messages) == ("active", ["Lisbon"])
        async with process(stage) as second:
            assert await turn.wait() == "error"
            assert turn.error is not None
            assert (turn.error.code, str(turn.error)) == (104008, "the agent that was answering is gone; ask again")
            assert await statuses(stage) == ["cancelled"], "what was being written is so no more"
            assert second.answered == []
        end = stage.headers("ai-run-end")[0]
        assert end["input-codec-message-id"] == turn.input_message_id
        assert end["invocation-id"] == stage.headers("ai-run-start")[0]["invocation-id"]


async def test_the_run_of_a_killed_process_can_be_answered_anew() -> None:
    """The attempt of its step that was under way gives way to the new one."""
    async with staged() as stage, stage.device() as alice, process(stage) as first:
        turn = await asked(stage, alice)
        await first.kill()
        async with process(stage, orphans="answer") as second:
            assert second.answered == [turn.run_id]
            second.gate.set()
            assert await turn.wait() == "complete"
            assert turn.messages == ["Lisbon."]
        assert lifecycle(stage).count("ai-run-start") == 1


async def test_a_regenerate_is_answered_anew_too() -> None:
    async with staged() as stage, stage.device() as alice, process(stage) as first:
        turn = await asked(stage, alice)
        first.gate.set()
        await turn.wait()
        first.gate.clear()
        again = await alice.view.regenerate(alice.view.get_messages()[-1].id)
        await settle()
        await first.kill()
        async with process(stage, orphans="answer") as second:
            second.gate.set()
            assert await again.wait() == "complete"
            assert alice.view.messages == ["Where?", "Lisbon."]


async def test_a_run_that_answers_no_input_cannot_be_answered_anew_and_ends() -> None:
    async with staged() as stage, stage.device() as alice, process(stage) as first:
        turn = first.session.new_turn(turn_id="T", client_id="alice")
        await turn.start()
        await settle()
        await first.kill()
        async with process(stage, orphans="answer"):
            await settle()
            assert [run.status for run in alice.tree.runs()] == ["error"]


async def test_a_sibling_that_is_there_keeps_its_run() -> None:
    async with staged() as stage, stage.device() as alice, process(stage) as first:
        turn = await asked(stage, alice)
        async with process(stage):
            await settle()
            assert turn.status == "active"
            first.gate.set()
            assert await turn.wait() == "complete"


async def test_runs_of_other_agents_and_what_waits_for_an_answer_are_left_alone() -> None:
    async with staged() as stage, stage.device() as alice:
        async with process(stage, "another") as first:
            turn = await asked(stage, alice)
            await first.kill()
        async with serving(stage, lambda run: run.pipe([note("?")])) as agent:
            waiting = agent.create_run((await asked(stage, alice)).to_invocation())
            await waiting.start()
            await waiting.suspend()
        async with process(stage):
            await settle()
            assert turn.status == "active"
            assert alice.view.run(waiting.run_id).status == "suspended"  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["leave", "anonymous", "no presence"])
async def test_who_must_not_or_cannot_tell_leaves_them(how: str) -> None:
    client_id = None if how == "anonymous" else "agent"
    async with staged() as stage, stage.device() as alice, process(stage, client_id) as first:
        turn = await asked(stage, alice)
        await first.kill()
        if how == "no presence":
            rights = {CHANNEL: ["publish", "subscribe", "history"]}
            second = AgentSession[str](stage.hub.client("agent", capability=rights), CHANNEL, codec=TOY)
            async with second:
                task = asyncio.create_task(second.serve(first.handler))
                await settle()
                assert turn.status == "active"
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        else:
            async with process(stage, client_id, orphans="leave" if how == "leave" else "end"):
                await settle()
                assert turn.status == "active"


def test_of_several_processes_one_acts() -> None:
    async def story() -> None:
        async with staged() as stage, stage.device() as alice, process(stage) as first:
            turn = await asked(stage, alice)
            again = process(stage, orphans="answer"), process(stage, orphans="answer")
            async with process(stage, orphans="leave") as idle, again[0] as second, again[1] as third:
                await first.kill()
                await asyncio.sleep(GRACE * 2)
                assert (idle.answered, second.answered + third.answered) == ([], [turn.run_id])
                second.gate.set()
                third.gate.set()
                assert await turn.wait() == "complete"

    run_virtually(story())


def test_a_sibling_that_is_killed_is_noticed_after_a_while() -> None:
    async def story() -> None:
        async with staged() as stage, stage.device() as alice, process(stage) as first, process(stage):
            turn = await asked(stage, alice)
            await first.kill()
            await asyncio.sleep(GRACE - 1)
            assert turn.status == "active", "its connection may come back"
            assert await turn.wait() == "error"

    run_virtually(story())


def test_a_sibling_that_comes_back_in_time_keeps_its_run() -> None:
    async def story() -> None:
        async with staged() as stage, stage.device() as alice, process(stage) as first, process(stage):
            turn = await asked(stage, alice)
            await first.kill()
            await asyncio.sleep(GRACE / 2)
            await first.client.reconnect()
            await asyncio.sleep(GRACE)
            assert turn.status == "active"
            first.gate.set()
            assert await turn.wait() == "complete"

    run_virtually(story())


async def test_an_unknown_policy_is_refused() -> None:
    async with staged() as stage:
        agent = agent_on(stage)
        with pytest.raises(InvalidArgumentError, match="orphans is one of 'end', 'answer', 'leave', not 'kill'"):
            await agent.serve(lambda run: settle(), orphans="kill")  # type: ignore[arg-type]
