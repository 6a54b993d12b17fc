"""Steering a run that is under way, from the device's side."""

from __future__ import annotations

import asyncio
import json

import pytest

from ai_transport_codecs import ClientSession
from ai_transport_codecs.errors import (
    AITransportError,
    ChannelContinuityError,
    InsufficientCapabilityError,
    InvalidArgumentError,
    SessionClosedError,
    SessionSendError,
)
from ai_transport_codecs.session.events import RunStatus
from ai_transport_codecs.session.steer import SteerOutcome
from tests.session.stage import CHANNEL, say, settle, staged
from tests.session.toy_codec import TOY
from tests.session.view_stage import Desk, opened


async def stamped(desk: Desk, run_id: str, *message_ids: str) -> None:
    """An output that answers these steering messages."""
    await desk.note(run_id, f"A-{message_ids[0]}", "yes", steer_codec_message_ids=json.dumps(message_ids))


async def test_the_wire_of_a_steer() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        turn = await alice.view.send(say("hi"))
        steer = turn.steer({**say("also"), "parent": "ignored", "codecMessageId": "ignored"})
        await settle()
        assert len(stage.headers("ai-input")) == 1, "nothing is sent before the run has started"
        await desk.start("R", turn.input_message_id)
        published = await steer.published
        sent = stage.headers("ai-input")[-1]
        assert sent == {
            "role": "user",
            "codec-message-id": sent["codec-message-id"],
            "run-id": "R",
            "run-client-id": "alice",
            "event-id": sent["event-id"],
            "stream": "false",
            "discrete": "true",
        }
        assert "ignored" not in sent.values()
        assert published.serial == [message.serial for message in stage.seen if message.name == "ai-input"][-1]
        await stamped(desk, "R", sent["codec-message-id"])
        await settle()
        assert not steer.outcome.done()
        await desk.lifecycle("run-end", "R", run_reason="cancelled")
        assert await steer.outcome == SteerOutcome(consumed=True, run_terminal_reason=RunStatus.CANCELLED)
        assert alice.view.messages == ["hi", "also", "yes"]


async def test_what_becomes_of_a_steer_when_the_run_is_suspended_and_ends() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        turn = await alice.view.send(say("hi"))
        await desk.start("R", turn.input_message_id)
        steers = [turn.steer(say(text)) for text in ("one", "two", "three")]
        await asyncio.gather(*(steer.published for steer in steers))
        one, two, _ = [headers["codec-message-id"] for headers in stage.headers("ai-input")[1:]]
        await stamped(desk, "R", one)
        await desk.note("R", "bad", "x", steer_codec_message_ids="not JSON")
        await stamped(desk, "another run", two)
        await desk.lifecycle("run-suspend", "R")
        assert await steers[0].outcome == SteerOutcome(consumed=True)
        await settle()
        assert not steers[1].outcome.done()
        await desk.lifecycle("run-resume", "R", invocation_id="i2")
        await stamped(desk, "R", two)
        await desk.lifecycle("run-end", "R", run_reason="complete", invocation_id="i2")
        assert await steers[1].outcome == SteerOutcome(consumed=True, run_terminal_reason=RunStatus.COMPLETE)
        assert await steers[2].outcome == SteerOutcome(consumed=False, run_terminal_reason=RunStatus.COMPLETE)


async def test_steering_a_run_that_has_ended_is_refused_and_nothing_is_published() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        turn = await alice.view.send(say("hi"))
        await desk.answer("R", turn.input_message_id, ("A", "a"))
        assert await turn.wait() == "complete"
        before = len(stage.seen)
        steer = turn.steer(say("late"))
        for future in (steer.published, steer.outcome):
            with pytest.raises(InvalidArgumentError, match=r"run 'R' has already ended.*send a new message") as caught:
                await future
            assert caught.value.code == 40003
        bad = turn.steer({"kind": "nonsense"})
        with pytest.raises(InvalidArgumentError):
            await bad.outcome
        assert len(stage.seen) == before


async def test_a_steer_that_the_channel_refuses() -> None:
    async with staged(max_message_size=700) as stage, stage.device() as alice:
        desk = await opened(stage)
        turn = await alice.view.send(say("hi"))
        await desk.start("R", turn.input_message_id)
        steer = turn.steer(say("x" * 1_000))
        with pytest.raises(SessionSendError, match="unable to steer; ") as caught:
            await steer.published
        assert (caught.value.code, caught.value.status_code) == (104005, 500)
        assert caught.value.cause is not None
        with pytest.raises(SessionSendError):
            await steer.outcome
        assert stage.errors == []


async def test_steering_without_the_right() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        client = stage.hub.client("alice", capability={CHANNEL: ["subscribe", "history", "publish"]})
        async with ClientSession[str](client, CHANNEL, codec=TOY) as alice:
            turn = await alice.view.send(say("hi"))
            await desk.start("R", turn.input_message_id)
            await turn.started

            async def refuse(_: object) -> list[str | None]:
                raise AITransportError("not allowed", code=40160, status_code=401)

            alice.connection.channel.publish = refuse  # type: ignore[method-assign,assignment]
            with pytest.raises(InsufficientCapabilityError) as caught:
                await turn.steer(say("also")).published
            assert (caught.value.code, caught.value.status_code) == (40160, 401)


async def test_closing_rejects_steers_and_nobody_needs_to_look() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        async with stage.device() as alice:
            turn = await alice.view.send(say("hi"))
            waiting = turn.steer(say("early"))
            started = await alice.view.send(say("two"))
            await desk.start("R", started.input_message_id)
            followed = started.steer(say("also"))
            turn.steer(say("nobody looks"))
            await followed.published
        for future in (waiting.published, waiting.outcome, followed.outcome, turn.steer(say("x")).outcome):
            with pytest.raises(SessionClosedError):
                await future
        with pytest.raises(SessionClosedError):
            await started.steer(say("x")).published


async def test_the_outcome_is_known_although_the_end_was_missed() -> None:
    """The reference rejects every steer when continuity is lost; here what was missed is fetched."""
    async with staged(retained_entries=1) as stage:
        desk = await opened(stage)
        client = stage.hub.client("alice")
        async with ClientSession[str](client, CHANNEL, codec=TOY) as alice:
            turn = await alice.view.send(say("hi"))
            await desk.start("R", turn.input_message_id)
            steers = [turn.steer(say(text)) for text in ("one", "two")]
            await asyncio.gather(*(steer.published for steer in steers))
            one = stage.headers("ai-input")[1]["codec-message-id"]
            await client.disconnect()
            await stamped(desk, "R", one)
            await desk.lifecycle("run-end", "R", run_reason="complete")
            await client.reconnect(resume=False)
            assert await steers[0].outcome == SteerOutcome(consumed=True, run_terminal_reason=RunStatus.COMPLETE)
            assert await steers[1].outcome == SteerOutcome(consumed=False, run_terminal_reason=RunStatus.COMPLETE)


async def test_a_steer_is_rejected_when_what_was_missed_cannot_be_fetched() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        client = stage.hub.client("alice", capability={"*": ["subscribe", "publish"]})
        async with ClientSession[str](client, CHANNEL, codec=TOY, history=False) as alice:
            errors: list[AITransportError] = []
            alice.on("error", errors.append)
            turn = await alice.view.send(say("hi"))
            await desk.start("R", turn.input_message_id)
            steer = turn.steer(say("also"))
            await steer.published
            await client.disconnect()
            await client.reconnect(resume=False)
            with pytest.raises(ChannelContinuityError, match="may be missing") as caught:
                await steer.outcome
            await settle()
            assert caught.value.code == 104006
            assert [error.code for error in errors] == [40160, 104006]
