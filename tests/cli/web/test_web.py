"""``ai-transport demo --web``: what it serves, how its agent answers, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ai_transport_codecs.cli.demo.recording import buildings, story
from tests.cli.web.demo import Demo, part_of, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = "tool-get_current_weather"
WEATHER = "What is the weather in Boston?"


async def test_the_front_page_is_two_devices_unless_its_address_names_one(demo: Demo) -> None:
    assert (await demo.http.get("/")).text == "this is demo.html"
    assert (await demo.http.get("/demo.html")).text == "this is demo.html"
    assert (await demo.http.get("/", params={"session": "chat:1", "client": "alice"})).text == "this is index.html"


async def test_a_page_is_told_where_everything_is(demo: Demo) -> None:
    known, cut = await demo.config(), await demo.config("a")
    assert known["api"] == "/api"
    assert known["admin"] == "/demo"
    assert known["suggestions"][0] == story().question
    assert known["endpoint"].startswith("http://127.0.0.1:")
    assert cut == known | {"endpoint": cut["endpoint"]}
    assert cut["endpoint"] not in {known["endpoint"], (await demo.config("b"))["endpoint"]}


async def test_other_sites_cannot_use_it(demo: Demo) -> None:
    answer = await demo.http.get("/config.json", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    answer = await demo.http.post("/demo/kill", content="{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()) == (415, {"error": {"message": "orders are JSON"}})


async def test_a_wrong_order_says_what_a_right_one_is(demo: Demo) -> None:
    for order in ({}, {"device": "c", "up": True}, {"device": "a", "up": "no"}):
        answer = await demo.order("network", **order)
        assert answer.status_code == 400
        assert 'name a device, "a" or "b"' in answer.json()["error"]["message"]


async def test_a_question_is_answered_in_full(demo: Demo) -> None:
    async with demo.device("chat:story") as alice:
        turn = await alice.say(story().question)
        assert await turn.wait() == "complete"
        assert text_of(turn.messages[-1]) == "".join(story().texts())


async def test_an_answer_comes_with_its_thoughts(demo: Demo) -> None:
    async with demo.device("chat:thoughts") as alice:
        turn = await alice.say(buildings().question)
        assert await turn.wait() == "complete"
        thought = part_of(turn.messages, "reasoning")
        assert thought is not None
        assert "Sears Tower" in thought["text"]
        assert "Jin Mao Tower" in text_of(turn.messages[-1])


@pytest.mark.parametrize("approved", [True, False])
async def test_a_tool_runs_once_somebody_has_approved_it(demo: Demo, approved: bool) -> None:
    async with demo.device(f"chat:tool-{approved}") as alice, demo.device(f"chat:tool-{approved}", "bob") as bob:
        turn = await alice.say(WEATHER)
        assert await turn.wait() == "suspended"
        await bob.until(lambda shown: (part_of(shown, CALL) or {}).get("state") == "approval-requested")
        [_, asked] = bob.session.view.get_messages()
        call = part_of([asked.message], CALL)
        assert call is not None
        assert call["input"] == {"location": "Boston"}
        payload: dict[str, Any] = {"toolCallId": call["toolCallId"], "approved": approved}
        verdict = {"kind": "tool-approval-response", "codecMessageId": asked.id, "payload": payload}
        again = await bob.say(verdict, run_id=turn.run_id)
        assert await again.wait() == "complete"
        shown = await alice.until(lambda shown: "72°F" in text_of(shown[-1]))
        call = part_of(shown, CALL)
        assert call is not None
        assert call["state"] == ("output-available" if approved else "output-denied")
        assert call.get("output") == ("72°F, sunny and windy in Boston" if approved else None)


async def test_a_device_without_network_catches_up(demo: Demo) -> None:
    async with demo.device("chat:cut", device="a") as alice, demo.device("chat:cut", "bob", device="b") as bob:
        answer = await demo.order("network", device="a", up=False)
        assert answer.json() == {"device": "a", "up": False}
        turn = await bob.say(WEATHER)
        assert await turn.wait() == "suspended"
        assert alice.session.view.get_messages() == []
        await demo.order("network", device="a", up=True)
        await alice.until(lambda shown: (part_of(shown, CALL) or {}).get("state") == "approval-requested")


async def test_a_killed_agent_is_followed_by_another_one(demo: Demo) -> None:
    assert (await demo.order("kill")).json() == {"takenOver": 0}
    async with demo.device("chat:kill") as alice:
        assert await (await alice.say(WEATHER)).wait() == "suspended"


async def test_an_interrupt_in_mid_answer_ends_it_without_a_word(page: Path) -> None:
    async with Demo("--page", str(page)) as demo, demo.device("chat:end") as alice:
        await alice.say(story().question)
        await alice.until(lambda shown: len(shown) == 2 and text_of(shown[1]) != "")
        code, out, errors = await demo.command.stop()
    assert (code, errors) == (0, "")
    assert out == "two devices, one agent, a local server; Ctrl-C ends it\n"
