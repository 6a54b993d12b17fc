"""Creating, locating, adopting and cancelling runs (session spec 4.2 to 4.8; behaviours 14-18, 26, 27, 45, 50)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.errors import (
    CancelListenerError,
    HistoryFetchError,
    InputEventNotFoundError,
    InvalidArgumentError,
    OperationCancelledError,
    SessionClosedError,
)
from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.cancel import MAX_DEFERRED, CancelToken, cancel_extras
from ai_transport_codecs.session.hydration import page_until_located
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.waking import with_agent_session
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Refuse
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import OutboundMessage
from tests.session.agent_stage import agent_on, answering, lifecycle, note, result, serving, texts
from tests.session.stage import CHANNEL, Stage, say, settle, staged, words
from tests.session.toy_codec import TOY


async def publish_cancel(stage: Stage, **target: str) -> None:
    channel = stage.hub.client("alice").channel(CHANNEL)
    await channel.publish(OutboundMessage("ai-cancel", ABSENT, cancel_extras("c", **target)))
    await settle()


# --- locating


async def test_an_input_is_located_live_by_its_first_part() -> None:
    """Behaviours 26 and 50: nothing shows before, and a run may start before the later parts arrive."""
    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation("E"))
        assert run.view.get_messages() == []
        waiting = asyncio.ensure_future(run.located)
        channel = stage.hub.client("alice").channel(CHANNEL)
        for text in ("a", "b"):
            transport = {
                "role": "user",
                "codec-message-id": "M",
                "event-id": "E",
                "stream": "false",
                "discrete": "true",
            }
            codec = {"kind": "user-message", "partType": "text"}
            await channel.publish(OutboundMessage("ai-input", text, {"ai": {"transport": transport, "codec": codec}}))
            await settle()
            if text == "a":
                await waiting
                assert texts(run.view.get_messages()) == ["a"]
                await run.start()
        assert texts(run.view.get_messages()) == ["a|b"]
        await run.end()


async def test_located_fetches_nothing_by_itself_and_start_does() -> None:
    """Behaviour 26. Where the reference's start waits for ever for an input in history, ours looks there."""
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        async with stage.agent() as agent:
            run = agent.create_run(turn.to_invocation())
            await settle()
            assert [run.located.is_set, run.view.get_messages()] == [False, []]
            await run.start()
            assert run.located.is_set
            assert texts(run.view.get_messages()) == ["hi"]
            await run.end()


async def test_a_waiter_that_gives_up_does_not_spoil_it_for_others() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = agent.create_run(Invocation("later"))
        impatient, patient = (asyncio.ensure_future(run.located) for _ in range(2))
        await settle()
        impatient.cancel()
        await settle()
        run.cancel_token.cancel()
        with pytest.raises(OperationCancelledError, match="the run was cancelled"):
            await patient
        assert alice.view.messages == []


async def test_an_input_may_be_looked_for_within_bounds() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        for text in "abcdef":
            await alice.view.send(say(text))
        agent = agent_on(stage, history_page_size=2)
        async with agent:
            pages: list[int] = []
            run = agent.create_run(turn.to_invocation())
            with pytest.raises(InputEventNotFoundError, match="neither in the history") as caught:
                await page_until_located(run, max_pages=2, wait=0, on_page=lambda: pages.append(1))
            assert (caught.value.code, caught.value.status_code, len(pages)) == (104010, 504, 2)
            await page_until_located(run, max_pages=2, wait=0)
            assert run.located.is_set
            await page_until_located(run)
            run.cancel_token.cancel()
        lost = agent_on(stage)
        async with lost:
            run = lost.create_run(Invocation("never"))
            run.cancel_token.cancel()
            with pytest.raises(OperationCancelledError):
                await page_until_located(run)


async def test_a_run_without_an_input() -> None:
    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation(""), run_id="R", invocation_id="I")
        await run.located
        await run.start()
        await run.pipe([note("good morning")])
        await run.end()
        await settle()
        assert stage.headers("ai-run-start") == [{"run-id": "R", "run-client-id": "", "invocation-id": "I"}]
        assert "parent" not in stage.headers("ai-output")[0]
        assert texts(run.messages) == texts(run.view.get_messages()) == ["good morning"]


async def test_the_run_of_an_anonymous_client_belongs_to_nobody() -> None:
    """Behaviour 45."""
    async with staged() as stage, stage.agent() as agent, stage.device(None) as someone:
        run = await answering(agent, await someone.view.send(say("hi")))
        await run.end()
        await settle()
        assert "run-client-id" not in stage.headers("ai-input")[0]
        for name in ("ai-run-start", "ai-run-end"):
            assert stage.headers(name)[0]["run-client-id"] == ""
            assert "input-client-id" not in stage.headers(name)[0]


# --- cancelling


async def test_a_cancel_before_the_start_still_publishes_one() -> None:
    """Behaviour 15: buffered, it is honoured in start(), which is published all the same."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.cancel()
        await settle()
        asked: list[str] = []

        async def on_cancel(request: Any) -> bool:
            asked.append(request.run_id)
            return True

        run = await answering(agent, turn, on_cancel=on_cancel)
        assert asked == [run.run_id]
        assert run.cancel_token.is_cancelled
        assert not run.has_input()
        await run.end("cancelled")
        assert await turn.wait() == "cancelled"


async def test_a_cancel_between_locating_and_starting_publishes_nothing() -> None:
    """Behaviour 15, the other half; it is refused again on another try."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await settle()
        run = agent.create_run(turn.to_invocation())
        await run.located
        await turn.cancel()
        await settle()
        for _ in range(2):
            with pytest.raises(OperationCancelledError, match=r"was cancelled before start\(\)") as caught:
                await run.start()
            assert caught.value.code == 40033
        assert lifecycle(stage) == ["ai-input", "ai-cancel"]


async def test_a_cancel_in_history_is_ignored() -> None:
    """Behaviour 16."""
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.cancel()
        async with stage.agent() as agent:
            run = await answering(agent, turn)
            await run.view.load()
            assert not run.cancel_token.is_cancelled
            await run.end()


async def test_a_cancel_of_an_unknown_run_is_dropped_unless_it_names_an_input() -> None:
    """Behaviour 17."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        await publish_cancel(stage, run_id="R")
        turn = await alice.view.send(say("hi"))
        run = agent.create_run(turn.to_invocation(), run_id="R")
        await run.start()
        assert not run.cancel_token.is_cancelled
        await publish_cancel(stage)
        before = run.cancel_token.is_cancelled
        await publish_cancel(stage, run_id="R")
        assert (before, run.cancel_token.is_cancelled) == (False, True)
        await run.end("cancelled")


@pytest.mark.parametrize("by", ["run", "input"])
async def test_a_cancel_reaches_everyone_at_work_on_the_run(by: str) -> None:
    """An answer may come while the run that asked is still at work; an invocation may be delivered twice."""
    async with staged() as stage, stage.device() as alice, stage.agent() as agent:
        turn = await alice.view.send(say("hi"))
        first = await answering(agent, turn)
        if by == "run":
            await first.pipe([note("call?")])
            answer = await alice.view.send(result(first.messages[-1].id, "42"), run_id=first.run_id)
            second = await answering(agent, answer)
            assert second.run_id == first.run_id
            await alice.cancel(first.run_id)
        else:
            second = await answering(agent, turn)
            await turn.cancel()
        await settle()
        assert (first.cancel_token.is_cancelled, second.cancel_token.is_cancelled) == (True, True)
        await second.end("cancelled")
        assert (agent.cancels.find(second.run_id) is first) == (by == "run"), "who is left can be reached"
        await first.end("cancelled")
        assert agent.cancels.runs() == []


async def test_early_cancels_are_bounded_and_the_newest_stay() -> None:
    async with staged() as stage, stage.agent() as agent:
        channel = stage.hub.client("mallory").channel(CHANNEL)
        for number in range(MAX_DEFERRED + 5):
            extras = cancel_extras("c", input_message_id=f"M{number}")
            await channel.publish(OutboundMessage("ai-cancel", ABSENT, extras))
        await settle()
        assert agent.cancels.take_deferred("M4") is None
        assert agent.cancels.take_deferred("M5") is not None


async def test_a_cancel_refused_leaves_no_trace() -> None:
    """Behaviour 18."""

    async def refuse(request: Any) -> bool:
        return False

    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn, on_cancel=refuse)
        await settle()
        before = lifecycle(stage)
        await turn.cancel()
        await settle()
        assert lifecycle(stage) == [*before, "ai-cancel"]
        assert not run.cancel_token.is_cancelled
        assert stage.errors == []
        await run.end()


async def test_a_cancel_of_a_known_run_is_an_output_of_nothing() -> None:
    """Behaviour 44."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        await settle()
        told: list[tuple[str | None, int, int]] = []
        agent.tree.on("output", lambda event: told.append((event.run_id, len(event.outputs), len(event.inputs))))
        await alice.cancel(run.run_id)
        await settle()
        assert told == [(run.run_id, 0, 0)]
        await run.end("cancelled")


async def test_a_cancel_hook_that_fails_is_told_to_the_run_and_cancels_nothing() -> None:
    errors: list[Any] = []

    async def fail(request: Any) -> bool:
        raise RuntimeError("no idea")

    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn, on_cancel=fail, on_error=errors.append)
        await turn.cancel()
        await settle()
        assert [(type(error), error.code) for error in errors] == [(CancelListenerError, 104002)]
        assert stage.errors == []
        assert not run.cancel_token.is_cancelled
        await run.end()


async def test_a_token_of_the_application_cancels_its_runs() -> None:
    token = CancelToken()
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turns = [await alice.view.send(say(text)) for text in "ab"]
        runs = [await answering(agent, turn, cancel_token=token) for turn in turns]
        await runs[0].end()
        token.cancel()
        assert [run.cancel_token.is_cancelled for run in runs] == [False, True], "one is over, and no longer follows"
        await runs[1].end("cancelled")


async def test_a_token_calls_everybody_even_if_one_raises() -> None:
    token, calls = CancelToken(), []

    def fail() -> None:
        raise RuntimeError("no")

    token.on_cancel(fail)
    forgotten = token.on_cancel(lambda: calls.append("forgotten"))
    token.on_cancel(lambda: calls.append("called"))
    forgotten()
    forgotten()
    token.cancel()
    token.cancel()
    token.on_cancel(lambda: calls.append("late"))()
    assert calls == ["called", "late"]


# --- ending


async def test_ending_a_session_ends_its_runs_and_their_steps_and_detaching_does_not() -> None:
    """Behaviour 14."""
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        agent = agent_on(stage)
        await agent.connect()
        run = await answering(agent, turn)
        await run.create_step().start()
        unopened = agent.create_run(Invocation(""))
        await agent.end()
        assert await turn.wait() == "cancelled"
        assert unopened.cancel_token.is_cancelled
        assert stage.headers("ai-step-end")[0]["step-reason"] == "cancelled"
        assert len(stage.headers("ai-run-end")) == 1
        other = agent_on(stage)
        await other.connect()
        await answering(other, await alice.view.send(say("again")))
        await settle()
        count = len(stage.seen)
        await other.detach()
        await settle()
        assert len(stage.seen) == count


async def test_a_run_that_somebody_else_ended_is_read_only_and_its_end_publishes_nothing() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        async with stage.agent() as first, stage.agent() as second:
            run = first.create_run(turn.to_invocation(), invocation_id="i")
            await run.start()
            other = second.adopt_run(turn.to_invocation(), run_id=run.run_id, invocation_id="i")
            await other.load()
            await other.end("cancelled")
            await settle()
            with pytest.raises(InvalidArgumentError, match=r"is already cancelled \(read-only\), create a new run"):
                await run.pipe(words("late"))
            await run.end()
            await settle()
        assert len(stage.headers("ai-run-end")) == 1


# --- adopting


async def test_an_adopted_run_publishes_nothing_when_loaded_and_keeps_its_id_and_owner() -> None:
    """Behaviour 27, with a trigger that names another run."""
    async with staged() as stage, stage.device("alice") as alice, stage.device("bob") as bob:
        turn = await alice.view.send(say("hi"))
        async with stage.agent() as first:
            run = first.create_run(turn.to_invocation(), run_id="R", invocation_id="I")
            await run.start()
            await first.detach()
        named = await bob.view.send(result("A", "1"), run_id="another")
        await named.cancel()
        async with stage.agent() as second:
            await settle()
            count = len(stage.seen)
            adopted = second.adopt_run(named.to_invocation(), run_id="R", invocation_id="I")
            await adopted.load()
            await adopted.load()
            assert (adopted.run_id, len(stage.seen)) == ("R", count)
            assert not adopted.cancel_token.is_cancelled
            await adopted.end()
        await settle()
        end = stage.headers("ai-run-end")[0]
        assert (end["run-id"], end["run-client-id"]) == ("R", "alice")


async def test_an_adopted_run_that_is_not_there_is_not_found() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        for invocation, missing in (
            (turn.to_invocation(), "the start of the run"),
            (Invocation("no"), "the input 'no'"),
        ):
            run = agent.adopt_run(invocation, run_id="R", invocation_id="I")
            with pytest.raises(InputEventNotFoundError, match=missing) as caught:
                await run.load(timeout=0.01)
            assert (caught.value.code, caught.value.status_code) == (104010, 504)
            assert agent.cancels.find("R") is None


async def test_a_run_that_history_hides_names_the_failure_as_the_cause() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        plan = FaultPlan()
        for number in range(1, 5):
            plan.on("history", number, Refuse(40160, 401))
        client = FaultyProvider(stage.hub.client("agent"), plan)
        async with AgentSession(client, CHANNEL, codec=TOY) as agent:
            run = agent.adopt_run(turn.to_invocation(), run_id="R", invocation_id="I")
            with pytest.raises(InputEventNotFoundError) as caught:
                await run.load()
            assert isinstance(caught.value.cause, HistoryFetchError)


async def test_a_cancelled_run_is_not_loaded() -> None:
    async with staged() as stage, stage.agent() as agent:
        run = agent.adopt_run(Invocation("E"), run_id="R", invocation_id="I")
        loading = asyncio.create_task(run.load())
        await settle()
        run.cancel_token.cancel()
        with pytest.raises(OperationCancelledError):
            await loading
        other = agent.adopt_run(Invocation("E"), run_id="R", invocation_id="I")
        other.cancel_token.cancel()
        with pytest.raises(OperationCancelledError, match=r"cancelled before load\(\)"):
            await other.load()


async def test_a_run_is_loaded_as_soon_as_it_arrives() -> None:
    async with staged() as stage, stage.agent() as first, stage.agent() as second, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        adopted = second.adopt_run(turn.to_invocation(), run_id="R", invocation_id="I")
        loading = asyncio.create_task(adopted.load())
        await settle()
        assert not loading.done()
        run = first.create_run(turn.to_invocation(), run_id="R", invocation_id="I")
        await run.start()
        await loading
        await adopted.end()


async def test_suspended_and_finished_runs_are_not_adopted() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        await run.suspend()
        await settle()
        adopted = agent.adopt_run(turn.to_invocation(), run_id=run.run_id, invocation_id="I")
        with pytest.raises(InvalidArgumentError, match=r"is suspended: resume via create_run\(...\).start\(\)"):
            await adopted.load()
        other = await answering(agent, await alice.view.send(say("two")))
        await other.end()
        await settle()
        adopted = agent.adopt_run(turn.to_invocation(), run_id=other.run_id, invocation_id="I")
        with pytest.raises(InvalidArgumentError, match=r"is terminal \(read-only\), it is already complete"):
            await adopted.load()


# --- woken by a request


async def test_an_agent_that_is_woken_by_a_request_leaves_its_run_open() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        body = turn.to_invocation().to_json()
        async with with_agent_session(stage.hub.client("agent"), body, codec=TOY) as (session, invocation):
            assert invocation.input_event_id == turn.input_event_id
            run = session.create_run(invocation)
            await run.start()
        assert turn.status == "active"
        assert lifecycle(stage) == ["ai-input", "ai-run-start"]
        with pytest.raises(SessionClosedError):
            await run.end()
        with pytest.raises(RuntimeError, match="of the body"):
            async with with_agent_session(stage.hub.client("agent"), body, codec=TOY):
                raise RuntimeError("of the body")
        with pytest.raises(InvalidArgumentError, match="an invocation is a JSON object, not list"):
            async with with_agent_session(stage.hub.client("agent"), [], codec=TOY):  # type: ignore[arg-type]
                pass


async def test_presence_is_the_channels_own() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        await agent.presence.enter({"role": "agent"})
        await settle()
        assert [member.client_id for member in await alice.presence.get()] == ["agent"]
        assert agent.presence is agent.connection.channel.presence


async def test_serve_does_not_outlive_its_session() -> None:
    async with staged() as stage, serving(stage, lambda run: run.pipe(words("x"))) as agent:
        await agent.detach()
