"""What is refused, before anything is published, and what it says (session spec 8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ai_transport_codecs.errors import AITransportError, InvalidArgumentError, RunLifecycleError, SessionClosedError
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.opening import OpenableRun
from ai_transport_codecs.session.retry import NO_RETRY
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Refuse
from tests.session.agent_stage import agent_on, answering, note
from tests.session.stage import CHANNEL, Stage, say, settle, staged, words
from tests.session.toy_codec import TOY


async def _pass(run: Run[str]) -> None:
    """Answer nothing."""


async def _open_step(run: OpenableRun[str]) -> None:
    await run.create_step().start()


async def _end(run: OpenableRun[str]) -> None:
    await run.end()


async def _suspend(run: OpenableRun[str]) -> None:
    await run.suspend()


MISUSES: list[tuple[str, Any, Callable[[OpenableRun[str]], Awaitable[Any]], str]] = [
    ("pipe with a step open", _open_step, lambda run: run.pipe(words("x")), "a step is already active"),
    ("second step", _open_step, lambda run: run.create_step().start(), "a step is already active"),
    ("suspend with a step open", _open_step, lambda run: run.suspend(), "is open, end it or await its pipe"),
    ("end twice", _end, lambda run: run.end("error"), "has ended as complete"),
    ("suspend after end", _end, lambda run: run.suspend(), "has ended as complete, create a new run"),
    ("end after suspend", _suspend, lambda run: run.end(), "was suspended, a run created for the answer resumes it"),
    ("pipe after end", _end, lambda run: run.pipe([note("x")]), "has ended as complete"),
    ("pipe after suspend", _suspend, lambda run: run.pipe([note("x")]), "was suspended"),
    ("step after end", _end, lambda run: run.create_step().start(), "has ended as complete"),
    ("end for no reason", None, lambda run: run.end("finished"), "not as 'finished'"),  # type: ignore[arg-type]
    ("step pipe before start", None, lambda run: run.create_step().pipe([]), r"was not started, call start\(\) first"),
    ("step send before start", None, lambda run: run.create_step().send(note("x")), "was not started"),
    ("step end before start", None, lambda run: run.create_step().end(), "was not started"),
]


@pytest.mark.parametrize(("name", "before", "misuse", "says"), MISUSES, ids=[each[0] for each in MISUSES])
async def test_what_is_refused_publishes_nothing(name: str, before: Any, misuse: Any, says: str) -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        if before is not None:
            await before(run)
        await settle()
        count = len(stage.seen)
        with pytest.raises(InvalidArgumentError, match=says) as caught:
            await misuse(run)
        assert (caught.value.code, caught.value.status_code) == (40003, 400)
        await settle()
        assert len(stage.seen) == count


@pytest.mark.parametrize("operation", ["pipe", "suspend", "end", "create_step"])
async def test_nothing_works_before_the_start(operation: str) -> None:
    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation(""))
        with pytest.raises(InvalidArgumentError, match=r"was not started, call start\(\) first"):
            await {
                "pipe": lambda: run.pipe([note("x")]),
                "suspend": run.suspend,
                "end": run.end,
                "create_step": run.create_step().start,
            }[operation]()
        assert stage.seen == []


async def test_a_second_pipe_and_a_step_during_a_pipe_are_refused() -> None:
    gate = asyncio.Event()
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        piping = asyncio.create_task(run.pipe(words("x", gate=gate)))
        await settle()
        with pytest.raises(InvalidArgumentError, match="already being piped to"):
            await run.pipe(words("y"))
        with pytest.raises(InvalidArgumentError, match="a step is already active"):
            await run.create_step().start()
        with pytest.raises(InvalidArgumentError, match="is open, end it or await its pipe"):
            await run.suspend()
        with pytest.raises(InvalidArgumentError, match="is being piped to: await that pipe, or cancel the run, first"):
            await run.end()
        gate.set()
        assert (await piping).reason == "complete"
        await run.end()


async def test_a_step_that_is_piped_to_or_ended_otherwise_does_not_end_again() -> None:
    gate = asyncio.Event()
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("hi")))
        step = run.create_step()
        await step.start()
        await step.start()
        piping = asyncio.create_task(step.pipe(words("x", gate=gate)))
        await settle()
        with pytest.raises(InvalidArgumentError, match="is being piped to; await that pipe first"):
            await step.end()
        gate.set()
        await piping
        with pytest.raises(InvalidArgumentError, match="not as 'done'"):
            await step.end("done")  # type: ignore[arg-type]
        await step.end("complete")
        await step.end("complete")
        for misuse in (lambda: step.end("failed"), step.start, lambda: step.send(note("x")), lambda: step.pipe([])):
            with pytest.raises(InvalidArgumentError, match="has ended"):
                await misuse()
        await run.end()
        assert len(stage.headers("ai-step-end")) == 1


async def test_empty_ids_are_refused() -> None:
    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation(""))
        with pytest.raises(InvalidArgumentError, match="step_id must not be empty"):
            run.create_step(step_id="")
        for make in (
            lambda: agent.create_run(Invocation(""), run_id=""),
            lambda: agent.create_run(Invocation(""), invocation_id=""),
            lambda: agent.adopt_run(Invocation(""), run_id="", invocation_id="i"),
            lambda: agent.new_turn(turn_id=""),
        ):
            with pytest.raises(InvalidArgumentError, match="ids must not be empty"):
                make()
        assert stage.seen == []


async def test_a_source_that_is_refused_is_closed() -> None:
    async def never_awaited() -> Any:
        raise AssertionError("nobody iterates this")

    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation(""))
        with pytest.raises(InvalidArgumentError):
            await run.pipe(never_awaited())  # a coroutine that is never awaited would warn
        assert stage.seen == []


@pytest.mark.parametrize("close", ["detach", "end"])
async def test_a_closed_session_refuses_everything(close: str) -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        agent = agent_on(stage)
        await agent.connect()
        run = await answering(agent, turn)
        waiting = agent.create_run(Invocation("not yet"))
        starting = asyncio.create_task(waiting.start())
        await settle()
        await getattr(agent, close)()
        with pytest.raises((SessionClosedError, AITransportError)) as located:
            await waiting.located
        assert located.value.code == (104004 if close == "detach" else 40033)
        assert isinstance((await asyncio.gather(starting, return_exceptions=True))[0], AITransportError)
        await settle()
        count = len(stage.seen)
        operations: list[Callable[[], Awaitable[Any]]] = [
            lambda: run.pipe([note("x")]), run.suspend, run.end, run.create_step().start, waiting.start, agent.connect,
            lambda: agent.serve(_pass),
        ]  # fmt: skip
        for operation in operations:
            with pytest.raises(SessionClosedError, match="session is closed") as caught:
                await operation()
            assert (caught.value.code, caught.value.status_code) == (104004, 400)
        for make in (lambda: agent.create_run(Invocation("")), agent.new_turn):
            with pytest.raises(SessionClosedError):
                make()
        assert len(stage.seen) == count
        agent.on("error", print)()
        await agent.end()
        await agent.detach()


async def test_connect_comes_first() -> None:
    stage = Stage()
    agent = agent_on(stage)
    run = agent.create_run(Invocation(""))
    adopted = agent.adopt_run(Invocation(""), run_id="r", invocation_id="i")
    operations: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
        ("start", run.start), ("load", adopted.load), ("pipe", lambda: run.pipe([])), ("end", run.end),
        ("suspend", run.suspend), ("serve", lambda: agent.serve(_pass)), ("start step", run.create_step().start),
    ]  # fmt: skip
    for name, operation in operations:
        with pytest.raises(InvalidArgumentError, match=rf"unable to {name}; connect\(\) must be called before"):
            await operation()


@pytest.mark.parametrize(("number", "operation"), [(1, "start"), (2, "suspend"), (2, "end")])
async def test_a_lifecycle_message_that_is_refused_is_an_error_of_its_call(number: int, operation: str) -> None:
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        client = FaultyProvider(stage.hub.client("agent"), FaultPlan().on("publish", number, Refuse(40160, 401)))
        agent = type(agent_on(stage))(client, CHANNEL, codec=TOY, retry=NO_RETRY)
        async with agent:
            run = agent.create_run(turn.to_invocation())
            if operation != "start":
                await run.start()
            with pytest.raises(RunLifecycleError, match=f"unable to {operation} run") as caught:
                await getattr(run, operation)()
            assert (caught.value.code, caught.value.status_code) == (104003, 500)
            assert caught.value.cause is not None
            assert isinstance(caught.value.cause, AITransportError)
            assert caught.value.cause.code == 40160
        assert stage.errors == []


async def test_a_run_that_cannot_be_ended_with_its_session_is_an_error_event() -> None:
    async with staged() as stage, stage.device() as alice:
        turns = [await alice.view.send(say(text)) for text in ("a", "b")]
        client = FaultyProvider(stage.hub.client("agent"), FaultPlan().on("publish", 3, Refuse(40160, 401)))
        agent = type(agent_on(stage))(client, CHANNEL, codec=TOY, retry=NO_RETRY)
        errors: list[AITransportError] = []
        agent.on("error", errors.append)
        await agent.connect()
        for turn in turns:
            await answering(agent, turn)
        await agent.end()
        assert [(type(error), error.code) for error in errors] == [(RunLifecycleError, 104003)]
        await settle()
        assert len(stage.headers("ai-run-end")) == 1, "the other one is ended all the same"


@pytest.mark.parametrize(
    "options", [{"when_busy": "panic"}, {"max_concurrent": 0}, {"max_concurrent": 2, "when_busy": "queue"}]
)
async def test_settings_of_serve_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    async with staged() as stage, stage.agent() as agent:
        with pytest.raises(InvalidArgumentError, match="unable to serve; "):
            await agent.serve(lambda run: run.pipe([]), **options)
        with pytest.raises(InvalidArgumentError, match="has no event 'run'"):
            agent.on("run", print)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "10"])
async def test_a_limit_that_is_none_is_refused(limit: Any) -> None:
    async with staged() as stage, stage.agent() as agent:
        with pytest.raises(InvalidArgumentError, match="the limit is 1 or more"):
            await agent.create_run(Invocation("")).view.load_older(limit)
