"""Graphs that ask people, on a page that reads UI messages."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from ai_transport_codecs.bridges import bridged
from ai_transport_codecs.codecs.langchain import graph_turn
from ai_transport_codecs.codecs.vercel import CODEC
from tests.bridges.stage import Conversation, conversation
from tests.codecs.langchain.test_agents import ScriptedModel, calls, said


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def parts(message: Any, type_: str = "text") -> list[Any]:
    """The parts of a message of one type."""
    return [part for part in message["parts"] if part["type"] == type_]


def calls_in(message: Any) -> list[Any]:
    """The tool parts of a message."""
    return [part for part in message["parts"] if part["type"].startswith("tool-")]


def tools(talk: Conversation) -> list[Any]:
    """The tool parts on the page, in order."""
    return [part for message in talk.device.view.messages for part in calls_in(message)]


async def ask(talk: Conversation, text: str) -> None:
    turn = await talk.device.view.send(text)
    await turn.wait()
    assert turn.status == "suspended", turn.error


async def tell(talk: Conversation, call_id: str, create: Any, **said: Any) -> str:
    """What the page says of a call; how its run stands then."""
    [asked] = [
        entry
        for entry in talk.device.view.get_messages()
        if any(part["toolCallId"] == call_id for part in calls_in(entry.message))
    ]
    run = talk.device.view.run_of(asked.id)
    assert run is not None
    turn = await talk.device.view.send(create(asked.id, {"toolCallId": call_id, **said}), run_id=run.run_id)
    await turn.wait()
    return str(turn.status)


def reviewed() -> Any:
    review = HumanInTheLoopMiddleware(interrupt_on={"weather": True})
    answers = [calls('{"city": "Oslo"}', '{"city": "Rome"}'), [said("Done.")]]
    model = ScriptedModel(answers=answers)
    return create_agent(model, [weather], middleware=[review], checkpointer=InMemorySaver())


async def test_a_page_approves_one_call_and_denies_another() -> None:
    async with conversation(bridged(graph_turn(reviewed()), "langchain")) as talk:
        await ask(talk, "Where is it sunny?")
        assert [(part["state"], part["input"]) for part in tools(talk)] == [
            ("approval-requested", {"city": "Oslo"}),
            ("approval-requested", {"city": "Rome"}),
        ]
        oslo, rome = (part["toolCallId"] for part in tools(talk))
        assert [part["approval"]["id"] for part in tools(talk)] == [oslo, rome]
        assert await tell(talk, oslo, CODEC.create_tool_approval_response, approved=True) == "suspended"
        assert await tell(talk, rome, CODEC.create_tool_approval_response, approved=False) == "complete"
        assert [part["state"] for part in tools(talk)] == ["output-available", "output-denied"]
        assert tools(talk)[0]["output"] == "sunny in Oslo"
        assert [part["text"] for part in parts(talk.device.view.messages[-1])] == ["Done."]
        assert talk.device.view.messages == await talk.history()


async def test_a_question_is_a_tool_part_that_the_page_answers_with_any_value() -> None:
    def plan(_: MessagesState) -> dict[str, Any]:
        get_stream_writer()({"type": "progress", "id": "p", "done": 1})
        city = interrupt({"question": "Where to?"})
        days = interrupt("How long?")
        return {"messages": [AIMessage(f"{city['name']}, {days + 1} days")]}

    builder: Any = StateGraph(MessagesState)
    graph = builder.add_node("plan", plan).add_edge(START, "plan").compile(checkpointer=InMemorySaver())
    async with conversation(bridged(graph_turn(graph), "langchain")) as talk:
        await ask(talk, "A trip")
        [part] = tools(talk)
        assert (part["type"], part["state"], part["input"]) == (
            "tool-interrupt",
            "input-available",
            {"question": "Where to?"},
        )
        data = parts(talk.device.view.messages[-1], "data-progress")
        assert [(each["id"], each["data"]["done"]) for each in data] == [("p", 1)]
        assert await tell(talk, part["toolCallId"], CODEC.create_tool_result, output={"name": "Rome"}) == "suspended"
        assert tools(talk)[1]["input"] == {"value": "How long?"}
        assert await tell(talk, tools(talk)[1]["toolCallId"], CODEC.create_tool_result, output=2) == "complete"
        texts = [part["text"] for part in parts(talk.device.view.messages[-1])]
        assert texts == ["Rome, 3 days"]
        await ask(talk, "Another")
        assert [part["input"] for part in tools(talk)][-1] == {"question": "Where to?"}


async def test_many_pieces_of_progress_are_data_parts_in_their_order() -> None:
    def work(_: MessagesState) -> dict[str, Any]:
        for done in range(6):
            get_stream_writer()(f"step {done}")
        return {"messages": [AIMessage("Finished.")]}

    builder: Any = StateGraph(MessagesState)
    graph = builder.add_node("work", work).add_edge(START, "work").compile()
    async with conversation(bridged(graph_turn(graph), "langchain")) as talk:
        [message] = await talk.say("go")
        said = [part["data"] for part in parts(message, "data-custom")]
        assert said == [f"step {done}" for done in range(6)]
        assert [part["text"] for part in parts(message)] == ["Finished."]
