"""Steps: brackets around output that may be attempted again (session spec 4.6; behaviours 4, 19-23, 46, 51, 52)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.errors import CancelListenerError, ChannelError, InvalidArgumentError, StreamError
from ai_transport_codecs.session.retry import NO_RETRY
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.session.step import Step
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Refuse
from tests.session.agent_stage import agent_on, answering, failing, lifecycle, note, statuses, texts
from tests.session.stage import CHANNEL, say, settle, staged, text_events, words


async def test_two_pipes_are_two_steps_and_two_messages_of_the_same_parent() -> None:
    """Behaviour 21."""

    async def twice(run: Run[str]) -> None:
        await run.pipe(words("one"))
        await run.pipe(words("two"))

    async with staged() as stage, stage.agent(twice), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.wait()
        await settle()
        first, second = stage.headers("ai-step-start")
        assert [first["step-id"][-7:], second["step-id"][-7:]] == ["-step-0", "-step-1"]
        outputs = {o["codec-message-id"]: o["parent"] for o in stage.headers("ai-output")}
        assert len(outputs) == 2
        assert set(outputs.values()) == {turn.input_message_id}


async def test_a_pipe_that_says_nothing_opens_no_step_but_takes_a_number() -> None:
    """Behaviour 19."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        assert (await run.pipe([])).reason == "complete"
        assert (await run.pipe(failing())).reason == "error"
        await run.pipe([note("said")])
        await run.end()
        await settle()
        assert [step["step-id"] for step in stage.headers("ai-step-start")] == [f"{run.invocation_id}-step-2"]


async def test_a_retry_takes_the_id_of_what_failed_and_hides_it_as_soon_as_it_starts() -> None:
    """Behaviours 22 and 28."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        await run.pipe(failing(*text_events("wrong", ends=False)))
        await settle()
        assert turn.messages == ["wrong"]
        retry = run.create_step()
        assert retry.step_id == f"{run.invocation_id}-step-0"
        await retry.start()
        await settle()
        assert turn.messages == []
        await retry.pipe(words("right"))
        await retry.end()
        assert run.create_step().step_id == f"{run.invocation_id}-step-1"
        await run.end()
        await turn.wait()
        assert turn.messages == ["right."]
        info = alice.view.runs()[-1].steps
        assert [(step.status, step.attempt_count) for step in info] == [("complete", 2)]


async def test_a_pipe_after_a_failed_one_is_a_step_of_its_own() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        await run.pipe(failing(note("first")))
        await run.pipe([note("second")])
        await run.end()
        await turn.wait()
        assert turn.messages == ["first", "second"]


async def test_another_process_attempts_a_step_again_under_its_id() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        async with stage.agent() as first:
            run = first.create_run(turn.to_invocation(), invocation_id="flow")
            await run.start()
            step = run.create_step(step_id="activity-7")
            await step.start()
            await step.send(note("half of"))
            await first.detach()  # as a process that dies does, but for its connection
        async with stage.agent() as second:
            again = second.adopt_run(turn.to_invocation(), run_id=run.run_id, invocation_id="flow")
            await again.load()
            async with again.create_step(step_id="activity-7") as retry:
                await retry.send(note("all of it"))
            await again.end()
        assert await turn.wait() == "complete"
        assert turn.messages == ["all of it"]


async def test_the_wire_of_an_explicit_step() -> None:
    """Behaviours 46 and 52: the serial comes from the acknowledgement, and step messages name no input."""
    async with staged(echo_before_ack=False) as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        async with run.create_step(step_id="s", step_client_id="bob") as step:
            await step.send(note("said"))
        await run.end()
        await settle()
        of_run = {"run-id": run.run_id, "run-client-id": "alice", "invocation-id": run.invocation_id}
        of_step = of_run | {"input-client-id": "alice", "step-id": "s", "step-client-id": "bob"}
        assert stage.headers("ai-step-start") == [of_step]
        serial = next(message.serial for message in stage.seen if message.name == "ai-step-start")
        assert stage.headers("ai-step-end") == [of_step | {"step-start-serial": serial, "step-reason": "complete"}]
        output = stage.headers("ai-output")[0]
        assert output.pop("codec-message-id")
        assert output == of_step | {
            "step-start-serial": serial,
            "role": "assistant",
            "parent": turn.input_message_id,
            "input-codec-message-id": turn.input_message_id,
            "stream": "false",
        }
        names = lifecycle(stage)
        assert names[1:] == ["ai-run-start", "ai-step-start", "ai-output", "ai-step-end", "ai-run-end"]


async def test_every_append_repeats_all_headers() -> None:
    """Behaviour 4."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        await run.pipe(words("a", "b", "c", pause=lambda: settle(3)))
        await run.end()
        await settle()
        outputs = [m.extras["ai"] for m in stage.seen if m.name == "ai-output" or m.action == "message.append"]
        for each in outputs:
            each["transport"].pop("status")
        assert len(outputs) > 2
        assert all(each == outputs[0] for each in outputs)
        assert "step-start-serial" in outputs[0]["transport"]


async def test_whom_a_step_is_run_for() -> None:
    """The ladder: as given, as the step before, as the run's steps on the channel, as the trigger's publisher."""
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        async with stage.agent() as first:
            run = first.create_run(turn.to_invocation(), invocation_id="i")
            await run.start()
            assert run.create_step().client_id == "alice"
            given = run.create_step(step_client_id="bob")
            assert run.create_step().client_id == "bob"
            await given.start()
            await given.end()
            await first.detach()
        async with stage.agent() as second:
            again = second.adopt_run(turn.to_invocation(), run_id=run.run_id, invocation_id="i")
            await again.load()
            assert again.create_step().client_id == "bob"
            await again.end()


@pytest.mark.parametrize(
    ("makes", "reason"), [("nothing", "complete"), ("error", "failed"), ("send", "failed"), ("cancel", "cancelled")]
)
async def test_how_a_step_ends_by_itself(makes: str, reason: str) -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        step = run.create_step()
        await step.start()
        if makes == "error":
            await step.pipe(failing())
        elif makes == "send":
            with pytest.raises(InvalidArgumentError, match="no row for type 'telepathy'"):
                await step.send({"type": "telepathy"})
        elif makes == "cancel":
            run.cancel_token.cancel()
            assert (await step.pipe(words("x"))).reason == "cancelled"
        await step.end()
        await step.end()
        await run.end("cancelled" if makes == "cancel" else "complete")
        await settle()
        assert [each["step-reason"] for each in stage.headers("ai-step-end")] == [reason]


async def test_the_end_of_a_run_ends_its_open_step_first() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        for reason, expected in (("complete", "complete"), ("cancelled", "cancelled"), ("error", "failed")):
            run = await answering(agent, await alice.view.send(say("hi")))
            await run.create_step().start()
            await run.end(reason)  # type: ignore[arg-type]
            await settle()
            assert lifecycle(stage)[-2:] == ["ai-step-end", "ai-run-end"]
            assert stage.headers("ai-step-end")[-1]["step-reason"] == expected


async def test_a_stream_opened_by_send_is_not_left_streaming() -> None:
    """The reference leaves it ``streaming`` for ever (4.6); design D4."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        async with run.create_step() as step:
            await step.send({"type": "text-start", "id": "t"})
        await run.end()
        assert await statuses(stage) == ["cancelled"]


async def test_a_source_that_raises_leaves_no_stream_open() -> None:
    """Behaviour 51, where the reference leaves streamed messages ``streaming`` on the wire (1.4, 7.4; design D4)."""
    errors: list[Any] = []
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")), on_error=errors.append)
        ended = await run.pipe(failing(*text_events("so far", ends=False)))
        assert (ended.reason, str(ended.error)) == ("error", "the model hung up")
        assert await statuses(stage) == ["cancelled"]
        assert [(type(error), error.code) for error in errors] == [(StreamError, 104008)]
        assert str(errors[0]) == f"unable to pipe response for run {run.run_id!r}; the model hung up"
        assert errors[0].cause is ended.error
        await run.end("error", ended.error)
        await settle()
        assert stage.headers("ai-step-end")[0]["step-reason"] == "failed"
        assert stage.headers("ai-run-end")[0]["run-reason"] == "error"


async def test_last_words_of_a_cancelled_pipe_come_before_its_streams_are_closed() -> None:
    gate = asyncio.Event()

    async def last_words(write: Any) -> None:
        await write({"type": "text-delta", "id": "t", "delta": " ... stopped"})
        await write(note("by alice"))

    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn, on_cancelled=last_words)
        piping = asyncio.create_task(run.pipe(words("so far", gate=gate)))
        await settle()
        await turn.cancel()
        assert (await piping).reason == "cancelled"
        await run.end("cancelled")
        await turn.wait()
        assert turn.messages == ["so far ... stopped|by alice"]
        assert await statuses(stage) == ["cancelled"]


async def test_last_words_before_the_first_item_belong_to_a_step_without_a_start() -> None:
    async def last_words(write: Any) -> None:
        await write(note("nothing to say"))

    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn, on_cancelled=last_words)
        run.cancel_token.cancel()
        assert (await run.pipe(words("x"))).reason == "cancelled"
        await run.end("cancelled")
        await settle()
        output = stage.headers("ai-output")[0]
        assert output["step-id"] == f"{run.invocation_id}-step-0"
        assert "step-start-serial" not in output
        assert stage.headers("ai-step-start") == stage.headers("ai-step-end") == []
        assert turn.messages == ["nothing to say"]


async def test_last_words_that_fail_are_reported_and_close_the_streams_all_the_same() -> None:
    errors: list[Any] = []

    async def last_words(write: Any) -> None:
        raise RuntimeError("speechless")

    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn, on_cancelled=last_words, on_error=errors.append)
        piping = asyncio.create_task(run.pipe(words("so far", gate=asyncio.Event())))
        await settle()
        await turn.cancel()
        assert (await piping).reason == "cancelled"
        await run.end("cancelled")
        assert await statuses(stage) == ["cancelled"]
        assert [type(error) for error in errors] == [CancelListenerError]
        assert "on_cancelled" in str(errors[0])


async def test_a_step_whose_start_is_refused_may_be_started_again() -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        plan = FaultPlan().on("publish", 2, Refuse(40160, 401))
        agent = agent_on(stage)
        client = FaultyProvider(stage.hub.client("agent"), plan)
        agent = type(agent)(client, CHANNEL, codec=agent.codec, retry=NO_RETRY)
        async with agent:
            run = await answering(agent, turn)
            step = run.create_step()
            with pytest.raises(ChannelError) as caught:
                await step.start()
            assert caught.value.code == 40160
            assert not step.is_open
            await step.start()
            await step.send(note("said"))
            await step.end()
            await run.end()
        assert await turn.wait() == "complete"
        assert turn.messages == ["said"]


@pytest.mark.parametrize("turns", range(0, 60, 2))
async def test_a_cancellation_anywhere_leaves_no_step_without_its_end(turns: int) -> None:
    async with staged(echo_before_ack=False, latency=0.0) as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))

        async def work() -> None:
            async with run.create_step() as step:
                await step.pipe(words("a", "b", pause=lambda: settle(2)))
                await step.send(note("c"))
            await run.pipe(words("d"))

        task = asyncio.create_task(work())
        await settle(turns)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await run.end("cancelled")
        await settle()
        assert len(stage.headers("ai-step-start")) == len(stage.headers("ai-step-end"))
        assert "streaming" not in await statuses(stage)


async def test_a_step_whose_body_raises_fails_and_the_error_is_not_lost() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))

        async def fail(step: Step, *, detaches: bool) -> None:
            async with step:
                if detaches:
                    await agent.detach()
                raise RuntimeError("of the body")

        with pytest.raises(RuntimeError, match="of the body"):
            await fail(run.create_step(), detaches=False)
        retry = run.create_step()
        assert retry.step_id == f"{run.invocation_id}-step-0"
        with pytest.raises(RuntimeError, match="of the body"):
            await fail(retry, detaches=True)
        await settle()
        assert [each["step-reason"] for each in stage.headers("ai-step-end")] == ["failed"]


async def test_texts_of_messages_sent_one_by_one() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        async with run.create_step() as step:
            await step.send(note("a"))
            await step.send(note("b"))
        await run.end()
        await turn.wait()
        assert turn.messages == ["a", "b"]
        assert texts(run.messages) == ["hi", "a", "b"]
