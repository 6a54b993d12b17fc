"""What a device does besides sending: continue, cancel, wait, connect and close."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs import ClientSession
from ai_transport_codecs.codec.inputs import tool_approval_response, tool_result, tool_result_error
from ai_transport_codecs.errors import (
    AgentError,
    AITransportError,
    ChannelNotReadyError,
    InvalidArgumentError,
    SessionClosedError,
    SessionSendError,
    SessionSubscriptionError,
)
from ai_transport_codecs.session.handle import ClientRun
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Hold, LoseAck, Refuse, Repeat
from tests.session.stage import CHANNEL, Stage, say, settle, staged
from tests.session.toy_codec import TOY
from tests.session.view_stage import Desk, closed_session, ids, opened


async def suspended(stage: Stage, alice: ClientSession[str]) -> tuple[Desk, ClientRun[str]]:
    """A turn that waits for a tool's result in message ``A``."""
    desk = await opened(stage)
    turn = await alice.view.send(say("hi"))
    await desk.start("R", turn.input_message_id)
    await desk.note("R", "A", "call?", turn.input_message_id)
    await desk.lifecycle("run-suspend", "R")
    assert await turn.wait() == "suspended"
    return desk, turn


async def resume(desk: Desk, invocation: str) -> None:
    await desk.lifecycle("run-resume", "R", invocation_id=invocation, input_codec_message_id="A")


async def test_a_tool_result_continues_the_suspended_run_in_place() -> None:
    """Behaviours 3, 6 and 9: the run-id says so, the parent is the visible tail, and nothing shows before its echo."""
    async with staged() as stage, stage.device() as alice:
        desk, _ = await suspended(stage, alice)
        shown: list[list[str]] = []
        alice.view.on("update", lambda: shown.append(alice.view.messages))
        turn = await alice.view.send(tool_result("A", {"output": "42"}), run_id="R")
        assert stage.headers("ai-input")[-1] == {
            "role": "user",
            "codec-message-id": "A",
            "run-id": "R",
            "run-client-id": "alice",
            "parent": "A",
            "event-id": turn.input_event_id,
            "stream": "false",
        }
        assert turn.run_id == ""
        assert turn.status == "active"
        await settle()
        assert shown == [["hi", "call?|=42"]]
        await resume(desk, "i2")
        assert await turn.started == "R"
        await desk.note("R", "B", "done", "A")
        await desk.lifecycle("run-end", "R", run_reason="complete", invocation_id="i2")
        assert await turn.wait() == "complete"
        assert alice.view.messages == ["hi", "call?|=42", "done"]


async def test_two_continuations_of_one_message_are_both_told_that_the_run_goes_on() -> None:
    """Behaviour 12: the reference keeps the last one only, and the first one's ``started`` is never done."""
    async with staged() as stage, stage.device() as alice:
        desk, _ = await suspended(stage, alice)
        first = await alice.view.send(tool_result("A", {"output": "1"}), run_id="R")
        second = await alice.view.send(tool_result("A", {"output": "2"}), run_id="R")
        await resume(desk, "i2")
        assert [await first.started, await second.started] == ["R", "R"]


async def test_an_older_resume_from_history_starts_nothing() -> None:
    async with staged() as stage:
        async with stage.device("bob") as bob:
            desk, _ = await suspended(stage, bob)
            await bob.view.send(tool_result("A", {"output": "1"}), run_id="R")
            await resume(desk, "i2")
            await desk.note("R", "B", "again?", "A")
            await desk.lifecycle("run-suspend", "R", invocation_id="i2")
        async with stage.device(history=False) as alice:
            turn = await alice.view.send(tool_result("A", {"output": "2"}), run_id="R")
            await alice.view.load_older(100)
            assert not turn.started.done()
            await resume(desk, "i3")
            assert await turn.started == "R"
            assert turn.status == "active"


@pytest.mark.parametrize(
    ("make", "payload"),
    [
        (tool_result, {"toolCallId": "c", "output": "x"}),
        (tool_result_error, {"toolCallId": "c", "message": "x"}),
        (tool_approval_response, {"toolCallId": "c", "approved": True}),
    ],
)
async def test_every_kind_of_answer_to_a_tool_call_may_be_one_send(make: Any, payload: dict[str, Any]) -> None:
    """With the vercel codec, which has all three; several at once, of which the last is the trigger."""
    async with staged() as stage:
        client = stage.hub.client("alice")
        async with ClientSession[Any](client, CHANNEL, codec="vercel") as alice:
            turn = await alice.view.send([make("A", payload), make("A", payload | {"toolCallId": "d"})], run_id="R")
            sent = stage.headers("ai-input")
            assert [each["codec-message-id"] for each in sent] == ["A", "A"]
            assert {each["run-id"] for each in sent} == {"R"}
            assert turn.input_event_id == sent[-1]["event-id"]
            assert turn.to_invocation().to_json() == {"inputEventId": sent[-1]["event-id"], "sessionName": CHANNEL}


async def test_an_exchange_is_the_question_and_the_answer() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        turn = await alice.view.send(say("hi"))
        assert [entry.message for entry in turn.get_exchange()] == ["hi"]
        await desk.answer("R", turn.input_message_id, ("A", "hello"))
        await turn.wait()
        assert [entry.message for entry in turn.get_exchange()] == ["hi", "hello"]
        assert turn.messages == ["hello"]


async def test_where_a_message_goes() -> None:
    """Behaviours 6 and 7: after the last visible one; nowhere by itself when it replaces another one."""
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()
        for options in ({}, {"parent": "M0"}, {"fork_of": "M0"}, {"fork_of": "M0", "parent": "A0"}, {"parent": ""}):
            await alice.create_view().send(say("x"), **options)
        sent = stage.headers("ai-input")[1:]
        places = [(each.get("parent"), each.get("fork-of")) for each in sent]
        assert places == [("A0", None), ("M0", None), (None, "M0"), ("A0", "M0"), (None, None)]
        assert all("run-id" not in each and "invocation-id" not in each for each in sent), "behaviour 3"


# --- cancelling and waiting


async def crowd(stage: Stage, alice: ClientSession[str], bob: ClientSession[str]) -> Desk:
    """Runs ``Ra`` of alice and ``Rb`` of bob, one of bob's that is over, and a message of alice's nobody answers."""
    desk = await opened(stage)
    for device, run_id, owner in ((alice, "Ra", "alice"), (bob, "Rb", "bob"), (bob, "over", "bob")):
        turn = await device.view.send(say(run_id))
        await desk.start(run_id, turn.input_message_id, owner)
        await turn.started
    await desk.lifecycle("run-end", "over", run_reason="complete")
    await alice.view.send(say("unanswered"))
    await settle()
    return desk


@pytest.mark.parametrize(
    ("chosen", "runs", "reaches_unanswered"),
    [
        ({"run_id": "Rb"}, ["Rb"], False),
        ({"run_id": "not loaded"}, ["not loaded"], False),
        ({"own": True}, ["Ra"], True),
        ({}, ["Ra"], True),
        ({"client_id": "bob"}, ["Rb"], False),
        ({"client_id": "alice"}, ["Ra"], True),
        ({"client_id": "nobody"}, [], False),
        ({"all": True}, ["Ra", "Rb"], True),
    ],
)
async def test_cancel_filters(chosen: dict[str, Any], runs: list[str], reaches_unanswered: bool) -> None:
    """Spec 12.1: the filters of the turn vocabulary, applied where the runs are known."""
    async with staged() as stage, stage.device("alice") as alice, stage.device("bob") as bob:
        await crowd(stage, alice, bob)
        await alice.cancel(**chosen)
        await settle()
        cancels = stage.headers("ai-cancel")
        assert [headers["run-id"] for headers in cancels if "run-id" in headers] == runs
        unanswered = stage.headers("ai-input")[-1]["codec-message-id"]
        waiting = [headers["input-codec-message-id"] for headers in cancels if "run-id" not in headers]
        assert waiting == ([unanswered] if reaches_unanswered else [])
        assert all(set(headers) <= {"event-id", "run-id", "input-codec-message-id"} for headers in cancels)


async def test_an_anonymous_device_knows_its_own_turns() -> None:
    async with staged() as stage, stage.device(None) as alice, stage.device(None) as bob:
        desk = await opened(stage)
        for device, run_id in ((alice, "Ra"), (bob, "Rb")):
            turn = await device.view.send(say(run_id))
            await desk.start(run_id, turn.input_message_id, "")
            await turn.started
        await settle()
        await alice.cancel()
        assert [headers["run-id"] for headers in stage.headers("ai-cancel")] == ["Ra"]
        assert "run-client-id" not in stage.headers("ai-input")[0], "behaviour 45"


async def test_waiting_for_turns() -> None:
    async with staged() as stage, stage.device("alice") as alice, stage.device("bob") as bob:
        desk = await crowd(stage, alice, bob)
        await alice.wait_for_turn("over")
        await alice.wait_for_turn("not loaded")
        bobs = asyncio.create_task(alice.wait_for_turn(client_id="bob"))
        everyone = asyncio.create_task(alice.wait_for_turn(all=True))
        await settle()
        assert not bobs.done()
        await desk.lifecycle("run-end", "Rb", run_reason="complete")
        await bobs
        await desk.lifecycle("run-suspend", "Ra")
        await settle()
        assert not everyone.done(), "somebody has yet to answer alice's last message"
        await desk.answer("late", stage.headers("ai-input")[-1]["codec-message-id"], ("A", "a"))
        await everyone


async def test_filters_are_given_one_at_a_time() -> None:
    async with staged() as stage, stage.device() as alice:
        for call in (alice.cancel, alice.wait_for_turn):
            with pytest.raises(InvalidArgumentError, match="one filter at a time"):
                await call("R", own=True)
            with pytest.raises(InvalidArgumentError, match="an empty id names no turn"):
                await call(client_id="")
        assert stage.seen == []


async def test_one_cancel_that_fails_does_not_stop_the_others() -> None:
    async with staged() as stage, stage.device("bob") as bob:
        client = FaultyProvider(stage.hub.client("alice"), FaultPlan().on("publish", 3, Refuse(40000, 400)))
        async with ClientSession[str](client, CHANNEL, codec=TOY) as alice:
            await crowd(stage, alice, bob)
            with pytest.raises(SessionSendError, match="unable to cancel; "):
                await alice.cancel(all=True)
            await settle()
            assert [headers.get("run-id") for headers in stage.headers("ai-cancel")] == ["Rb", None]


# --- errors, connecting, closing


async def test_an_agents_error_is_told_before_the_run_is_seen_to_end_and_never_from_history() -> None:
    """Behaviour 13; a delivery that comes twice is told once."""
    async with staged() as stage:
        desk = await opened(stage)
        client = FaultyProvider(stage.hub.client("alice"), FaultPlan().on("delivery", 3, Repeat(2)))
        heard: list[str] = []
        async with ClientSession[str](client, CHANNEL, codec=TOY) as alice:
            turn = await alice.view.send(say("hi"))
            await desk.start("R", turn.input_message_id)
            await turn.started
            alice.on("error", lambda error: heard.append(f"error {error.code} while {turn.status}"))
            alice.tree.on("run", lambda event: heard.append(f"tree {event.type}"))
            alice.view.on("run", lambda event: heard.append(f"view {event.type}"))
            await desk.lifecycle("run-end", "R", run_reason="error", error_code="40000", error_message="no idea")
            await settle()
            assert heard[0] == "error 40000 while active"
            assert heard.count("tree end") == 3
            assert [each for each in heard if "error" in each] == heard[:1]
            assert isinstance(turn.error, AgentError)
        async with stage.device("bob"):
            assert stage.errors == []


async def test_listeners_come_and_go() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        heard: list[AITransportError] = []
        unsubscribe = alice.on("error", heard.append)
        await desk.start("R", None)
        await desk.lifecycle("run-end", "R", run_reason="error")
        await settle()
        assert [(type(error), error.code, str(error)) for error in heard] == [
            (AgentError, 104008, "agent reported an error")
        ]
        unsubscribe()
        await desk.lifecycle("run-end", "R", run_reason="error")
        await settle()
        assert len(heard) == 1
        for on in (alice.on, alice.view.on):
            with pytest.raises(InvalidArgumentError, match="has no event 'nonsense'"):
                on("nonsense", heard.append)  # type: ignore[call-overload]


async def test_a_failed_connect_is_told_both_ways_and_may_be_repeated() -> None:
    async with staged() as stage:
        client = FaultyProvider(stage.hub.client("alice"), FaultPlan().on("attach", 1, Refuse(40160, 401)))
        alice: ClientSession[str] = ClientSession(client, CHANNEL, codec=TOY)
        told: list[AITransportError] = []
        alice.on("error", told.append)
        with pytest.raises(SessionSubscriptionError, match=r"Call connect\(\) again to retry") as caught:
            await alice.connect()
        assert told == [caught.value]
        assert (caught.value.code, caught.value.status_code) == (104001, 500)
        assert isinstance(caught.value.cause, AITransportError)
        with pytest.raises(AITransportError, match=r"last connect\(\) failed .* call it again") as refused:
            await alice.view.send(say("hi"))
        assert (refused.value.code, refused.value.cause) == (104001, caught.value)
        await asyncio.gather(alice.connect(), alice.connect())
        await alice.connect()
        await alice.view.send(say("hi"))
        await alice.close()
        with pytest.raises(SessionClosedError, match="session is closed, create a new one") as closed:
            await alice.connect()
        assert (closed.value.code, closed.value.status_code) == (104004, 400)


async def test_everything_written_before_connect_is_refused() -> None:
    async with staged() as stage:
        alice = closed_session(stage, messages=["stored"])
        calls = {
            "send": alice.view.send(say("hi")),
            "cancel": alice.cancel("R"),
            "wait_for_turn": alice.wait_for_turn(),
        }
        for operation, call in calls.items():
            with pytest.raises(InvalidArgumentError, match=rf"connect\(\) must be called before {operation}\(\)"):
                await call
        given = alice.view.get_messages()[0].id
        with pytest.raises(InvalidArgumentError, match=r"connect\(\) must be called before edit\(\)"):
            await alice.view.edit(given, say("x"))
        assert stage.seen == []


async def test_a_send_waits_for_the_connect_that_is_under_way() -> None:
    async with staged() as stage:
        gate = asyncio.Event()
        client = FaultyProvider(stage.hub.client("alice"), FaultPlan().on("attach", 1, Hold(until=gate)))
        alice: ClientSession[str] = ClientSession(client, CHANNEL, codec=TOY)
        connecting = asyncio.create_task(alice.connect())
        await settle(3)
        sending = asyncio.create_task(alice.view.send(say("hi")))
        await settle()
        assert not sending.done()
        gate.set()
        await connecting
        await sending
        await alice.close()


async def test_closing_while_connecting_leaves_no_attachment_behind() -> None:
    async with staged() as stage:
        gate = asyncio.Event()
        client = FaultyProvider(stage.hub.client("alice"), FaultPlan().on("attach", 1, Hold(until=gate)))
        alice: ClientSession[str] = ClientSession(client, CHANNEL, codec=TOY)
        connecting = asyncio.create_task(alice.connect())
        await settle(3)
        await alice.close()
        gate.set()
        with pytest.raises(SessionClosedError, match="closed meanwhile"):
            await connecting
        assert alice.connection.channel.state == "detached"


async def test_after_close_reads_go_on_writes_are_refused_and_cancel_is_silent() -> None:
    """Behaviour 14, and spec 1.5."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(1)
        async with stage.device() as alice:
            other = alice.create_view()
            turn = await alice.view.send(say("hi"))
            waiting = asyncio.create_task(alice.wait_for_turn())
            await settle()
        with pytest.raises(SessionClosedError):
            await waiting
        before = len(stage.seen)
        assert ids(alice.view)[:2] == ids(other)[:2] == ["M0", "A0"]
        assert other.is_closed
        for write in (alice.view.send(say("x")), other.edit("M0", say("x")), other.regenerate("A0")):
            with pytest.raises(SessionClosedError):
                await write
        with pytest.raises(SessionClosedError, match="unable to create a view"):
            alice.create_view()
        with pytest.raises(SessionClosedError):
            await turn.started
        await alice.cancel()
        await turn.cancel()
        alice.on("error", stage.errors.append)()
        await desk.ask("M9", "later")
        await settle()
        assert "later" not in alice.view.messages
        assert len(stage.seen) == before + 1


async def test_sending_while_the_channel_is_down() -> None:
    async with staged() as stage:
        client = stage.hub.client("alice")
        async with ClientSession[str](client, CHANNEL, codec=TOY) as alice:
            await client.suspend()
            with pytest.raises(ChannelNotReadyError, match="channel 'conversation' is suspended") as caught:
                await alice.view.send(say("hi"))
            assert (caught.value.code, caught.value.status_code) == (104007, 400)
            assert alice.view.messages == []


async def test_a_send_whose_acknowledgement_is_lost_is_sent_once() -> None:
    async with staged() as stage:
        client = FaultyProvider(stage.hub.client("alice"), FaultPlan().on("publish", 1, LoseAck()))
        async with ClientSession[str](client, CHANNEL, codec=TOY) as alice:
            await alice.view.send(say("hi"))
            await settle()
            assert alice.view.messages == ["hi"]
            assert len(stage.headers("ai-input")) == 1


async def test_who_sends() -> None:
    async with staged() as stage:
        for connection, told, stamped in (("alice", None, "alice"), ("bob", "bob", "bob"), (None, "carol", "carol")):
            async with closed_session(stage, connection, client_id=told) as session:
                await session.view.send(say("hi"))
                assert stage.headers("ai-input")[-1]["run-client-id"] == stamped
        for connection, told in (("alice", "bob"), (None, ""), (None, "*")):
            with pytest.raises(InvalidArgumentError, match=f"cannot send as {told!r}".replace("*", r"\*")):
                closed_session(stage, connection, client_id=told)
