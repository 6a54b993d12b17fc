"""Whole turns between an agent and its devices."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs.errors import (
    AgentError,
    AITransportError,
    CancelListenerError,
    InvalidArgumentError,
    OperationCancelledError,
    SessionClosedError,
)
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.wire.absent import ABSENT
from tests.session.stage import CHANNEL, Stage, say, settle, staged, text_events, words


async def answer(run: Run[str]) -> None:
    await run.pipe(words("Hello ", "world"))


async def test_a_turn_is_answered_and_both_devices_agree() -> None:
    async with staged() as stage, stage.agent(answer), stage.device("alice") as alice, stage.device("bob") as bob:
        turn = await alice.view.send(say("hi"))
        assert await turn.wait() == "complete"
        await settle()
        assert alice.view.messages == bob.view.messages == ["hi", "Hello world."]
        assert [run.status for run in bob.view.runs()] == ["complete"]
        assert turn.messages == ["Hello world."]
        assert stage.errors == []


async def test_the_wire_of_one_turn() -> None:
    async with staged() as stage, stage.agent(answer), stage.device("alice") as alice:
        turn = await alice.view.send(say("hi"))
        await turn.wait()
        await settle()
    names = [message.name for message in stage.seen if message.name]
    # The first append to a fresh reader is a full update, which has a name.
    output_count = names.count("ai-output")
    assert output_count in {1, 2}
    assert names == [
        "ai-input",
        "ai-run-start",
        "ai-step-start",
        *["ai-output"] * output_count,
        "ai-step-end",
        "ai-run-end",
    ]
    sent, started = stage.headers("ai-input")[0], stage.headers("ai-run-start")[0]
    message_id, run_id, invocation_id = sent["codec-message-id"], started["run-id"], started["invocation-id"]
    assert sent == {
        "role": "user",
        "codec-message-id": message_id,
        "run-client-id": "alice",
        "event-id": turn.input_event_id,
        "stream": "false",
        "discrete": "true",
    }
    of_run = {"run-id": run_id, "run-client-id": "alice", "invocation-id": invocation_id, "input-client-id": "alice"}
    assert started == of_run | {"parent": message_id, "input-codec-message-id": message_id}
    step = {"step-id": f"{invocation_id}-step-0", "step-client-id": "alice"}
    assert stage.headers("ai-step-start") == [of_run | step]
    step_serial = next(message.serial for message in stage.seen if message.name == "ai-step-start")
    step["step-start-serial"] = str(step_serial)
    assert stage.headers("ai-step-end") == [of_run | step | {"step-reason": "complete"}]
    assert stage.headers("ai-run-end") == [of_run | {"input-codec-message-id": message_id, "run-reason": "complete"}]
    outputs = [m.extras["ai"]["transport"] for m in stage.seen if m.name == "ai-output" or m.action == "message.append"]
    output_id = outputs[0]["codec-message-id"]
    common = of_run | step | {"role": "assistant", "codec-message-id": output_id, "parent": message_id}
    common |= {"input-codec-message-id": message_id, "stream": "true", "stream-id": "t"}
    assert [headers.pop("status") for headers in outputs[:-1]] == ["streaming"] * (len(outputs) - 1)
    assert outputs[-1].pop("status") == "complete"
    assert all(headers == common for headers in outputs)
    bare = [message for message in stage.seen if message.name not in {"ai-input", "ai-output", None}]
    assert all("codec" not in each.extras["ai"] for each in bare)
    assert {each.data for each in bare} == {ABSENT}
    assert {type(value) for m in stage.seen for value in m.extras["ai"]["transport"].values()} == {str}


async def test_a_later_message_follows_the_last_visible_one() -> None:
    async with staged() as stage, stage.agent(answer), stage.device() as alice:
        await (await alice.view.send(say("one"))).wait()
        await settle()
        last = alice.view.get_messages()[-1].id
        await (await alice.view.send(say("two"))).wait()
        await settle()
        assert alice.view.messages == ["one", "Hello world.", "two", "Hello world."]
    assert stage.headers("ai-input")[1]["parent"] == last


async def test_what_is_sent_shows_at_once_and_once() -> None:
    async with staged() as stage, stage.device() as alice:
        shown: list[list[str]] = []
        alice.view.on("update", lambda: shown.append(alice.view.messages))
        two_parts = {"kind": "user-message", "message": {"parts": [{"type": "text", "text": text} for text in "ab"]}}
        await alice.view.send(two_parts)
        await settle()
        assert shown[0] == ["a|b"], "shown before the channel had it"
        assert shown[-1] == ["a|b"]
        assert len({message.serial for message in stage.seen}) == 2, "each part is a message of its own"
        assert len({(each["codec-message-id"], each["event-id"]) for each in stage.headers("ai-input")}) == 1


async def test_a_failed_send_is_taken_back() -> None:
    async with staged(max_message_size=400) as stage, stage.device() as alice:
        with pytest.raises(AITransportError, match=r"unable to send; .*400") as caught:
            await alice.view.send(say("x" * 1_000))
        assert caught.value.code == 104005
        assert alice.view.messages == []
        assert stage.errors == []


async def test_sending_without_the_right_is_refused_with_the_remedy() -> None:
    stage = Stage()
    session = stage.hub.client("alice", capability={"*": ["subscribe", "history"]})
    from ai_transport_codecs import ClientSession
    from tests.session.toy_codec import TOY

    async with ClientSession(session, CHANNEL, codec=TOY) as alice:
        with pytest.raises(AITransportError, match="missing publish capability") as caught:
            await alice.view.send(say("hi"))
        assert (caught.value.code, caught.value.status_code) == (40160, 401)


async def test_misuse_is_refused_before_anything_is_published() -> None:
    async with staged() as stage:
        async with stage.device() as alice:
            with pytest.raises(InvalidArgumentError, match="2 new messages at once"):
                await alice.view.send([say("a"), say("b")])
            with pytest.raises(InvalidArgumentError, match="nothing to send"):
                await alice.view.send([])
            with pytest.raises(InvalidArgumentError, match="no row for kind 'nonsense'"):
                await alice.view.send({"kind": "nonsense"})
        with pytest.raises(SessionClosedError, match="is closed"):
            await alice.view.send(say("late"))
        await alice.cancel("some run")
        assert stage.seen == []


async def test_nothing_works_before_connect_and_says_so() -> None:
    from ai_transport_codecs import AgentSession, ClientSession
    from tests.session.toy_codec import TOY

    stage = Stage()
    client: ClientSession[str] = ClientSession(stage.hub.client("alice"), CHANNEL, codec=TOY)
    with pytest.raises(InvalidArgumentError, match=r"connect\(\) must be called before send\(\)"):
        await client.view.send(say("hi"))
    agent: AgentSession[str] = AgentSession(stage.hub.client("agent"), CHANNEL, codec=TOY)
    with pytest.raises(InvalidArgumentError, match=r"connect\(\) must be called before start\(\)"):
        await agent.create_run(Invocation("")).start()


@pytest.mark.parametrize("joins_after", range(0, 40, 3))
async def test_a_late_joiner_sees_the_whole_answer_once(joins_after: int) -> None:
    async def handler(run: Run[str]) -> None:
        await run.pipe(words(*(f"w{n} " for n in range(10)), pause=lambda: settle(4)))

    async with staged() as stage, stage.agent(handler), stage.device("alice") as alice:
        turn = await alice.view.send(say("hi"))
        await settle(joins_after)
        async with stage.device("bob") as bob:
            await turn.wait()
            await settle()
            assert bob.view.messages == alice.view.messages == ["hi", "".join(f"w{n} " for n in range(10)) + "."]
            assert [run.status for run in bob.view.runs()] == ["complete"]


@settings(max_examples=60)
@given(
    cut_at=st.integers(0, 60),
    back_after=st.integers(0, 40),
    resume=st.booleans(),
    retained=st.sampled_from([2, 1_000]),
    page=st.sampled_from([1, 2, 3, 100]),
)
def test_a_device_that_drops_and_comes_back_misses_nothing(
    cut_at: int, back_after: int, resume: bool, retained: int, page: int
) -> None:
    asyncio.run(_drop(cut_at, back_after, resume=resume, retained=retained, page=page))


async def _drop(cut_at: int, back_after: int, *, resume: bool, retained: int, page: int) -> None:
    async def handler(run: Run[str]) -> None:
        await run.pipe(words(*(f"w{n} " for n in range(10)), pause=lambda: settle(3)))

    async with staged(retained_entries=retained) as stage, stage.agent(handler), stage.device("alice") as alice:
        client = stage.hub.client("bob")
        from ai_transport_codecs import ClientSession
        from tests.session.toy_codec import TOY

        async with ClientSession(client, CHANNEL, codec=TOY, history_page_size=page) as bob:
            lost: list[int] = []
            bob.on("error", lambda error: lost.append(error.code))
            turn = await alice.view.send(say("hi"))
            await settle(cut_at)
            await client.disconnect()
            await settle(back_after)
            await client.reconnect(resume=resume)
            await turn.wait()
            await settle(200)
            assert bob.view.messages == alice.view.messages == ["hi", "".join(f"w{n} " for n in range(10)) + "."]
            assert [run.status for run in bob.view.runs()] == ["complete"]
            assert set(lost) <= {104006}


async def test_cancel_from_another_device_closes_the_source_and_its_streams() -> None:
    closed = asyncio.Event()

    async def endless() -> Any:
        try:
            for event in text_events("so far ", ends=False):
                yield event
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def handler(run: Run[str]) -> None:
        result = await run.pipe(endless())
        assert result.reason == "cancelled"

    async with staged() as stage, stage.agent(handler), stage.device("alice") as alice, stage.device("bob") as bob:
        turn = await alice.view.send(say("hi"))
        await turn.started
        await settle()
        await bob.cancel(turn.run_id)
        assert await turn.wait() == "cancelled"
        await settle()
        assert closed.is_set()
        assert alice.view.messages == bob.view.messages == ["hi", "so far "]
        assert stage.headers("ai-step-end")[0]["step-reason"] == "cancelled"
        assert stage.headers("ai-run-end")[0]["run-reason"] == "cancelled"
        last = [m for m in stage.seen if m.name in {"ai-output", None}][-1]
        assert last.extras["ai"]["transport"]["status"] == "cancelled"
        assert stage.errors == []


async def test_a_source_that_swallows_its_cancellation_is_closed_all_the_same() -> None:
    """As asyncio.wait_for does before Python 3.12, when a result comes at the moment of the cancel."""
    closed = asyncio.Event()

    async def stubborn() -> Any:
        try:
            for event in text_events("so far ", ends=False):
                yield event
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield {"type": "text-delta", "id": "t", "delta": "and on"}
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with staged() as stage, stage.agent(lambda run: run.pipe(stubborn())), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.started
        await settle()
        await turn.cancel()
        assert await turn.wait() == "cancelled"
        assert closed.is_set()
        assert turn.messages == ["so far "]


async def test_a_cancel_before_the_run_exists_waits_for_it() -> None:
    gate = asyncio.Event()

    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        async with stage.agent() as agent:
            await turn.cancel()
            await settle()
            run = agent.create_run(turn.to_invocation())
            await run.start()
            assert run.cancel_token.is_cancelled
            result = await run.pipe(words("never said", gate=gate))
            assert result.reason == "cancelled"
            await run.end("cancelled")
        assert await turn.wait() == "cancelled"
        assert stage.headers("ai-step-start") == []
        assert alice.view.messages == ["hi"]


async def test_a_run_cancelled_before_its_start_publishes_nothing() -> None:
    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation(""))
        run.cancel_token.cancel()
        with pytest.raises(OperationCancelledError, match="cancelled before start") as caught:
            await run.start()
        assert caught.value.code == 40033
        assert stage.seen == []


async def test_on_cancel_may_refuse_and_its_failure_is_reported() -> None:
    gate = asyncio.Event()
    asked: list[str | None] = []

    async def refuse(request: Any) -> bool:
        asked.append(request.message.client_id)
        return False

    async def fail(request: Any) -> bool:
        raise RuntimeError("no idea")

    async with staged() as stage, stage.agent() as agent, stage.device("alice") as alice:
        for hook in (refuse, fail):
            turn = await alice.view.send(say("hi"))
            run = agent.create_run(turn.to_invocation(), on_cancel=hook)
            await run.start()
            piping = asyncio.create_task(run.pipe(words("all of it", gate=gate)))
            await settle()
            await turn.cancel()
            await settle()
            gate.set()
            assert (await piping).reason == "complete"
            await run.end()
            gate.clear()
        assert asked == ["alice"]
        assert [type(error) for error in stage.errors] == [CancelListenerError]


async def test_a_source_that_raises_ends_the_run_with_its_error_and_leaves_nothing_streaming() -> None:
    async def failing() -> Any:
        for event in text_events("so far ", ends=False):
            yield event
        raise ValueError("the model hung up")

    async with staged() as stage, stage.agent(lambda run: run.pipe(failing())), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        assert await turn.wait() == "error"
        assert isinstance(turn.error, AgentError)
        assert (turn.error.code, str(turn.error)) == (104008, "ValueError: the model hung up")
        assert turn.messages == ["so far "]
        end = stage.headers("ai-run-end")[0]
        assert (end["error-code"], end["error-message"]) == ("104008", "ValueError: the model hung up")
        assert stage.headers("ai-step-end")[0]["step-reason"] == "failed"
        last = [m for m in stage.seen if m.name in {"ai-output", None}][-1]
        assert last.extras["ai"]["transport"]["status"] == "cancelled"
        assert [error for error in stage.errors if isinstance(error, AgentError)]


async def test_an_event_that_the_codec_cannot_carry_names_itself_and_loses_nothing() -> None:
    async def odd() -> Any:
        yield {"type": "note", "text": "kept"}
        yield {"type": "telepathy"}

    async with staged() as stage, stage.agent(lambda run: run.pipe(odd())), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.wait()
        assert "no row for type 'telepathy'" in str(turn.error)
        assert turn.messages == ["kept"]


async def test_a_message_over_the_channels_limit_is_an_error_that_names_the_limit() -> None:
    async def large() -> Any:
        yield {"type": "note", "text": "kept"}
        yield {"type": "note", "text": "x" * 5_000}

    async with (
        staged(max_message_size=3_000) as stage,
        stage.agent(lambda run: run.pipe(large())),
        stage.device() as alice,
    ):
        turn = await alice.view.send(say("hi"))
        await turn.wait()
        assert turn.error is not None
        assert turn.error.code == 40009
        assert "3000" in str(turn.error).replace(",", "")
        assert turn.messages == ["kept"]


async def test_concurrent_runs_do_not_mix() -> None:
    async def handler(run: Run[str]) -> None:
        await run.view.load()
        asked = run.view.get_messages()[-1].message
        await run.pipe(words(*(f"{asked}{n} " for n in range(5)), pause=lambda: settle(3)))

    async with staged() as stage, stage.agent(handler), stage.device("alice") as alice, stage.device("bob") as bob:
        turns = await asyncio.gather(*(device.view.send(say(text)) for device, text in ((alice, "a"), (bob, "b"))))
        assert [await turn.wait() for turn in turns] == ["complete", "complete"]
        assert [turn.messages for turn in turns] == [["a0 a1 a2 a3 a4 ."], ["b0 b1 b2 b3 b4 ."]]


async def test_the_stream_of_a_turn_grows_and_ends_with_the_last_state() -> None:
    async with staged() as stage, stage.agent(answer), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        states = [state async for state in turn.stream()]
        assert states[-1] == "Hello world."
        assert all(later.startswith(earlier.rstrip(".")) for earlier, later in itertools.pairwise(states))


async def test_the_events_of_a_turn_come_one_by_one() -> None:
    async with staged() as stage, stage.agent(answer), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        events = [event async for event in turn.events()]
        assert "".join(event.get("delta", "") for event in events) == "Hello world"


async def test_a_stream_ends_with_the_error_of_its_run() -> None:
    async def failing(run: Run[str]) -> None:
        raise RuntimeError("out of ideas")

    async with staged() as stage, stage.agent(failing), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        with pytest.raises(AgentError, match="RuntimeError: out of ideas"):
            async for _ in turn.stream():
                pass


async def test_closing_a_session_releases_whoever_waits_and_publishes_nothing() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        waiting = asyncio.create_task(turn.wait())
        await settle()
        before = len(stage.seen)
        await alice.close()
        await alice.close()
        with pytest.raises(SessionClosedError, match="unable to await run-start"):
            await waiting
        assert len(stage.seen) == before
        assert alice.view.messages == ["hi"]


async def test_an_input_that_came_while_no_agent_was_there_is_answered() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("anybody?"))
        async with stage.agent(answer):
            assert await turn.wait() == "complete"
        async with stage.agent(answer):
            await settle()
        assert alice.view.messages == ["anybody?", "Hello world."]
        assert len(stage.headers("ai-run-start")) == 1


async def test_end_terminates_open_runs_and_detach_leaves_them() -> None:
    async with staged() as stage, stage.device() as alice:
        first = await alice.view.send(say("one"))
        async with stage.agent() as agent:
            run = agent.create_run(first.to_invocation())
            await run.start()
        assert await first.wait() == "cancelled"
        second = await alice.view.send(say("two"))
        async with stage.agent() as agent:
            run = agent.create_run(second.to_invocation())
            await run.start()
            await agent.detach()
        await settle()
        assert second.status == "active"
        assert len(stage.headers("ai-run-end")) == 1


async def test_misuse_of_a_run_is_refused() -> None:
    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation(""))
        with pytest.raises(InvalidArgumentError, match=r"was not started, call start\(\) first"):
            await run.pipe([])
        with pytest.raises(InvalidArgumentError, match=r"was not started, call start\(\) first"):
            await run.end()
        await run.start()
        await run.start()
        gate = asyncio.Event()
        piping = asyncio.create_task(run.pipe(words("x", gate=gate)))
        await settle()
        with pytest.raises(InvalidArgumentError, match="already being piped to"):
            await run.pipe([])
        gate.set()
        await piping
        assert (await run.pipe("not a stream")).reason == "error"
        await run.end()
        await run.end()
        with pytest.raises(InvalidArgumentError, match="has ended"):
            await run.pipe([])
        with pytest.raises(InvalidArgumentError, match='needs a string "inputEventId"'):
            agent.create_run({"inputEventId": 1})
        with pytest.raises(InvalidArgumentError, match="must not be empty"):
            agent.create_run(Invocation(""), run_id="")
        assert len(stage.headers("ai-run-end")) == 1


@pytest.mark.parametrize(
    "make",
    [lambda: iter(text_events("a", "b")), lambda: text_events("a", "b"), lambda: words("a", "b")],
    ids=["iterator", "list", "async generator"],
)
async def test_sources_of_any_kind(make: Any) -> None:
    async with staged() as stage, stage.agent(lambda run: run.pipe(make())), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        assert await turn.wait() == "complete"
        assert turn.messages == ["ab."]


@settings(max_examples=40)
@given(turns=st.integers(0, 120))
def test_a_cancelled_server_leaves_nothing_streaming_and_no_run_open(turns: int) -> None:
    async def run() -> None:
        async def handler(run: Run[str]) -> None:
            await run.pipe(words("a ", "b ", "c ", pause=lambda: settle(3)))

        async with staged() as stage, stage.device() as alice:
            async with stage.agent() as agent:
                serving = asyncio.create_task(agent.serve(handler))
                await settle(5)
                turn = await alice.view.send(say("hi"))
                await settle(turns)
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
            await settle()
            started, ended = stage.headers("ai-run-start"), stage.headers("ai-run-end")
            assert len(started) == len(ended)
            assert not started or turn.status != "active"
            page = await stage.hub.client("reader").channel(CHANNEL).history()
            statuses = [m.extras["ai"]["transport"].get("status") for m in page.items]
            assert "streaming" not in statuses

    asyncio.run(run())
