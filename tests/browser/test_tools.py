"""A tool that needs a person's approval: any device may give it, and what follows is seen on all."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from ai_transport_codecs.bridges import bridged
from ai_transport_codecs.cli.demo.conversation import ConversationProvider
from ai_transport_codecs.cli.demo.recording import weather
from ai_transport_codecs.codecs.openai.responses import responses_turn
from tests.browser.house import House
from tests.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION, CALL = "What is the weather in San Francisco?", "get_weather"


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def asked(house: House, stage: Stage) -> AsyncIterator[list[str]]:
    """The places that the tool was asked for, by an agent of recorded OpenAI responses."""
    places: list[str] = []

    async def get_weather(location: str) -> str:
        """Get the weather at a location."""
        places.append(location)
        return f"It's sunny in {location}."

    async with (
        ConversationProvider(weather("responses"), api="responses") as provider,
        AsyncOpenAI(base_url=provider.base_url, api_key="none") as client,
    ):
        turn = responses_turn(client, model="gpt-5.2", tools={CALL: get_weather}, approve=[CALL])
        house.handlers[stage.session] = bridged(turn, "openai-responses")
        yield places
        del house.handlers[stage.session]


async def test_an_approved_tool_runs_and_the_answer_goes_on(stage: Stage, asked: list[str]) -> None:
    alice, bob = await stage.device("alice"), await stage.device("bob")
    await alice.say(QUESTION)
    for device in (alice, bob):
        await device.shows("approve")
        await device.has_status(-1, "suspended")
    assert asked == []
    await stage.picture("asked")
    await alice.press("approve")
    for device in (alice, bob):
        await device.says(-1, "sunny")
        await device.has_status(-1, "complete")
        await device.hides("approve")
    assert asked == ["San Francisco, CA"]
    shown = await stage.python_agrees(alice, bob)
    assert [tool for each in shown for tool in each.tools] == [(CALL, "output-available")]
    await stage.picture("answered")


async def test_a_denied_tool_does_not_run_and_the_model_is_told(stage: Stage, asked: list[str]) -> None:
    alice = await stage.device()
    await alice.say(QUESTION)
    await alice.press("deny")
    await alice.has_status(-1, "complete")
    shown = await stage.python_agrees(alice)
    assert [tool for each in shown for tool in each.tools] == [(CALL, "output-denied")]
    assert asked == []
    await stage.picture("denied")


async def test_another_device_may_approve_after_a_reload(stage: Stage, asked: list[str]) -> None:
    alice = await stage.device()
    await alice.say(QUESTION)
    await alice.shows("approve")
    await stage.reload(alice)
    bob = await stage.device("bob")
    await bob.press("approve")
    for device in (alice, bob):
        await device.says(-1, "sunny")
        await device.has_status(-1, "complete")
    assert asked == ["San Francisco, CA"]
    await stage.python_agrees(alice, bob)
    await stage.picture("approved by another")
