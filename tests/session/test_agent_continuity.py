"""When the agent's channel loses continuity (session spec 1.4; design D4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs.errors import AITransportError, ChannelContinuityError, OperationCancelledError
from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.run import Run
from tests.session.agent_stage import answering, texts
from tests.session.stage import CHANNEL, say, settle, staged, words
from tests.session.toy_codec import TOY


async def test_what_was_missed_is_there_before_the_error_event_says_so() -> None:
    """The reference begins again with an empty tree, fetches nothing, and tells of the gap."""
    async with staged() as stage, stage.device() as alice:
        client = stage.hub.client("agent")
        async with AgentSession(client, CHANNEL, codec=TOY) as agent:
            seen: list[tuple[AITransportError, list[str]]] = []

            def on_error(error: AITransportError) -> None:
                seen.append((error, texts(agent.tree.flatten(agent.tree.visible_nodes()))))

            agent.on("error", on_error)
            await alice.view.send(say("before"))
            await settle()
            await client.disconnect()
            await alice.view.send(say("meanwhile"))
            await client.reconnect(resume=False)
            await alice.view.send(say("after"))
            await settle()
            [(error, messages)] = seen
            assert isinstance(error, ChannelContinuityError)
            assert (error.code, error.status_code) == (104006, 500)
            assert "what was missed has been fetched from history" in str(error)
            assert messages[:2] == ["before", "meanwhile"]
            assert texts(agent.tree.flatten(agent.tree.visible_nodes())) == ["before", "meanwhile", "after"]


async def test_a_run_in_progress_is_cancelled_and_still_ends_on_the_wire() -> None:
    async with staged() as stage, stage.device() as alice:
        client = stage.hub.client("agent")
        async with AgentSession(client, CHANNEL, codec=TOY) as agent:
            agent.on("error", stage.errors.append)
            turn = await alice.view.send(say("hi"))
            run = await answering(agent, turn)
            waiting = agent.create_run(Invocation("later"))
            piping = asyncio.create_task(run.pipe(words("so far", gate=asyncio.Event())))
            await settle()
            await client.disconnect()
            await client.reconnect(resume=False)
            assert (await piping).reason == "cancelled"
            assert stage.errors
            assert run.messages[-1].message == "so far", "the tree is the same one"
            await run.end("cancelled")
            assert await turn.wait() == "cancelled"
            with pytest.raises(OperationCancelledError) as caught:  # for its input may have been missed
                await waiting.located
            assert caught.value.code == 40033


@pytest.mark.parametrize(("backlog", "answered"), [(True, ["old", "new", "missed"]), (False, ["new", "missed"])])
async def test_what_was_missed_is_answered_and_what_was_not_wanted_is_not(backlog: bool, answered: list[str]) -> None:
    asked: list[str] = []

    async def handler(run: Run[str]) -> None:
        asked.append(run.messages[0].message)
        await run.pipe(words("x"))

    async with staged() as stage, stage.device() as alice:
        await alice.view.send(say("old"), parent="root")
        client = stage.hub.client("agent")
        async with AgentSession(client, CHANNEL, codec=TOY) as agent:
            agent.on("error", stage.errors.append)
            task = asyncio.create_task(agent.serve(handler, backlog=backlog))
            await settle()
            await (await alice.view.send(say("new"), parent="root")).wait()
            for missed in (False, True):
                await client.disconnect()
                if missed:
                    await alice.view.send(say("missed"), parent="root")
                await client.reconnect(resume=False)
                await settle()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert asked == answered


async def test_an_attachment_that_was_resumed_lost_nothing() -> None:
    async with staged() as stage, stage.device() as alice:
        client = stage.hub.client("agent")
        async with AgentSession(client, CHANNEL, codec=TOY) as agent:
            agent.on("error", stage.errors.append)
            run = await answering(agent, await alice.view.send(say("hi")))
            await client.disconnect()
            await client.reconnect()
            await settle()
            assert not run.cancel_token.is_cancelled
            assert stage.errors == []
            await run.end()


@settings(max_examples=25, deadline=None)
@given(cut_at=st.integers(0, 60), back_after=st.integers(0, 30), resume=st.booleans())
def test_a_server_that_drops_answers_everything_once_and_leaves_nothing_open(
    cut_at: int, back_after: int, resume: bool
) -> None:
    asyncio.run(_drop(cut_at, back_after, resume=resume))


async def _drop(cut_at: int, back_after: int, *, resume: bool) -> None:
    async def handler(run: Run[str]) -> Any:
        await run.pipe(words("a ", "b ", pause=lambda: settle(3)))

    async with staged() as stage, stage.device("alice") as alice:
        client = stage.hub.client("agent")
        async with AgentSession(client, CHANNEL, codec=TOY) as agent:
            agent.on("error", stage.errors.append)
            serving = asyncio.create_task(agent.serve(handler))
            await settle(5)
            first = await alice.view.send(say("one"))
            await settle(cut_at)
            await client.disconnect()
            second = await alice.view.send(say("two"))
            await settle(back_after)
            await client.reconnect(resume=resume)
            assert await second.wait() == "complete"
            assert (await first.wait()) in {"complete", "cancelled"} if first.started.done() else True
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        await settle()
        started, ended = stage.headers("ai-run-start"), stage.headers("ai-run-end")
        assert sorted(each["run-id"] for each in started) == sorted(each["run-id"] for each in ended)
        triggers = [each["input-codec-message-id"] for each in started]
        assert len(set(triggers)) == len(triggers)
