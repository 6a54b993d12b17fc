"""A graph that asks people: asked on every device, answered by the first, whichever process serves then."""

from __future__ import annotations

import asyncio
import inspect
import textwrap
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from ai_transport_codecs import AgentSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codecs.langchain import CODEC, graph_turn
from tests.codecs.langchain.graph_stage import Device, conversation, serving


def compiled(saver: Any, **options: Any) -> Any:
    """A graph whose only node asks twice, and says what it was told."""

    def ask(state: MessagesState) -> dict[str, Any]:
        city = interrupt({"question": "Where to?"})
        day = interrupt("When?")
        day = day["day"] if isinstance(day, dict) else day
        return {"messages": [AIMessage(f"To {city} on {day}.")]}

    builder: Any = StateGraph(MessagesState)
    return builder.add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=saver, **options)


def values(device: Device) -> list[Any]:
    return [question["value"] for question in device.questions]


WHERE = {"question": "Where to?"}


async def test_the_first_answer_of_any_device_resumes_the_graph_after_a_restart_too() -> None:
    hub, saver = MemoryHub(), InMemorySaver()
    async with Device(hub, "alice") as alice, Device(hub, "bob") as bob:
        async with serving(hub, graph_turn(compiled(saver), thread="trips")):
            await alice.say("plan a trip", "suspended")
        for device in (alice, bob):
            await device.until_status("suspended")
            assert values(device) == [WHERE]
        await bob.answer(content="Lisbon")
        await alice.answer(content="Oslo")
        async with serving(hub, graph_turn(compiled(saver), thread="trips")):
            for device in (alice, bob):
                await device.until(lambda device=device: len(values(device)) == 2)  # type: ignore[misc]
                await device.until_status("suspended")
                assert values(device)[1] == "When?"
            await alice.answer(artifact={"day": "Friday"})
            for device in (alice, bob):
                await device.until_status("complete")
                assert device.texts[-1] == "To Lisbon on Friday."


async def test_a_plain_message_to_the_run_answers_its_only_question() -> None:
    async with conversation(graph_turn(compiled(InMemorySaver()))) as device:
        await device.say("plan a trip", "suspended")
        [run] = device.view.runs()
        await device.view.send("Lisbon", run_id=run.run_id)
        await device.until(lambda: values(device) == [WHERE, "When?"])
        await device.until_status("suspended")
        await device.answer(content="Friday")
        await device.until_status("complete")
        assert device.texts[-1] == "To Lisbon on Friday."


async def test_an_answer_to_no_question_leaves_the_run_waiting() -> None:
    async with conversation(graph_turn(compiled(InMemorySaver()))) as device:
        await device.say("plan a trip", "suspended")
        await device.answer(about="nobody asked", content="42")
        await device.answer(content="Lisbon")
        await device.until(lambda: values(device) == [WHERE, "When?"])
        await device.until_status("suspended")


async def test_questions_of_two_branches_wait_for_their_own_answers() -> None:
    async with conversation(graph_turn(compiled(InMemorySaver()))) as device:
        await device.say("plan a trip", "suspended")
        first = device.view.get_messages()[0].id
        await (await device.view.edit(first, "plan another")).wait()
        assert device.texts == ["plan another"]
        await device.answer(content="Rome")
        await device.until(lambda: values(device) == [WHERE, "When?"])
        await device.until_status("suspended")
        device.view.select_sibling(first, 0)
        assert (device.texts, values(device)) == (["plan a trip"], [WHERE])
        for said in ("Oslo", "Monday"):
            await device.answer(content=said)
            await device.until(lambda said=said: said == "Monday" or values(device) == [WHERE, "When?"])  # type: ignore[misc]
            await device.until_status("suspended" if said == "Oslo" else "complete")
        assert device.texts[-1] == "To Oslo on Monday."
        device.view.select_sibling(first, 1)
        await device.answer(content="Friday")
        await device.until_status("complete")
        assert device.texts[-1] == "To Rome on Friday."


async def test_who_begins_another_turn_may_still_answer_the_question_before_it() -> None:
    async with conversation(graph_turn(compiled(InMemorySaver()))) as device:
        await device.say("plan a trip", "suspended")
        await device.say("no, another one", "suspended")
        await device.answer(content="Rome")
        await device.until(lambda: len(values(device)) == 3)
        await device.until_status("suspended", "suspended")
        await device.answer(0, content="Oslo")
        await device.until(lambda: len(values(device)) == 4)
        await device.until_status("suspended", "suspended")
        await device.answer(1, content="Monday")
        await device.until_status("complete", "suspended")
        assert "To Oslo on Monday." in device.texts


async def test_questions_of_parallel_nodes_and_subgraphs_are_answered_one_by_one() -> None:
    def asking(name: str) -> Any:
        return lambda _: {"messages": [AIMessage(f"{name}: {interrupt(name)}")]}

    inner: Any = StateGraph(MessagesState)
    inner = inner.add_node("deep", asking("deep")).add_edge(START, "deep").compile()
    outer: Any = StateGraph(MessagesState)
    outer = outer.add_node("flat", asking("flat")).add_node("inner", inner)
    graph = outer.add_edge(START, "flat").add_edge(START, "inner").compile(checkpointer=InMemorySaver())
    async with conversation(graph_turn(graph)) as device:
        await device.say("go", "suspended")
        assert sorted(values(device)) == ["deep", "flat"]
        await device.answer(values(device).index("deep"), content="blue")
        await device.until_status("suspended")
        await device.answer(values(device).index("flat"), content="plain")
        await device.until_status("complete")
        assert sorted(device.texts[1:]) == ["deep: blue", "flat: plain"]
        [deep] = [entry.id for entry in device.view.get_messages() if entry.message.text == "deep: blue"]
        projection = device.tree.node_of(deep).projection  # type: ignore[union-attr]
        assert projection.node(deep) == "deep"
        assert projection.namespace(deep).startswith("inner:")


async def test_what_a_subgraph_said_before_it_asked_is_not_said_again() -> None:
    def look(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("Looking.")]}

    def ask(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"So {interrupt('?')}.")]}

    inner: Any = StateGraph(MessagesState)
    inner = inner.add_node("look", look).add_node("ask", ask).add_edge(START, "look").add_edge("look", "ask").compile()
    outer: Any = StateGraph(MessagesState)
    graph = outer.add_node("inner", inner).add_edge(START, "inner").compile(checkpointer=InMemorySaver())
    async with conversation(graph_turn(graph)) as device:
        await device.say("go", "suspended")
        await device.answer(content="be it")
        await device.until_status("complete")
        assert device.texts == ["go", "Looking.", "So be it."]


async def test_a_stop_before_a_node_is_a_question_too() -> None:
    graph = compiled(InMemorySaver(), interrupt_before=["ask"])
    async with conversation(graph_turn(graph)) as device:
        await device.say("go", "suspended")
        assert values(device) == [{"next": ["ask"]}]
        await device.answer(content="")
        await device.until(lambda: len(values(device)) == 2)
        await device.until_status("suspended")
        assert values(device)[1] == WHERE


async def test_progress_reaches_a_device_live_and_from_history() -> None:
    hub = MemoryHub()

    def work(_: MessagesState) -> dict[str, Any]:
        for done in range(4):
            get_stream_writer()({"done": done})
        return {"messages": [AIMessage("Finished.")]}

    builder: Any = StateGraph(MessagesState)
    graph = builder.add_node("work", work).add_edge(START, "work").compile()
    async with serving(hub, graph_turn(graph)), Device(hub, "alice") as alice, Device(hub, "bob") as bob:
        await alice.say("go")
        await bob.view.load_older()
        for device in (alice, bob):
            custom = [message.additional_kwargs.get("custom") for message in device.view.messages]
            assert [each for each in custom if each] == [[{"done": done} for done in range(4)]]
            assert device.texts == ["go", "Finished."]


async def test_the_example_of_the_docstring() -> None:
    example = str(inspect.getdoc(graph_turn)).split("::\n")[1].split("**What readers get.**")[0]
    code = textwrap.indent(textwrap.dedent(example), "    ")
    scope: dict[str, Any] = {**globals(), "Any": Any}
    exec(compile(f"async def example(session):\n{code}", "docstring", "exec"), scope)  # noqa: S102
    hub = MemoryHub()
    async with (
        AgentSession[BaseMessage](hub.client("agent"), "chat", codec=CODEC) as session,
        Device(hub, "alice") as device,
    ):
        task = asyncio.create_task(scope["example"](session))
        await device.say("a trip", "suspended")
        await device.answer(content="Lisbon")
        await device.until_status("complete")
        assert device.texts == ["a trip", "Off to Lisbon!"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_graph_without_memory_that_asks_says_what_it_lacks() -> None:
    async with conversation(graph_turn(compiled(None))) as device:
        turn = await device.view.send("plan a trip")
        await turn.wait()
        assert turn.status == "error"
        assert "has no checkpointer to wait with: compile it with checkpointer=..." in str(turn.error)


def test_what_is_no_graph_or_no_mode_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="takes a compiled graph, not a str"):
        graph_turn("graph")
    with pytest.raises(InvalidArgumentError, match=r"mode 'values' says nothing .* 'custom', 'messages', 'tools'"):
        graph_turn(compiled(None), stream_mode=["messages", "values"])
    with pytest.raises(InvalidArgumentError, match="mode 'values' says nothing"):
        graph_turn(compiled(None), stream_mode="values")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"thread": 5}, "thread is a thread's id, or a function that makes one of the run, not a int"),
        ({"config": "x"}, "config is a config of LangGraph, or a function that makes one of the run, not a str"),
        ({"input": {}}, "input is a function that maps messages to the graph's input, not a dict"),
    ],
)
def test_settings_that_are_none_are_refused_at_once(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^graph_turn's {said}$"):
        graph_turn(compiled(None), **wrong)


async def test_one_stream_mode_need_not_be_a_list() -> None:
    async with conversation(graph_turn(compiled(InMemorySaver()), stream_mode="messages")) as device:
        await device.say("a trip", "suspended")


@pytest.mark.parametrize("restarts", [False, True])
async def test_stop_ends_a_graph_that_waits_and_the_next_turn_begins_anew(restarts: bool) -> None:
    hub, saver = MemoryHub(), InMemorySaver()
    async with Device(hub, "alice") as alice, Device(hub, "bob") as bob:
        async with serving(hub, graph_turn(compiled(saver), thread="trips")):
            await alice.say("plan a trip", "suspended")
            [run] = alice.view.runs()
            if not restarts:
                await bob.cancel(run.run_id)
                await alice.until_status("cancelled")
        async with serving(hub, graph_turn(compiled(saver), thread="trips")):
            if restarts:
                for _ in range(60):  # until it listens
                    await asyncio.sleep(0)
                await bob.cancel(run.run_id)
            for device in (alice, bob):
                await device.until_status("cancelled")
            await alice.answer(content="Lisbon")
            await alice.say("plan another", "suspended")
            assert values(alice) == [WHERE, WHERE]
            await alice.answer(content="Rome")
            await alice.until(lambda: len(values(alice)) == 3)
            await alice.until_status("cancelled", "suspended")
            await alice.answer(content="Friday")
            await alice.until_status("cancelled", "complete")
            assert alice.texts[-1] == "To Rome on Friday."
