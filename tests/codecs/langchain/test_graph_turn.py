"""A graph that asks people: asked on every device, answered by the first, whichever process serves then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

from ai_transport_codecs import AgentSession, ClientSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codecs.langchain import CODEC, graph_turn

Device = ClientSession[BaseMessage]


def compiled(saver: Any) -> Any:
    """A graph whose only node asks twice, and says what it was told."""

    def ask(state: MessagesState) -> dict[str, Any]:
        city = interrupt({"question": "Where to?"})
        day = interrupt("When?")
        return {"messages": [AIMessage(f"To {city} on {day['day']}.")]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


@asynccontextmanager
async def serving(hub: MemoryHub, saver: InMemorySaver) -> AsyncIterator[None]:
    """An agent process with its own graph, which ends with the block; the saver stays."""
    async with AgentSession[BaseMessage](hub.client("agent"), "chat", codec=CODEC) as session:
        task = asyncio.create_task(session.serve(graph_turn(compiled(saver), thread="chat")))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def questions(device: Device) -> list[Any]:
    found = (entry.message.additional_kwargs.get("interrupt") for entry in device.view.get_messages())
    return [each["value"] for each in found if each]


async def answer(device: Device, **said: Any) -> None:
    """An answer to the last question."""
    asked = [each for each in device.view.get_messages() if "interrupt" in each.message.additional_kwargs][-1]
    run = device.view.run_of(asked.id)
    assert run is not None
    assert CODEC.create_tool_result is not None
    payload = {"tool_call_id": asked.message.additional_kwargs["interrupt"]["id"], **said}
    await device.view.send(CODEC.create_tool_result(asked.id, payload), run_id=run.run_id)


async def until(device: Device, status: str, asked: int) -> None:
    changed = asyncio.Event()
    unsubscribe = device.tree.on("run", lambda _: changed.set())
    while [run.status for run in device.view.runs()] != [status] or len(questions(device)) != asked:
        await changed.wait()
        changed.clear()
    unsubscribe()


async def test_the_first_answer_of_any_device_resumes_the_graph_after_a_restart_too() -> None:
    hub, saver = MemoryHub(), InMemorySaver()
    async with (
        Device(hub.client("alice"), "chat", codec=CODEC) as alice,
        Device(hub.client("bob"), "chat", codec=CODEC) as bob,
    ):
        async with serving(hub, saver):
            await (await alice.view.send("plan a trip")).wait()
        for device in (alice, bob):
            await until(device, "suspended", 1)
            assert questions(device) == [{"question": "Where to?"}]
        await answer(bob, content="Lisbon")
        await answer(alice, content="Oslo")
        async with serving(hub, saver):
            for device in (alice, bob):
                await until(device, "suspended", 2)
                assert questions(device)[1] == "When?"
            await answer(alice, artifact={"day": "Friday"})
            for device in (alice, bob):
                await until(device, "complete", 2)
        for device in (alice, bob):
            assert device.view.messages[-1].text == "To Lisbon on Friday."


async def test_who_begins_another_turn_takes_the_question_away() -> None:
    hub, saver = MemoryHub(), InMemorySaver()
    async with Device(hub.client("alice"), "chat", codec=CODEC) as alice, serving(hub, saver):
        first = await alice.view.send("plan a trip")
        assert await first.wait() == "suspended"
        [asked] = [each for each in alice.view.get_messages() if "interrupt" in each.message.additional_kwargs]
        [run] = alice.view.runs()
        await (await alice.view.send("no, another one")).wait()
        assert len(questions(alice)) == 2
        await answer(alice, content="Rome")
        assert CODEC.create_tool_result is not None
        late = {"tool_call_id": asked.message.additional_kwargs["interrupt"]["id"], "content": "Oslo"}
        changed = asyncio.Event()
        alice.tree.on("run", lambda _: changed.set())
        await alice.view.send(CODEC.create_tool_result(asked.id, late), run_id=run.run_id)
        statuses = ["complete", "suspended"]
        while [each.status for each in alice.view.runs()] != statuses or len(questions(alice)) < 3:
            await changed.wait()
            changed.clear()
        assert questions(alice) == [{"question": "Where to?"}, {"question": "Where to?"}, "When?"]


def test_a_graph_without_memory_cannot_wait() -> None:
    with pytest.raises(InvalidArgumentError, match="compile it with checkpointer"):
        graph_turn(compiled(None), thread="chat")
    with pytest.raises(InvalidArgumentError, match="takes a compiled graph, not a str"):
        graph_turn("graph", thread="chat")
