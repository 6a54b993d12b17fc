"""The older turn vocabulary on the agent's side (session spec 12, design D12)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.errors import (
    InsufficientCapabilityError,
    InvalidArgumentError,
    OperationCancelledError,
    SessionSendError,
)
from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.retry import NO_RETRY
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Refuse
from tests.session.agent_stage import failing, lifecycle, note, serving, statuses, texts
from tests.session.stage import CHANNEL, say, settle, staged, text_events, words
from tests.session.toy_codec import TOY


async def test_a_turn_whose_message_the_agent_publishes_on_the_users_behalf() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device("alice") as alice:
        turn = agent.new_turn(turn_id="turn-1", client_id="alice")
        [message_id] = await turn.add_messages([say("hi")])
        result = await turn.stream_response(words("Hello"))
        await turn.end(result.reason)
        await settle()
        assert lifecycle(stage) == [
            "ai-input", "ai-run-start", "ai-step-start", "ai-output", "ai-step-end", "ai-run-end"
        ]  # fmt: skip
        sent = stage.headers("ai-input")[0]
        assert sent.pop("event-id")
        assert sent == {
            "role": "user", "codec-message-id": message_id, "run-client-id": "alice", "stream": "false",
            "discrete": "true",
        }  # fmt: skip
        started = stage.headers("ai-run-start")[0]
        assert started.pop("invocation-id")
        assert started == {
            "run-id": "turn-1", "run-client-id": "alice", "parent": message_id, "input-client-id": "agent",
            "input-codec-message-id": message_id,
        }  # fmt: skip
        assert alice.view.messages == ["hi", "Hello."]
        run = alice.tree.run("turn-1")
        assert run is not None
        assert (run.client_id, run.status) == ("alice", "complete")
        assert texts(turn.messages) == ["hi", "Hello."]


async def test_turns_follow_each_other_and_messages_of_one_turn_too() -> None:
    async with staged() as stage, stage.device() as alice:
        async with stage.agent() as agent:
            first = agent.new_turn(client_id="alice")
            await first.add_messages([say("a"), say("b")])
            await first.stream_response([note("A")])
            await first.end("complete")
        async with stage.agent() as agent:
            second = agent.new_turn(client_id="alice")
            await second.add_messages(say("c"))
            await second.stream_response([note("B")])
            await second.end("complete")
        await settle()
        assert alice.view.messages == ["a", "b", "A", "c", "B"]
        assert second.run.view.messages == ["a", "b", "A", "c", "B"]


async def test_a_turn_may_be_placed() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        first = agent.new_turn(client_id="alice")
        [asked] = await first.add_messages(say("a"))
        await first.stream_response([note("A")])
        await first.end()
        edit = agent.new_turn(client_id="alice", fork_of=asked)
        await edit.add_messages(say("a2"))
        await edit.stream_response([note("A2")])
        await edit.end()
        again = agent.new_turn(client_id="alice", parent=asked)
        await again.stream_response([note("A3")])
        await again.end()
        await settle()
        assert stage.headers("ai-input")[1]["fork-of"] == asked
        assert stage.headers("ai-run-start")[2]["parent"] == asked
        assert len(alice.tree.siblings(asked)) == 2
        assert len(alice.tree.reply_runs(asked)) == 2


async def test_more_messages_during_a_turn_are_steers_of_it() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = agent.new_turn(client_id="alice")
        await turn.add_messages(say("a"))
        await turn.stream_response([note("A")])
        await turn.add_messages(say("more"))
        await settle()
        assert turn.run.has_input()
        await turn.stream_response([note("B")])
        await turn.end()
        await settle()
        steer = stage.headers("ai-input")[1]
        assert (steer["run-id"], steer["run-client-id"], "parent" in steer) == (turn.turn_id, "alice", False)
        assert alice.view.messages == ["a", "A", "more", "B"]


async def test_a_turn_without_messages_starts_by_itself() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = agent.new_turn(client_id="alice")
        await turn.end("error", ValueError("no model"))
        await settle()
        assert lifecycle(stage) == ["ai-run-start", "ai-run-end"]
        assert stage.headers("ai-run-start")[0]["run-client-id"] == "alice"
        end = stage.headers("ai-run-end")[0]
        assert (end["run-reason"], end["error-code"], end["error-message"]) == ("error", "104008", "no model")
        assert alice.view.messages == []


@pytest.mark.parametrize("reason", ["complete", "cancelled", "error"])
async def test_a_turn_ends_for_one_of_three_reasons(reason: Any) -> None:
    async with staged() as stage, stage.agent() as agent:
        turn = agent.new_turn()
        await turn.add_messages(say("a"))
        await turn.end(reason)
        await turn.end(reason)
        await settle()
        assert [each["run-reason"] for each in stage.headers("ai-run-end")] == [reason]
        with pytest.raises(InvalidArgumentError, match=f"has ended as {reason}"):
            await turn.end("complete" if reason == "error" else "error")
        with pytest.raises(InvalidArgumentError, match="has ended"):
            await turn.stream_response([note("x")])
        with pytest.raises(InvalidArgumentError, match="has ended, create a new one"):
            await turn.add_messages(say("x"))
        assert len(stage.headers("ai-input")) == 1


async def test_a_cancel_reaches_a_turn_by_its_id() -> None:
    gate = asyncio.Event()
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = agent.new_turn(turn_id="t", client_id="alice")
        await turn.add_messages(say("a"))
        streaming = asyncio.create_task(turn.stream_response(words("so far", gate=gate)))
        await settle()
        await alice.cancel("t")
        result = await streaming
        await turn.end(result.reason)
        await settle()
        assert stage.headers("ai-run-end")[0]["run-reason"] == "cancelled"
        assert await statuses(stage) == ["cancelled"]


async def test_a_turn_that_was_cancelled_before_it_began_publishes_nothing() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = agent.new_turn(turn_id="t")
        await alice.cancel("t")
        await settle()
        for operation in (turn.start, lambda: turn.add_messages(say("a")), lambda: turn.stream_response([note("x")])):
            with pytest.raises(OperationCancelledError):
                await operation()
        assert lifecycle(stage) == ["ai-cancel"]


async def test_a_source_that_raises_ends_the_turn_with_an_error() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = agent.new_turn(client_id="alice")
        await turn.add_messages(say("a"))
        result = await turn.stream_response(failing(*text_events("half", ends=False)))
        assert result.reason == "error"
        await turn.end("error", result.error)
        await settle()
        assert await statuses(stage) == ["cancelled"]
        assert alice.view.runs()[-1].status == "error"


async def test_messages_that_cannot_be_sent_are_refused_before_any_is_published() -> None:
    async with staged() as stage, stage.agent() as agent:
        turn = agent.new_turn()
        with pytest.raises(InvalidArgumentError, match="there are none"):
            await turn.add_messages([])
        with pytest.raises(InvalidArgumentError, match="cannot send a int"):
            await turn.add_messages([say("fine"), 42])
        with pytest.raises(InvalidArgumentError, match="no row for kind 'telepathy'"):
            await turn.add_messages([say("fine"), {"kind": "telepathy"}])
        assert stage.seen == []


@pytest.mark.parametrize(("status", "kind"), [(401, InsufficientCapabilityError), (500, SessionSendError)])
async def test_a_channel_that_refuses_a_message(status: int, kind: type[Exception]) -> None:
    async with staged() as stage:
        client = FaultyProvider(stage.hub.client("agent"), FaultPlan().on("publish", 1, Refuse(40160, status)))
        async with AgentSession(client, CHANNEL, codec=TOY, retry=NO_RETRY) as agent:
            turn = agent.new_turn()
            with pytest.raises(kind, match="unable to add messages"):
                await turn.add_messages(say("a"))
            await turn.add_messages(say("a"))
            await turn.end()
        await settle()
        assert lifecycle(stage) == ["ai-input", "ai-run-start", "ai-run-end"]


async def test_a_server_of_the_same_session_does_not_answer_a_turn_of_its_own() -> None:
    async with staged() as stage, serving(stage, lambda run: run.pipe([note("served")])) as agent:
        turn = agent.new_turn(client_id="alice")
        await turn.add_messages(say("a"))
        await turn.stream_response([note("by hand")])
        await turn.end()
        await settle()
        assert len(stage.headers("ai-run-start")) == 1
