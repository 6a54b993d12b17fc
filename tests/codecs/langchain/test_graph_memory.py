"""What a graph remembers is what the branch shows that it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from typing_extensions import TypedDict

from ai_transport_codecs import MemoryHub
from ai_transport_codecs.codecs.langchain import graph_turn
from tests.codecs.langchain.graph_stage import Device, conversation, serving
from tests.codecs.langchain.test_agents import ScriptedModel, calls, said


def echo(saver: Any = None) -> Any:
    """A graph that says what it has heard so far."""

    def listen(state: MessagesState) -> dict[str, Any]:
        heard = [message.text for message in state["messages"] if isinstance(message, HumanMessage)]
        return {"messages": [AIMessage("heard " + ", ".join(heard))]}

    builder: Any = StateGraph(MessagesState)
    return builder.add_node("listen", listen).add_edge(START, "listen").compile(checkpointer=saver)


async def ids(graph: Any, thread_id: str) -> list[str]:
    state = await graph.aget_state({"configurable": {"thread_id": thread_id}})
    return [message.text for message in state.values.get("messages", ())]


@pytest.mark.parametrize("saver", [None, InMemorySaver()], ids=["forgets", "remembers"])
async def test_a_graph_hears_the_branch_that_the_device_shows(saver: Any) -> None:
    async with conversation(graph_turn(echo(saver))) as device:
        await device.say("one")
        await device.say("two")
        await device.say("three")
        assert device.texts[-1] == "heard one, two, three"
        second = device.view.get_messages()[2].id
        await (await device.view.edit(second, "TWO")).wait()
        assert device.texts == ["one", "heard one", "TWO", "heard one, TWO"]
        await device.say("four")
        assert device.texts[-1] == "heard one, TWO, four"
        device.view.select_sibling(second, 0)
        await device.say("five")
        assert device.texts[-1] == "heard one, two, three, five"
        await (await device.view.regenerate(device.view.get_messages()[-1].id)).wait()
        assert device.texts[-1] == "heard one, two, three, five"
        await (await device.view.edit(device.view.get_messages()[0].id, "ONE")).wait()
        await device.say("six")
        assert device.texts == ["ONE", "heard ONE", "six", "heard ONE, six"]


async def test_with_a_memory_only_what_is_new_is_sent_and_everything_is_in_the_channels_thread() -> None:
    inputs: list[list[str]] = []

    def note(messages: list[BaseMessage]) -> dict[str, Any]:
        inputs.append([message.text for message in messages])
        return {"messages": messages}

    graph = echo(InMemorySaver())
    async with conversation(graph_turn(graph, input=note, config={"tags": ["t"]})) as device:
        await device.say("one")
        await device.say("two")
        run_ids = [run.run_id for run in device.view.runs()]
    assert inputs == [["one"], ["two"]]
    assert await ids(graph, "chat") == ["one", "heard one", "two", "heard one, two"]
    state = await graph.aget_state({"configurable": {"thread_id": "chat"}})
    assert state.metadata["ai_transport_run"] == run_ids[-1]


async def test_threads_of_ones_own_by_run_by_config_and_by_name() -> None:
    graph = echo(InMemorySaver())
    ways: list[dict[str, Any]] = [
        {"thread": lambda run: f"of {run.channel_name}"},
        {"config": {"configurable": {"thread_id": "configured"}}},
        {"config": lambda run: {"configurable": {"thread_id": f"made for {run.channel_name}"}}},
        {"thread": "named", "config": {"configurable": {"thread_id": "not this"}}},
    ]
    for options in ways:
        async with conversation(graph_turn(graph, **options)) as device:
            await device.say("one")
    for thread_id in ("of chat", "configured", "made for chat", "named"):
        assert await ids(graph, thread_id) == ["one", "heard one"]
    assert await ids(graph, "not this") == []


async def test_a_memory_that_was_lost_is_made_anew_from_what_is_visible() -> None:
    hub = MemoryHub()
    async with Device(hub, "alice") as device:
        async with serving(hub, graph_turn(echo(InMemorySaver()))):
            await device.say("one")
        async with serving(hub, graph_turn(echo(InMemorySaver()))):
            await device.say("two")
            await device.say("three")
            assert device.texts[-1] == "heard one, two, three"


async def test_what_was_written_to_the_thread_by_hand_is_kept() -> None:
    graph = echo(InMemorySaver())
    settings = {"configurable": {"thread_id": "chat"}}
    await graph.ainvoke({"messages": [HumanMessage("before")]}, settings)
    async with conversation(graph_turn(graph)) as device:
        await device.say("one")
        await graph.aupdate_state(settings, {"messages": [HumanMessage("by hand")]})
        await device.say("two")
        assert device.texts[-1] == "heard before, one, by hand, two"


async def test_a_state_that_is_no_list_of_messages_is_mapped() -> None:
    class State(TypedDict, total=False):
        question: str
        asked: int
        answer: str

    def think(state: State) -> dict[str, Any]:
        return {"asked": state.get("asked", 0) + 1}

    async def speak(state: State) -> dict[str, Any]:
        chunks = [AIMessageChunk(content=piece) for piece in (f"{state.get('asked')}: ", state.get("question", ""))]
        await ScriptedModel(answers=[chunks]).ainvoke([HumanMessage("?")])
        return {"answer": "given"}

    builder: Any = StateGraph(State)
    builder.add_node("think", think).add_node("speak", speak).add_edge(START, "think").add_edge("think", "speak")
    graph = builder.compile(checkpointer=InMemorySaver())
    handler = graph_turn(
        graph, input=lambda messages: {"question": messages[-1].text}, stream_mode=["messages", "updates"]
    )
    async with conversation(handler) as device:
        await device.say("why?")
        await device.say("how?")
        assert device.texts == ["why?", "1: why?", "how?", "2: how?"]
        first = device.view.get_messages()[0].id
        await (await device.view.edit(first, "who?")).wait()
        assert device.texts == ["who?", "1: who?"]
        [updates] = [found for each in device.view.messages if (found := each.additional_kwargs.get("updates"))]
        assert updates[0] == {"node": "think", "update": {"asked": 1}}


@pytest.mark.parametrize("how", ["cancelled", "error"])
async def test_a_turn_that_ended_in_a_tool_does_not_break_the_next(how: str) -> None:
    waits, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def weather(city: str) -> str:
        """The weather in a city."""
        if how == "error":
            raise RuntimeError("the service is down")
        waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return city

    model = ScriptedModel(answers=[[said("Hello.")], calls('{"city": "Oslo"}'), [said("Never.")]], heard=[])
    graph = create_agent(model, [weather], checkpointer=InMemorySaver())
    async with conversation(graph_turn(graph)) as device:
        await device.say("Hi")
        turn = await device.view.send("Oslo?")
        if how == "cancelled":
            await waits.wait()
            await turn.cancel()
        await turn.wait()
        assert turn.status == how
        if how == "cancelled":
            await asyncio.wait_for(ended.wait(), 10)
        else:
            assert "the service is down" in str(turn.error)
        model.answers[1] = [said("Still here.")]
        await device.say("And now?")
        assert device.texts[-1] == "Still here."


async def test_a_graph_that_never_ends_is_stopped_by_its_own_limit() -> None:
    model = ScriptedModel(answers=[calls('{"city": "Oslo"}')] * 30)

    @tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return city

    graph = create_agent(model, [weather], checkpointer=InMemorySaver())
    async with conversation(graph_turn(graph, config={"recursion_limit": 6})) as device:
        turn = await device.view.send("Oslo?")
        await turn.wait()
        assert turn.status == "error"
        assert "Recursion limit of 6" in str(turn.error)


@pytest.mark.parametrize("before", ["", "one, "], ids=["first turns", "later turns"])
async def test_two_turns_at_once_on_one_thread_do_not_mix(before: str) -> None:
    hub = MemoryHub()
    async with (
        serving(hub, graph_turn(echo(InMemorySaver()))),
        Device(hub, "alice") as alice,
        Device(hub, "bob") as bob,
    ):
        if before:
            await alice.say("one")
            await bob.until(lambda: len(bob.texts) == 2)
            await bob.until_status("complete")
        turns = await asyncio.gather(alice.view.send("a"), bob.view.send("b"))
        for turn in turns:
            await turn.wait()
        answers = [message.text for turn in turns for message in turn.messages]
        assert answers == [f"heard {before}a", f"heard {before}b"]


async def test_what_streams_like_a_graph_on_a_server_is_read_from_its_data() -> None:
    class Remote:
        """As a client of a server: it has no local checkpointer, and gives messages as data."""

        def __init__(self) -> None:
            self.seen: list[Any] = []

        async def astream(self, value: Any, config: Any, *, stream_mode: Any, subgraphs: bool) -> Any:
            self.seen.append([message.text for message in value["messages"]])
            for text in ("far ", "away"):
                chunk = {"type": "AIMessageChunk", "content": text, "id": f"r{len(self.seen)}"}
                yield ((), "messages", [chunk, {"langgraph_node": "n"}])

    remote = Remote()
    async with conversation(graph_turn(remote)) as device:
        await device.say("one")
        await device.say("two")
        assert device.texts == ["one", "far away", "two", "far away"]
        assert remote.seen == [["one"], ["one", "far away", "two"]]
