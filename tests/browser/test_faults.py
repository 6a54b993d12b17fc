"""A device without a network: it says so, and misses nothing."""

from __future__ import annotations

import pytest

from tests.browser.agent import Agent
from tests.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_device_whose_network_is_cut_says_so_and_misses_nothing(stage: Stage, agent: Agent) -> None:
    stage.expect_console("net::ERR_INTERNET_DISCONNECTED")
    alice, bob = await stage.device("alice"), await stage.device("bob")
    await alice.say("Tell me a story.")
    answer = await agent.asked()
    answer.words("Once ", "upon ")
    await bob.says(-1, "Once upon")
    await stage.cut(bob)
    await bob.shows("offline")
    answer.words("a time ", "there ")
    await alice.says(-1, "Once upon a time there")
    assert (await bob.shown())[-1].text == "Once upon"
    await stage.picture("cut")
    await stage.restore(bob)
    await bob.hides("offline")
    await bob.says(-1, "Once upon a time there")
    answer.words("was a cat.")
    answer.finish()
    for device in (alice, bob):
        await device.has_status(-1, "complete")
    assert [each.text for each in await stage.python_agrees(alice, bob)] == [
        "Tell me a story.",
        "Once upon a time there was a cat.",
    ]
    await stage.picture("back")


async def test_a_whole_answer_missed_is_there_when_the_network_is(stage: Stage, agent: Agent) -> None:
    stage.expect_console("net::ERR_INTERNET_DISCONNECTED")
    alice, bob = await stage.device("alice"), await stage.device("bob")
    await stage.cut(bob)
    await bob.shows("offline")
    await alice.say("Tell me a story.")
    await agent.says("Once upon a time.")
    await alice.has_messages(2)
    await alice.has_status(-1, "complete")
    await stage.restore(bob)
    await bob.hides("offline")
    await bob.has_messages(2)
    await bob.say("And then?")
    await agent.says("They lived.")
    await alice.has_messages(4)
    for device in (alice, bob):
        await device.has_status(-1, "complete")
    await stage.python_agrees(alice, bob)
