"""What users say to a run in progress (session spec 4.9; behaviours 19, 23, 24)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ai_transport_codecs.errors import CancelListenerError
from ai_transport_codecs.session.run import Run
from tests.session.agent_stage import answering, note, result, texts
from tests.session.stage import say, settle, staged


async def test_a_loop_over_has_input_answers_everything_and_says_what() -> None:
    said = asyncio.Event()
    passes: list[list[str]] = []

    async def handler(run: Run[str]) -> None:
        await run.view.load()
        while run.has_input():
            passes.append(texts(run.view.get_messages()))
            await run.pipe([note(f"answer {len(passes)}")])
            if len(passes) == 1:
                await said.wait()

    async with staged() as stage, stage.agent(handler), stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        await turn.started
        first, second = turn.steer(say("also")), turn.steer(say("and"))
        await asyncio.gather(first.published, second.published)
        await settle()
        said.set()
        assert await turn.wait() == "complete"
        await settle()
        assert passes == [["hi"], ["hi", "answer 1", "also", "and"]]
        assert [(await each.outcome).consumed for each in (first, second)] == [True, True]
        steered = [message["codec-message-id"] for message in stage.headers("ai-input")[1:]]
        one, two = stage.headers("ai-output")
        assert "steer-codec-message-ids" not in one
        assert two["steer-codec-message-ids"] == json.dumps(steered, separators=(",", ":"))


async def test_opening_a_step_is_no_output_and_asking_takes_up() -> None:
    """Behaviours 23 and 24."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        step = run.create_step()
        await step.start()
        assert run.has_input()
        assert run.has_input(), "nothing was said yet"
        await step.send(note("a"))
        assert not run.has_input()
        await turn.steer(say("more")).published
        await settle()
        assert run.has_input()
        assert not run.has_input(), "it was taken up, and waits for its answer"
        await step.send(note("b"))
        await step.send(note("c"))
        run.cancel_token.cancel()
        await turn.steer(say("too late")).published
        await settle()
        assert not run.has_input()
        await step.end()
        await run.end("cancelled")
        await settle()
        stamped = ["steer-codec-message-ids" in each for each in stage.headers("ai-output")]
        assert stamped == [False, True, False]


async def test_a_pipe_that_says_nothing_consumes_what_was_taken_up() -> None:
    """Behaviour 19."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        await run.pipe([note("a")])
        await turn.steer(say("more")).published
        await settle()
        assert run.has_input()
        await run.pipe([])
        assert not run.has_input()
        await run.pipe([note("b")])
        await run.end()
        await settle()
        assert all("steer-codec-message-ids" not in each for each in stage.headers("ai-output"))


async def test_a_steer_waits_at_the_end_of_the_prompt_until_it_is_answered() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        gate = asyncio.Event()

        async def slow() -> Any:
            yield note("a")
            await gate.wait()
            yield note("b")

        piping = asyncio.create_task(run.pipe(slow()))
        await settle()
        await turn.steer(say("wait")).published
        await settle()
        gate.set()
        await piping
        await run.pipe([note("c")])
        assert texts(run.view.get_messages()) == ["hi", "a|b", "c", "wait"], "said before c, and not answered by it"
        assert run.has_input()
        assert texts(run.view.get_messages()) == ["hi", "a|b", "c", "wait"]
        await run.pipe([note("d")])
        assert texts(run.view.get_messages()) == ["hi", "a|b", "wait", "c", "d"]
        await run.end()


async def test_what_was_said_before_a_run_is_loaded_is_found_in_history() -> None:
    heard: list[str] = []
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        async with stage.agent() as first:
            run = first.create_run(turn.to_invocation(), invocation_id="i")
            await run.start()
            await run.pipe([note("a")])
            await turn.steer(say("answered")).published
            await settle()
            assert run.has_input()
            await run.pipe([note("b")])
            await turn.steer(say("not answered")).published
            await first.detach()
        async with stage.agent() as second:
            adopted = second.adopt_run(turn.to_invocation(), run_id=run.run_id, invocation_id="i")
            adopted.hooks.on_steer = lambda: heard.append("steer")
            await adopted.load()
            assert heard == ["steer"]
            assert adopted.has_input()
            await adopted.pipe([note("c")])
            assert not adopted.has_input()
            await adopted.end()
        assert await turn.wait() == "complete"
        last = stage.headers("ai-input")[-1]["codec-message-id"]
        assert json.loads(stage.headers("ai-output")[-1]["steer-codec-message-ids"]) == [last]


async def test_on_steer_is_called_for_each_and_its_failure_is_told() -> None:
    errors: list[Any] = []
    calls: list[int] = []

    def on_steer() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("no")

    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn, on_steer=on_steer, on_error=errors.append)
        for text in "ab":
            await turn.steer(say(text)).published
            await settle()
        assert len(calls) == 2
        assert [(type(error), error.code) for error in errors] == [(CancelListenerError, 104002)]
        assert "on_steer" in str(errors[0])
        run.hooks.on_error = None
        calls.pop()
        await turn.steer(say("c")).published
        await settle()
        assert [type(error) for error in stage.errors] == [CancelListenerError]
        assert run.has_input()
        await run.end()


async def test_a_tool_result_from_elsewhere_is_input_too_and_moves_nothing() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turn = await alice.view.send(say("hi"))
        run = await answering(agent, turn)
        await run.pipe([note("call")])
        await run.pipe([note("meanwhile")])
        await settle()
        called = turn.get_messages()[0].id
        await alice.view.send(result(called, "42"), run_id=run.run_id)
        await settle()
        assert run.has_input()
        assert texts(run.view.get_messages()) == ["hi", "call|=42", "meanwhile"]
        await run.pipe([note("done")])
        await run.end()
        await settle()
        assert json.loads(stage.headers("ai-output")[-1]["steer-codec-message-ids"]) == [called]


async def test_inputs_for_other_runs_are_not_mixed_up() -> None:
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        turns = [await alice.view.send(say(text)) for text in "ab"]
        runs = [await answering(agent, turn) for turn in turns]
        for run in runs:
            await run.pipe([note("x")])
        await turns[0].steer(say("for a")).published
        await settle()
        assert [run.has_input() for run in runs] == [True, False]
        for run in runs:
            await run.end()
