"""One conversation in several pages: asked, answered as it is said, reloaded, stopped, read again later."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.agent import Agent
from tests.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_answer_is_seen_as_it_is_said(stage: Stage, agent: Agent) -> None:
    alice, bob = await stage.device("alice"), await stage.device("bob")
    await alice.say("Tell me a story.")
    answer = await agent.asked()
    assert answer.prompt == ["Tell me a story."]
    answer.words("Once ", "upon ")
    for device in (alice, bob):
        await device.has_status(-1, "streaming")
        await device.says(-1, "Once upon")
    assert [each.role for each in await stage.agree(alice, bob)] == ["user", "assistant"]
    await stage.picture("in the middle")
    answer.words("a ", "time.")
    answer.finish()
    for device in (alice, bob):
        await device.has_status(-1, "complete")
    shown = await stage.python_agrees(alice, bob)
    assert [each.text for each in shown] == ["Tell me a story.", "Once upon a time."]
    await stage.picture("in the end")


async def test_thoughts_and_markdown_are_shown_as_what_they_are(stage: Stage, agent: Agent) -> None:
    alice = await stage.device()
    await alice.say("What is it?")
    answer = await agent.asked()
    answer.thinks("Let me ", "think.")
    answer.words("It is **so", "** and `", "so`:\n\n- one\n", "- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    answer.finish()
    await alice.has_status(-1, "complete")
    text = alice.message(-1).get_by_test_id("text")
    await expect(text.locator("strong")).to_have_text("so")
    await expect(text.locator("code")).to_have_text("so")
    await expect(text.locator("li")).to_have_text(["one", "two"])
    await expect(text.locator("td")).to_have_text(["1", "2"])
    [_, shown] = await stage.python_agrees(alice)
    assert shown.reasoning == "Let me think."
    await alice.message(-1).get_by_test_id("reasoning").locator("summary").click()
    await stage.picture("thoughts and markdown")


async def test_a_page_reloaded_in_the_middle_of_an_answer_goes_on(stage: Stage, agent: Agent) -> None:
    alice = await stage.device()
    await alice.say("Tell me a story.")
    answer = await agent.asked()
    answer.words("Once ", "upon ")
    await alice.says(-1, "Once upon")
    await stage.reload(alice)
    await alice.says(-1, "Once upon")
    await alice.has_status(-1, "streaming")
    await stage.picture("reloaded")
    answer.words("a ", "time.")
    await alice.says(-1, "Once upon a time.")
    answer.finish()
    await alice.has_status(-1, "complete")
    assert [each.text for each in await stage.python_agrees(alice)] == ["Tell me a story.", "Once upon a time."]
    await alice.say("And then?")
    await agent.says("They lived.")
    await alice.has_messages(4)
    await alice.has_status(-1, "complete")
    await stage.python_agrees(alice)
    await stage.picture("in the end")


async def test_a_second_tab_stops_an_answer(stage: Stage, agent: Agent) -> None:
    alice, tab = await stage.device("alice"), await stage.device("tab", client="alice")
    await alice.say("Tell me a story.")
    answer = await agent.asked()
    answer.words("Once ", "upon ")
    await tab.says(-1, "Once upon")
    await tab.press("stop")
    await answer.hears_the_cancel()
    for device in (alice, tab):
        await device.has_status(-1, "cancelled")
        await device.shows("send")
    assert [each.text for each in await stage.python_agrees(alice, tab)] == ["Tell me a story.", "Once upon "]
    await stage.picture("stopped")
    await alice.say("Another one.")
    await agent.says("There was a cat.")
    await tab.says(-1, "There was a cat.")
    await alice.has_status(-1, "complete")
    await stage.python_agrees(alice, tab)


async def test_a_device_that_comes_later_reads_everything_page_by_page(stage: Stage, agent: Agent) -> None:
    alice = await stage.device()
    for number in (1, 2, 3):
        await alice.say(f"Question {number}.")
        await agent.says(f"Answer {number}.")
        await alice.has_messages(2 * number)
        await alice.has_status(-1, "complete")
    late = await stage.device("late", limit=2)
    await late.says(-1, "Answer 3.")
    await late.has_messages(2)
    await late.press("load-older")
    await late.has_messages(4)
    await stage.picture("half of it")
    await late.press("load-older")
    await late.has_messages(6)
    await late.hides("load-older")
    shown = await stage.python_agrees(alice, late)
    assert [each.text for each in shown] == [f"{who} {n}." for n in (1, 2, 3) for who in ("Question", "Answer")]


async def test_an_answer_that_fails_says_why_and_the_next_one_does_not(stage: Stage, agent: Agent) -> None:
    alice = await stage.device()
    await alice.say("Tell me a story.")
    answer = await agent.asked()
    answer.words("Once ")
    await alice.says(-1, "Once")
    answer.breaks(RuntimeError("the model is tired"))
    await alice.has_status(-1, "error")
    await expect(alice.message(-1)).to_contain_text("the model is tired")
    await stage.picture("failed")
    await alice.say("Try again.")
    await agent.says("Once upon a time.")
    await alice.says(-1, "Once upon a time.")
    await alice.has_status(-1, "complete")
    await stage.python_agrees(alice)
