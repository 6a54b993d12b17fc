"""``ai-transport demo --web`` as its user has it: two devices side by side, and buttons that break things."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page

from ai_transport_codecs.cli.demo.pacing import no_pauses
from ai_transport_codecs.cli.demo.provider import Exchange, Hold, ReplayProvider, Take
from ai_transport_codecs.cli.demo.recording import Recording, story, weather
from tests.browser.device import Device, letters
from tests.browser.program import Program
from tests.browser.stage import Stage, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

TALE: Final = replace(story(), events=(*story().events[:160], *story().events[-3:]))
"""The beginning of a recorded story: pages have others to tell, too."""

MIDDLE: Final = 80
"""The event before which the model waits, where a story wants it to."""

HALF: Final = "".join(TALE.texts()[:MIDDLE]).strip()[-20:]
"""The last that is heard of it then."""

WHOLE: Final = letters("".join(TALE.texts()))


class Model(ReplayProvider):
    """A provider that says recorded things, and stops in the middle where a story needs the time."""

    def play(self, question: str, recording: Recording, hold: Hold | None = None) -> None:
        """What it says from now on when it is asked that."""
        self._takes[question] = Take(replace(recording, question=question), no_pauses(recording), hold)

    async def asked(self, question: str, times: int = 1) -> Exchange:
        """Wait until it was asked that so often, and has said what it may; the last answer."""

        async def look() -> list[Exchange]:
            return [each for each in self.exchanges if each.request["messages"][-1]["content"] == question]

        return (await until(look, lambda found: len(found) == times and found[-1].events_sent >= MIDDLE))[-1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model() -> AsyncIterator[Model]:
    async with Model([]) as model:
        yield model


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(model: Model) -> AsyncIterator[Program]:
    """The demo, one for all stories: each has a session of its own in it. It must end well and never complain."""
    accounts = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": model.base_url, "OPENAI_MODEL": "gpt-4o-mini"}
    async with Program("demo", "--web", "--port", "0", accounts=accounts) as program:
        yield program
    assert program.process.returncode == 0, program.said()
    assert len(program.lines) == 2, program.said()


@pytest_asyncio.fixture(loop_scope="session")
async def url(demo: Program, page: object) -> AsyncIterator[str]:
    """Where the demo is; a story that fails leaves nobody's network cut."""
    yield demo.url
    async with httpx.AsyncClient(base_url=demo.url) as http:
        for device in ("a", "b"):
            (await http.post("/demo/network", json={"device": device, "up": True})).raise_for_status()


async def side_by_side(stage: Stage) -> tuple[Page, Device, Device]:
    """The demo's page, and the devices in it."""
    page = await stage.open("demo", f"/demo.html?session={stage.session}", width=1300)
    devices = []
    for name, client in (("a", "alice"), ("b", "bob")):
        # By its element: a frame that is still loading has no name yet.
        frame = await (await page.get_by_test_id(f"device-{name}").element_handle()).content_frame()
        assert frame is not None
        devices.append(Device(client, frame))
        await devices[-1].is_ready()
    return page, devices[0], devices[1]


async def test_the_other_device_cancels_and_the_model_is_not_listened_to_any_more(stage: Stage, model: Model) -> None:
    model.play(question := "A story to cancel.", TALE, Hold(MIDDLE))
    page, alice, bob = await side_by_side(stage)
    await alice.say(question)
    exchange = await model.asked(question)
    await bob.says(-1, HALF)
    await stage.picture("in the middle")
    await page.get_by_test_id("cancel").click()
    await exchange.ended.wait()
    assert exchange.hung_up
    for device in (alice, bob):
        await device.has_status(-1, "cancelled")
    [_, answer] = await stage.python_agrees(alice, bob)
    assert WHOLE.startswith(letters(answer.text))
    await stage.picture("cancelled")


async def test_a_device_is_cut_off_and_comes_back(stage: Stage, model: Model) -> None:
    stage.expect_console("WebSocket connection to .* failed|net::ERR_")
    model.play(question := "A story to miss.", TALE, hold := Hold(MIDDLE))
    page, alice, bob = await side_by_side(stage)
    await bob.say(question)
    await model.asked(question)
    await alice.says(-1, HALF)
    await page.get_by_test_id("cut-a").click()
    await alice.shows("offline")
    hold.release()
    await bob.has_status(-1, "complete")
    await alice.has_status(-1, "streaming")
    await stage.picture("cut")
    await page.get_by_test_id("cut-a").click()
    await alice.hides("offline")
    await alice.has_status(-1, "complete")
    [_, answer] = await stage.python_agrees(alice, bob)
    assert letters(answer.text) == WHOLE
    await stage.picture("back")


async def test_an_agent_killed_in_the_middle_of_an_answer_is_followed_by_another(stage: Stage, model: Model) -> None:
    model.play(question := "A story to die in.", TALE, hold := Hold(MIDDLE))
    page, alice, bob = await side_by_side(stage)
    await alice.say(question)
    first = await model.asked(question)
    await bob.says(-1, HALF)
    await page.get_by_test_id("kill-agent").click()
    await first.ended.wait()
    await model.asked(question, times=2)
    await bob.says(-1, HALF)
    await stage.picture("killed")
    hold.release()
    for device in (alice, bob):
        await device.has_status(-1, "complete")
    [_, answer] = await stage.python_agrees(alice, bob)
    assert letters(answer.text) == WHOLE
    await stage.picture("answered by another")


async def test_a_tool_is_approved_by_the_other_device(stage: Stage, model: Model) -> None:
    call, answer = weather("chat")
    model.play(call.question, call)
    model.play("72°F, sunny and windy in Boston", answer)
    _, alice, bob = await side_by_side(stage)
    await alice.say(call.question)
    await alice.shows("approve")
    await stage.picture("asked")
    await bob.press("approve")
    for device in (alice, bob):
        await device.says(-1, "72°F")
        await device.has_status(-1, "complete")
    shown = await stage.python_agrees(alice, bob)
    assert [tool for each in shown for tool in each.tools] == [("get_current_weather", "output-available")]
    await stage.picture("answered")
