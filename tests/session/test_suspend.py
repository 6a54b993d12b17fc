"""Suspend and resume: a run waits for somebody's answer, and goes on from any device's (session spec 4.7; D4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.session.events import RunEvent, RunStatus
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.lifecycle import RunProgress
from ai_transport_codecs.session.run import Run
from tests.session.agent_stage import agent_on, answering, lifecycle, note, result, serving, texts
from tests.session.stage import say, settle, staged


async def ask(run: Run[str]) -> None:
    """Ask on the first pass; with the answer, go on."""
    await run.view.load()
    if "=" in run.view.get_messages()[-1].message:
        await run.pipe([note("thanks")])
    else:
        await run.pipe([note("which?")])
        await run.suspend()


async def test_the_wire_of_a_suspended_and_resumed_run() -> None:
    """Behaviours 3, 46 and 47."""
    async with staged() as stage, stage.agent(ask), stage.device("alice") as alice, stage.device("bob") as bob:
        turn = await alice.view.send(say("book it"))
        assert await turn.wait() == "suspended"
        await settle()
        question = turn.get_messages()[0].id
        answer = await bob.view.send(result(question, "the first"), run_id=turn.run_id)
        assert await answer.wait() == "complete"
        await settle()
        assert lifecycle(stage) == [
            *("ai-input", "ai-run-start", "ai-step-start", "ai-output", "ai-step-end", "ai-run-suspend"),
            *("ai-input", "ai-run-resume", "ai-step-start", "ai-output", "ai-step-end", "ai-run-end"),
        ]
        start, resume = stage.headers("ai-run-start")[0], stage.headers("ai-run-resume")[0]
        assert start["invocation-id"] != resume["invocation-id"]
        of_first = {"run-id": turn.run_id, "run-client-id": "alice", "invocation-id": start["invocation-id"]}
        of_first |= {"input-client-id": "alice", "input-codec-message-id": turn.input_message_id}
        assert stage.headers("ai-run-suspend") == [of_first]
        of_second = {"run-id": turn.run_id, "run-client-id": "bob", "invocation-id": resume["invocation-id"]}
        of_second |= {"input-client-id": "bob", "input-codec-message-id": question}
        assert resume == of_second, "everybody learns who answered"
        assert stage.headers("ai-run-end") == [of_second | {"run-reason": "complete"}]
        assert alice.view.messages == bob.view.messages == ["book it", "which?|=the first", "thanks"]
        run = alice.tree.run(turn.run_id)
        assert run is not None
        assert (run.client_id, run.invocation_id) == ("alice", start["invocation-id"])
        assert run.last_resume_invocation_id == resume["invocation-id"]


async def test_a_run_goes_on_after_the_agent_was_restarted() -> None:
    async with staged() as stage, stage.device("alice") as alice:
        async with serving(stage, ask):
            turn = await alice.view.send(say("book it"))
            assert await turn.wait() == "suspended"
        async with serving(stage, ask):
            answer = await alice.view.send(result(turn.get_messages()[0].id, "b"), run_id=turn.run_id)
            assert await answer.wait() == "complete"
        assert len(stage.headers("ai-run-resume")) == 1


async def test_an_answer_that_came_while_no_agent_was_there_is_taken_up() -> None:
    async with staged() as stage, stage.device("alice") as alice:
        async with serving(stage, ask):
            turn = await alice.view.send(say("book it"))
            assert await turn.wait() == "suspended"
        answer = await alice.view.send(result(turn.get_messages()[0].id, "b"), run_id=turn.run_id)
        async with serving(stage, ask):
            assert await answer.wait() == "complete"
        async with serving(stage, ask):
            await settle()
        assert len(stage.headers("ai-run-resume")) == 1


@pytest.mark.parametrize("backlog", [True, False])
async def test_the_first_answer_counts_and_the_second_resumes_nothing(backlog: bool) -> None:
    async with staged() as stage, stage.device("alice") as alice, stage.device("bob") as bob:
        async with serving(stage, ask):
            turn = await alice.view.send(say("book it"))
            await turn.wait()
        question = turn.get_messages()[0].id
        async with serving(stage, ask, backlog=backlog):
            answers = [
                await device.view.send(result(question, device.connection.client_id), run_id=turn.run_id)
                for device in (bob, alice)
            ]
            assert await answers[0].wait() == "complete"
            await settle()
            await alice.view.send(result(question, "late"), run_id=turn.run_id)
            await settle()
        assert len(stage.headers("ai-run-resume")) == 1
        assert stage.headers("ai-run-resume")[0]["input-client-id"] == "bob"
        assert stage.errors == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_repeated_answer_to_an_earlier_question_resumes_nothing(restarts: bool) -> None:
    """The run asks again; then somebody's late answer to the first question arrives."""

    async def ask_twice(run: Run[str]) -> None:
        await run.view.load()
        answers = sum(text.count("=") for text in texts(run.view.get_messages()))
        if answers < 2:
            await run.pipe([note(f"question {answers + 1}")])
            await run.suspend()
        else:
            await run.pipe([note("thanks")])

    async with staged() as stage, stage.device("alice") as alice, stage.device("bob") as bob:
        async with serving(stage, ask_twice):
            turn = await alice.view.send(say("book it"))
            await turn.wait()
            first = turn.get_messages()[0].id
            again = await alice.view.send(result(first, "yes", "call-1"), run_id=turn.run_id)
            await again.wait()
            if not restarts:
                await bob.view.send(result(first, "no", "call-1"), run_id=turn.run_id)
                await settle()
        if restarts:
            await bob.view.send(result(first, "no", "call-1"), run_id=turn.run_id)
            async with serving(stage, ask_twice):
                await settle()
        assert len(stage.headers("ai-run-resume")) == 1
        assert turn.status == "suspended"


async def test_two_calls_in_one_message_are_two_questions() -> None:
    async def ask_both(run: Run[str]) -> None:
        await run.view.load()
        answered = texts(run.view.get_messages())[-1].count("=")
        if answered == 0:
            await run.pipe([note("two questions")])
        if answered < 2:
            await run.suspend()
        else:
            await run.pipe([note("thanks")])

    async with staged() as stage, stage.agent(ask_both), stage.device() as alice:
        turn = await alice.view.send(say("book it"))
        await turn.wait()
        asked = turn.get_messages()[0].id
        for call in ("call-1", "call-2"):
            await alice.view.send(result(asked, call, call), run_id=turn.run_id)
            await settle()
        assert turn.status == "complete"
        assert len(stage.headers("ai-run-resume")) == 2


async def test_an_answer_to_a_message_that_the_run_never_wrote_resumes_nothing() -> None:
    async with staged() as stage, stage.agent(ask), stage.device() as alice:
        turn = await alice.view.send(say("book it"))
        await turn.wait()
        await alice.view.send(result("made-up", "x"), run_id=turn.run_id)
        await alice.view.send(result("made-up", "x"), run_id="no such run")
        await settle()
        assert stage.headers("ai-run-resume") == []


async def test_an_answer_that_comes_before_the_suspend_is_not_lost() -> None:
    """A device sees the question in the stream, and answers while the run is still being suspended."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def ask_slowly(run: Run[str]) -> None:
        await run.view.load()
        if "=" in run.view.get_messages()[-1].message:
            await run.pipe([note("thanks")])
            return
        await run.pipe([note("which?")])
        asked.set()
        await answered.wait()
        await run.suspend()

    async with staged() as stage, stage.agent(ask_slowly), stage.device() as alice:
        turn = await alice.view.send(say("book it"))
        await asked.wait()
        await settle()
        await alice.view.send(result(turn.get_messages()[0].id, "b"), run_id=turn.run_id)
        await settle()
        answered.set()
        await settle()
        assert turn.status == "complete"
        assert len(stage.headers("ai-run-resume")) == 1


async def test_a_handler_that_never_takes_up_an_early_answer_is_resumed_once() -> None:
    answered = asyncio.Event()

    async def stubborn(run: Run[str]) -> None:
        if not run.messages[1:]:
            await run.pipe([note("which?")])
        await answered.wait()
        await run.suspend()

    async with staged() as stage, stage.agent(stubborn), stage.device() as alice:
        turn = await alice.view.send(say("book it"))
        await turn.started
        await settle()
        await alice.view.send(result(turn.get_messages()[0].id, "b"), run_id=turn.run_id)
        answered.set()
        await settle(200)
        assert len(stage.headers("ai-run-resume")) == 1


async def test_a_message_of_the_user_may_resume_a_run_too() -> None:
    async def twice(run: Run[str]) -> None:
        await run.pipe([note("go on?")])
        if len(run.messages) < 4:
            await run.suspend()

    async with staged() as stage, stage.agent(twice), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.wait()
        more = await alice.view.send(say("yes"), run_id=turn.run_id)
        assert await more.wait() == "complete"
        assert turn.messages == ["go on?", "yes", "go on?"]


async def test_resuming_a_run_that_is_over_is_refused_and_publishes_nothing() -> None:
    """Where the reference publishes an ``ai-run-resume`` that nobody can follow (4.4); design D4."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        await run.pipe([note("done")])
        await run.end()
        await settle()
        late = await alice.view.send(result(turn.get_messages()[0].id, "late"), run_id=run.run_id)
        again = agent.create_run(late.to_invocation())
        with pytest.raises(InvalidArgumentError, match=r"unable to resume; run .* is already complete \(read-only\)"):
            await again.start()
        assert stage.headers("ai-run-resume") == []


async def test_the_second_suspend_does_nothing() -> None:
    async with staged() as stage, stage.agent() as agent:
        run = agent.create_run(Invocation(""))
        await run.start()
        await run.suspend()
        await run.suspend()
        assert (run.is_suspended, run.has_ended, run.is_open) == (True, True, False)
        await settle()
        assert len(stage.headers("ai-run-suspend")) == 1


async def test_detaching_leaves_a_suspended_run_alone() -> None:
    async with staged() as stage, stage.device() as alice:
        agent = agent_on(stage)
        await agent.connect()
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        await run.suspend()
        await agent.end()
        await settle()
        assert turn.status == "suspended"


@pytest.mark.parametrize("page", [1, 2, 3, 5, 8])
async def test_an_older_suspend_never_overwrites_an_end(page: int) -> None:
    """7.4 (c): in the reference the suspend on an older history page makes a finished run suspended again."""
    async with staged() as stage, stage.device() as alice:
        async with serving(stage, ask):
            turn = await alice.view.send(say("book it"))
            await turn.wait()
            answer = await alice.view.send(result(turn.get_messages()[0].id, "b"), run_id=turn.run_id)
            await answer.wait()
        late = agent_on(stage, history_page_size=page)
        async with late:
            seen: list[RunStatus] = []
            late.tree.on("message", lambda _: seen.extend(run.status for run in late.tree.runs() if run.end_serial))
            run = late.create_run(answer.to_invocation())
            await late.hydrator.fold_until(lambda: False)
            assert seen[-1] is RunStatus.COMPLETE
            assert set(seen[seen.index(RunStatus.COMPLETE) :]) == {RunStatus.COMPLETE}
            with pytest.raises(InvalidArgumentError, match="already complete"):
                await run.start()


def test_a_straggling_suspend_of_an_earlier_invocation_is_ignored() -> None:
    """Behaviour 37."""
    progress = RunProgress()
    events: list[tuple[Any, str]] = [("start", "i1"), ("suspend", "i1"), ("resume", "i2"), ("suspend", "i1")]
    for number, (kind, invocation) in enumerate(events):
        progress.add(RunEvent(kind, "R", invocation_id=invocation, serial=f"{number}"))
    assert progress.state.status is RunStatus.ACTIVE


async def test_a_resumed_run_shows_its_question_and_answer_in_order() -> None:
    """The trigger of an earlier invocation is no steer: the reference moves that message to the prompt's end (D4)."""
    prompts: list[list[str]] = []

    async def ask_three(run: Run[str]) -> None:
        await run.view.load()
        run.has_input()
        prompts.append(texts(run.view.get_messages()))
        await run.pipe([note(f"q{len(prompts)}")])
        if len(prompts) < 3:
            await run.suspend()

    async with staged() as stage, stage.agent(ask_three), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        for _ in range(2):
            await turn.wait()
            await settle()
            await (await alice.view.send(result(turn.get_messages()[-1].id, "a"), run_id=turn.run_id)).started
            await settle()
        assert turn.status == "complete"
        assert prompts == [["hi"], ["hi", "q1|=a"], ["hi", "q1|=a", "q2|=a"]]
        assert all("steer-codec-message-ids" not in each for each in stage.headers("ai-output"))
