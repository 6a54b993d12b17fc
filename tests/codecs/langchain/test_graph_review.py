"""Tools that wait for a person's decision: the middleware of ``create_agent``, in both of its modes."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from ai_transport_codecs import MemoryHub
from ai_transport_codecs.codecs.langchain import graph_turn
from tests.codecs.langchain.graph_stage import Device, conversation, serving
from tests.codecs.langchain.test_agents import ScriptedModel, calls, said

OSLO, ROME = '{"city": "Oslo"}', '{"city": "Rome"}'


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def agent(*arguments: str, saver: Any = None, tools: Any = (weather,), **options: Any) -> Any:
    options.setdefault("interrupt_on", {"weather": True})
    model = ScriptedModel(answers=[calls(*arguments), [said("Done.")]])
    middleware = [HumanInTheLoopMiddleware(**options)]
    return create_agent(model, [*tools], middleware=middleware, checkpointer=saver or InMemorySaver())


def results(device: Device) -> list[str]:
    """What the tools said to the model, in the order of the calls."""
    found = {
        message.tool_call_id: message.text
        for message in device.view.messages
        if isinstance(message, ToolMessage) and message.artifact is None
    }
    return [found[key] for key in sorted(found)]


async def test_each_call_is_decided_by_itself_on_any_device_and_after_a_restart() -> None:
    hub, saver = MemoryHub(), InMemorySaver()
    async with Device(hub, "alice") as alice, Device(hub, "bob") as bob:
        async with serving(hub, graph_turn(agent(OSLO, ROME, saver=saver))):
            await alice.say("weather?", "suspended")
            [question] = alice.questions
            assert [(call["tool_call_id"], call["args"]) for call in question["calls"]] == [
                ("call-0", {"city": "Oslo"}),
                ("call-1", {"city": "Rome"}),
            ]
            assert question["calls"][0]["allowed"] == ["approve", "edit", "reject", "respond"]
            await alice.approve("call-0")
            await alice.approve("call-0", approved=False)  # the first counts
            await alice.until_status("suspended")
        await bob.until_status("suspended")
        async with serving(hub, graph_turn(agent(OSLO, ROME, saver=saver))):
            await bob.approve("call-1", approved=False, reason="Too far.")
            await alice.until_status("complete")
        assert results(alice)[0] == "sunny in Oslo"
        assert "Too far." in results(alice)[1]
        assert alice.texts[-1] == "Done."


async def test_a_call_is_edited_or_answered_by_the_person() -> None:
    async with conversation(graph_turn(agent(OSLO, ROME))) as device:
        await device.say("weather?", "suspended")
        edit = {"type": "edit", "edited_action": {"name": "weather", "args": {"city": "Bergen"}}}
        await device.answer(about="call-0", artifact=edit)
        await device.answer(about="call-1", content="raining, I am there")
        await device.until_status("complete")
        assert "sunny in Bergen" in results(device)[0]
        assert results(device)[1] == "raining, I am there"


async def test_all_calls_are_decided_at_once_in_the_middlewares_own_words() -> None:
    async with conversation(graph_turn(agent(OSLO, ROME))) as device:
        await device.say("weather?", "suspended")
        await device.answer(artifact={"decisions": [{"type": "approve"}, {"type": "respond", "message": "wet"}]})
        await device.until_status("complete")
        assert results(device) == ["sunny in Oslo", "wet"]


async def test_a_decision_that_is_not_allowed_is_asked_for_again_with_the_reason() -> None:
    options = {"weather": {"allowed_decisions": ["approve", "reject"]}}
    async with conversation(graph_turn(agent(OSLO, interrupt_on=options))) as device:
        await device.say("weather?", "suspended")
        await device.answer(artifact={"decisions": []})
        await device.until(lambda: len(device.questions) == 2)
        await device.until_status("suspended")
        assert "one for each of 1 calls" in device.questions[1]["refused"]
        await device.answer(about="call-0", content="wet")
        await device.until(lambda: len(device.questions) == 3)
        await device.until_status("suspended")
        refusal = "a decision about 'weather' is one of approve, reject, not 'respond'"
        assert device.questions[2]["refused"] == refusal
        await device.approve("call-0")
        await device.until_status("complete")
        assert results(device) == ["sunny in Oslo"]


async def test_a_plain_message_rejects_the_calls_and_tells_why() -> None:
    async with conversation(graph_turn(agent(OSLO))) as device:
        await device.say("weather?", "suspended")
        [run] = device.view.runs()
        await device.view.send("I meant Bergen", run_id=run.run_id)
        await device.until_status("complete")
        assert "I meant Bergen" in results(device)[0]


async def test_the_middleware_may_ask_for_each_call() -> None:
    try:
        graph = agent(OSLO, ROME, interrupt_mode="per_call")
    except TypeError:
        pytest.skip("this LangChain asks for all calls at once only")
    async with conversation(graph_turn(graph)) as device:
        await device.say("weather?", "suspended")
        assert sorted(call["tool_call_id"] for asked in device.questions for call in asked["calls"]) == [
            "call-0",
            "call-1",
        ]
        assert sorted(device.questions[0]["calls"][0]["allowed"]) == ["approve", "edit", "reject", "respond"]
        await device.approve("call-0")
        await device.approve("call-1", approved=False)
        await device.until_status("complete")
        assert results(device)[0] == "sunny in Oslo"
        assert "rejected" in results(device)[1]


async def test_a_tool_may_ask_by_itself() -> None:
    @tool
    def book(city: str) -> str:
        """Book a trip."""
        return f"booked {city} on {interrupt('When?')}"

    model = ScriptedModel(answers=[calls(OSLO, name="book"), [said("Done.")]])
    graph = create_agent(model, [book], checkpointer=InMemorySaver())
    async with conversation(graph_turn(graph)) as device:
        await device.say("book", "suspended")
        assert [question["value"] for question in device.questions] == ["When?"]
        await device.answer(content="Friday")
        await device.until_status("complete")
        assert "booked Oslo on Friday" in results(device)
