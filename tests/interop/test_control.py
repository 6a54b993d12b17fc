"""Changes of mind: cancels and steers, between the two SDKs, whoever asks."""

from __future__ import annotations

import pytest

from tests.interop.parties import Piped
from tests.interop.stage import BOTH_FORMATS, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


@BOTH_FORMATS
async def test_a_cancel_stops_an_answer_in_the_middle(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis", "bon")])
    await stage.shows(laptop, "Where to?", "Lisbon")
    await turn.cancel()
    await run.cancelled()
    assert await pipe.result() == Piped("cancelled", None)
    await run.end("cancelled")
    await stage.agree(laptop, run, turn, "cancelled")
    await stage.shows(laptop, "Where to?", "Lisbon")


async def test_another_device_cancels(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    phone = await stage.device("bob", side=stage.agent_side)
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis")])
    await stage.shows(phone, "Where to?", "Lis")
    await phone.cancel_run(await turn.started())
    assert await pipe.result() == Piped("cancelled", None)
    await run.end("cancelled")
    await stage.agree(laptop, run, turn, "cancelled")


async def test_a_cancel_reaches_a_run_that_has_not_started(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    await turn.cancel()
    # The agent has seen the cancel once it has seen what was sent after it.
    later = await laptop.send(words.says("Sorry."))
    other = await agent.create_run(later)
    await other.start()
    run = await agent.create_run(turn)
    await run.start()
    await run.cancelled()
    pipe = await run.pipe()
    assert await pipe.result() == Piped("cancelled", None)
    await run.end("cancelled")
    await stage.answer(other, "Never mind")
    await stage.agree(laptop, run, turn, "cancelled")
    await stage.agree(laptop, other, later)


async def test_a_word_to_a_running_answer_is_taken_up(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    assert await run.has_input()
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lisbon")])
    await stage.shows(laptop, "Where to?", "Lisbon")
    steer = await turn.steer(words.says("Somewhere cold"))
    await steer.published()
    await pipe.feed(words.finish("t1", "Lisbon"))
    await pipe.finish()
    await pipe.result()
    assert await run.has_input()
    assert [words.text(each) for each in await run.prompt()] == ["Where to?", "Lisbon", "Somewhere cold"]
    await stage.pipe_whole(run, words.answer("t2", "Os", "lo"))
    assert not await run.has_input()
    await run.end()
    assert await steer.outcome() == (True, "complete")
    await stage.shows(laptop, "Where to?", "Lisbon", "Somewhere cold", "Oslo")
    await stage.agree(laptop, run, turn)


async def test_a_word_that_nobody_takes_up_is_in_the_conversation_all_the_same(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    await stage.pipe_whole(run, words.answer("t1", "Lisbon"))
    await turn.started()
    steer = await turn.steer(words.says("Somewhere cold"))
    await steer.published()
    await run.end()
    assert await steer.outcome() == (False, "complete")
    await stage.shows(laptop, "Where to?", "Lisbon", "Somewhere cold")
    await stage.agree(laptop, run, turn)
