"""Questions asked differently and answers given again: nothing is lost, and the arrows show each."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.agent import Agent
from tests.browser.device import Device
from tests.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def converse(alice: Device, agent: Agent, question: str, answer: str) -> None:
    """Ask, and have it answered."""
    count = len(await alice.shown())
    await alice.say(question)
    await agent.says(answer)
    await alice.has_messages(count + 2)
    await alice.has_status(-1, "complete")


async def texts(device: Device) -> list[str]:
    return [each.text for each in await device.shown()]


async def test_an_edited_question_has_an_answer_of_its_own_and_the_arrows_show_both(stage: Stage, agent: Agent) -> None:
    alice, bob = await stage.device("alice"), await stage.device("bob")
    await converse(alice, agent, "Tell me of cats.", "Cats purr.")
    await converse(alice, agent, "And more?", "They sleep.")
    await alice.press_at(0, "edit")
    await alice.part("edit-box").fill("Tell me of dogs.")
    await stage.picture("editing")
    await alice.press("edit-save")
    answer = await agent.asked()
    assert answer.prompt == ["Tell me of dogs."]
    answer.words("Dogs bark.")
    answer.finish()
    await alice.has_messages(2)
    await alice.says(0, "Tell me of dogs.")
    await alice.says(1, "Dogs bark.")
    await alice.has_status(-1, "complete")
    await expect(alice.label(0)).to_have_text("2 / 2")
    await stage.picture("edited")
    await alice.press_at(0, "branch-prev")
    await alice.has_messages(4)
    assert await texts(alice) == ["Tell me of cats.", "Cats purr.", "And more?", "They sleep."]
    await expect(alice.label(0)).to_have_text("1 / 2")
    await stage.picture("before the edit")
    # What others do does not take away what one is looking at; it is one arrow away.
    await bob.has_messages(4)
    await expect(bob.label(0)).to_have_text("1 / 2")
    await bob.press_at(0, "branch-next")
    await alice.press_at(0, "branch-next")
    await bob.has_messages(2)
    assert [each.text for each in await stage.python_agrees(alice, bob)] == ["Tell me of dogs.", "Dogs bark."]


async def test_an_answer_given_again_is_another_version_of_it(stage: Stage, agent: Agent) -> None:
    alice = await stage.device("alice")
    await converse(alice, agent, "Tell me of cats.", "Cats purr.")
    await alice.press_at(1, "regenerate")
    answer = await agent.asked()
    assert answer.prompt == ["Tell me of cats."]
    answer.words("Cats sleep.")
    answer.finish()
    await alice.says(1, "Cats sleep.")
    await alice.has_status(1, "complete")
    await expect(alice.label(1)).to_have_text("2 / 2")
    await alice.press_at(1, "regenerate")
    await agent.says("Cats meow.")
    await alice.says(1, "Cats meow.")
    await expect(alice.label(1)).to_have_text("3 / 3")
    await stage.picture("third version")
    for text, label in (("Cats sleep.", "2 / 3"), ("Cats purr.", "1 / 3")):
        await alice.press_at(1, "branch-prev")
        await alice.says(1, text)
        await expect(alice.label(1)).to_have_text(label)
    await stage.picture("first version")
    # What is said now follows the version that is shown.
    await alice.say("Why?")
    answer = await agent.asked()
    assert answer.prompt == ["Tell me of cats.", "Cats purr.", "Why?"]
    answer.words("They are happy.")
    answer.finish()
    await alice.has_status(-1, "complete")
    assert await texts(alice) == ["Tell me of cats.", "Cats purr.", "Why?", "They are happy."]
    late = await stage.device("late")
    await late.has_messages(2)
    await expect(late.label(1)).to_have_text("3 / 3")
    await stage.python_agrees(late)


async def test_versions_are_there_after_a_reload(stage: Stage, agent: Agent) -> None:
    alice = await stage.device("alice")
    await converse(alice, agent, "Tell me of cats.", "Cats purr.")
    await alice.press_at(1, "regenerate")
    await agent.says("Cats sleep.")
    await alice.says(1, "Cats sleep.")
    await alice.has_status(1, "complete")
    await stage.reload(alice)
    await alice.says(1, "Cats sleep.")
    await expect(alice.label(1)).to_have_text("2 / 2")
    await alice.press_at(1, "branch-prev")
    await alice.says(1, "Cats purr.")
    await alice.press_at(1, "branch-next")
    await stage.python_agrees(alice)
