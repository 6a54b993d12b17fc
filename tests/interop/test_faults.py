"""Cut sockets and failed attempts, between the two SDKs, whoever asks."""

from __future__ import annotations

import pytest

from tests.interop.parties import until_run
from tests.interop.stage import BOTH_FORMATS, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


@BOTH_FORMATS
async def test_a_device_that_lost_its_socket_in_the_middle_misses_nothing(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis", "bon")])
    await stage.shows(laptop, "Where to?", "Lisbon")
    assert stage.server.faults.cut(await laptop.connection_id()) == 1
    await pipe.feed([*words.words("t1", ", in ", "spring."), *words.finish("t1", "Lisbon, in spring.")])
    await pipe.finish()
    await pipe.result()
    await run.end()
    await stage.shows(laptop, "Where to?", "Lisbon, in spring.")
    await stage.agree(laptop, run, turn)


@BOTH_FORMATS
async def test_an_agent_that_lost_its_socket_in_the_middle_says_everything_once(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis", "bon")])
    await stage.shows(laptop, "Where to?", "Lisbon")
    assert stage.server.faults.cut(await agent.connection_id()) == 1
    await pipe.feed(words.words("t1", ", in ", "spring."))
    await stage.shows(laptop, "Where to?", "Lisbon, in spring.")
    await pipe.feed(words.finish("t1", "Lisbon, in spring."))
    await pipe.finish()
    assert (await pipe.result()).reason == "complete"
    await run.end()
    await stage.agree(laptop, run, turn)


async def test_a_step_that_is_tried_again_replaces_its_first_attempt(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    run_id = await run.start()
    first = await run.step("plan")
    pipe = await first.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis", "bon")])
    await stage.shows(laptop, "Where to?", "Lisbon")
    await pipe.finish("the model is down")
    assert (await pipe.result()).reason == "error"
    await first.end("failed")
    second = await run.step("plan")
    assert second.step_id == "plan"
    await stage.shows(laptop, "Where to?")
    pipe = await second.pipe()
    await pipe.feed(words.answer("t2", "Os", "lo"))
    await pipe.finish()
    await pipe.result()
    await second.end()
    await run.end()
    await stage.shows(laptop, "Where to?", "Oslo")
    told = await until_run(laptop, run_id, "complete")
    assert told["steps"] == [{"stepId": "plan", "status": "complete", "attemptCount": 2}]
    await stage.agree(laptop, run, turn)
