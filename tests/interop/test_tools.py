"""Runs that wait for the client: tools and approvals, between the two SDKs, whoever asks."""

from __future__ import annotations

import pytest

from tests.interop.parties import Agent, AgentRun, Device, Entry, Turn, until, until_run
from tests.interop.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def suspended(stage: Stage, device: Device, agent: Agent, *, asks: bool = False) -> tuple[str, Entry]:
    """A run that waits for the call ``c1``, as the device sees it: the run's id, and the message with the call."""
    words = stage.dialect
    turn = await device.send(words.says("What is the weather?"))
    run = await agent.create_run(turn)
    run_id = await run.start()
    says = words.asks if asks else words.calls
    await stage.pipe_whole(run, says("c1", "weather", {"city": "Lisbon"}))
    await run.suspend()
    await until_run(device, run_id, "suspended")
    expected = "asked" if asks else "open"
    shown = await until(device, lambda shown: len(shown) == 2 and words.state(shown[1].message, "c1") == expected)
    return run_id, shown[-1]


async def resumed(stage: Stage, agent: Agent, turn: Turn, run_id: str) -> AgentRun:
    """The run, which goes on for what the client said."""
    run = await agent.create_run(turn)
    assert await run.start() == run_id
    assert await turn.started() == run_id
    return run


async def test_a_tools_result_resumes_the_run(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    run_id, call = await suspended(stage, laptop, agent)
    turn = await laptop.send(words.result(call.id, "c1", "sunny"), run_id=run_id)
    run = await resumed(stage, agent, turn, run_id)
    assert words.state((await run.prompt())[-1], "c1") == "done"
    await stage.answer(run, "It is ", "sunny")
    await stage.agree(laptop, run, turn)
    shown = await laptop.messages()
    assert [words.text(each.message) for each in shown] == ["What is the weather?", "", "It is sunny"]
    assert words.state(shown[1].message, "c1") == "done"


async def test_a_tools_failure_resumes_the_run(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    run_id, call = await suspended(stage, laptop, agent)
    turn = await laptop.send(words.failure(call.id, "c1", "no network"), run_id=run_id)
    run = await resumed(stage, agent, turn, run_id)
    await stage.answer(run, "I cannot tell")
    await stage.agree(laptop, run, turn)
    assert words.state((await laptop.messages())[1].message, "c1") == "failed"


async def test_an_approved_call_is_run_by_the_agent(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    run_id, call = await suspended(stage, laptop, agent, asks=True)
    turn = await laptop.send(words.verdict(call.id, "c1", approved=True, reason="go on"), run_id=run_id)
    run = await resumed(stage, agent, turn, run_id)
    assert words.state((await run.prompt())[-1], "c1") == "approved"
    await stage.pipe_whole(run, words.ran("c1", "sunny"))
    await stage.answer(run, "It is ", "sunny")
    await stage.agree(laptop, run, turn)


async def test_a_denied_call_is_not_run(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    run_id, call = await suspended(stage, laptop, agent, asks=True)
    turn = await laptop.send(words.verdict(call.id, "c1", approved=False, reason="too costly"), run_id=run_id)
    run = await resumed(stage, agent, turn, run_id)
    assert words.state((await run.prompt())[-1], "c1") == "denied"
    await stage.answer(run, "As you ", "like")
    await stage.agree(laptop, run, turn)


async def test_another_device_gives_the_result(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    phone = await stage.device("bob", side=stage.agent_side)
    run_id, call = await suspended(stage, laptop, agent)
    await until_run(phone, run_id, "suspended")
    turn = await phone.send(words.result(call.id, "c1", "sunny"), run_id=run_id)
    run = await resumed(stage, agent, turn, run_id)
    await stage.answer(run, "It is ", "sunny")
    await stage.agree(phone, run, turn)
    await until_run(laptop, run_id, "complete")
    assert stage.common(await laptop.messages()) == stage.common(await phone.messages())
