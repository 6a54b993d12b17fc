"""LangGraph's agents, through each surface that streams them: the same messages, in order, fit for the next turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import convert_to_messages, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph

from ai_transport_codecs.codecs.langchain import as_history
from tests.codecs.langchain.replay import chunks_of, replayed
from tests.codecs.langchain.wire import Reader, live, write_all

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


class ScriptedModel(BaseChatModel):
    """Streams the next of its answers each time, by how many of them the conversation has already."""

    answers: list[list[AIMessageChunk]]
    heard: list[Any] = []  # noqa: RUF012  # pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        self.heard.append(messages)
        turn = sum(isinstance(message, AIMessage) for message in messages)
        return [chunk.model_copy(deep=True) for chunk in self.answers[turn]]

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        first, *rest = self._chunks(messages)
        return ChatResult(generations=[ChatGeneration(message=message_chunk_to_message(first + rest))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._chunks(messages):
            await asyncio.sleep(0)
            yield ChatGenerationChunk(message=chunk)


def said(content: str = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, **fields)


def calls(*arguments: str, name: str = "weather") -> list[AIMessageChunk]:
    """Parallel calls whose arguments come in two interleaved pieces."""
    opened = [{"name": name, "args": "", "id": f"call-{n}", "index": n} for n in range(len(arguments))]
    halves = [[text[:4] for text in arguments], [text[4:] for text in arguments]]
    return [
        said(tool_call_chunks=opened),
        *(
            said(tool_call_chunks=[{"name": None, "args": text, "id": None, "index": n}])
            for half in halves
            for n, text in enumerate(half)
        ),
    ]


USAGE: Final[Any] = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


@tool(response_format="content_and_artifact")
def weather(city: str) -> tuple[str, dict[str, str]]:
    """The weather in a city."""
    get_stream_writer()({"looking": city})
    return f"sunny in {city}", {"city": city}


def agent(*answers: list[AIMessageChunk]) -> Any:
    return create_agent(ScriptedModel(answers=list(answers)), [weather])


def as_messages(graph: Any, value: Any) -> Any:
    return graph.astream(value, stream_mode="messages")


def as_messages_among_others(graph: Any, value: Any) -> Any:
    return graph.astream(value, stream_mode=["updates", "messages", "values"], subgraphs=True)


def as_v2_events(graph: Any, value: Any) -> Any:
    return graph.astream_events(value, version="v2")


async def as_v3_events(graph: Any, value: Any) -> AsyncIterator[Any]:
    async for event in await graph.astream_events(value, version="v3"):
        yield event


SURFACES: Final[list[Callable[[Any, Any], Any]]] = [as_messages, as_messages_among_others, as_v2_events, as_v3_events]
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.__name__)


async def streamed(surface: Any, graph: Any, value: Any = None) -> list[BaseMessage]:
    """The messages that readers hold, live and from history."""
    items = [item async for item in surface(graph, value or {"messages": [HumanMessage("?")]})]
    deliveries = write_all(items).deliveries
    messages = live(deliveries).messages
    assert Reader().read(deliveries).projection.messages == messages
    return messages


def comparable(messages: list[BaseMessage]) -> list[dict[str, Any]]:
    """Without what differs between surfaces: ids, an agent's name, and the shape of v3's content."""
    found = []
    for message in messages:
        fields = message.model_dump(exclude={"id", "response_metadata", "content"})
        if isinstance(message, AIMessage):
            fields.pop("name")
        found.append({**fields, "text": str(message.text)})
    return found


async def final(graph: Any) -> list[BaseMessage]:
    """What the graph itself holds in the end, without the question."""
    state = await graph.ainvoke({"messages": [HumanMessage("?")]})
    found: list[BaseMessage] = state["messages"][1:]
    return found


@EACH_SURFACE
async def test_an_agents_loop_gives_answer_results_answer(surface: Any) -> None:
    graph = agent(
        calls('{"city": "Paris"}', '{"city": "Rome"}'),
        [said("It is "), said("sunny.", usage_metadata=USAGE)],
    )
    messages = await streamed(surface, graph)
    assert [type(message) for message in messages] == [AIMessage, ToolMessage, ToolMessage, AIMessage]
    by_call = sorted(messages[1:3], key=lambda message: str(message.content), reverse=True)
    expected = await final(graph)
    expected_results = sorted(expected[1:3], key=lambda message: str(message.content), reverse=True)
    assert comparable([messages[0], *by_call, messages[3]]) == comparable([expected[0], *expected_results, expected[3]])


@EACH_SURFACE
async def test_the_messages_are_accepted_as_the_next_turns_history(surface: Any) -> None:
    graph = agent(calls('{"city": "Paris"}'), [said("Sunny.")], [said("You are welcome.")])
    question = HumanMessage("?", id="q")
    messages = await streamed(surface, graph, {"messages": [question]})
    history = [question, *as_history(messages), HumanMessage("Thanks", id="t")]
    assert convert_to_messages(history) == history
    [answer] = await streamed(surface, graph, {"messages": history})
    assert answer.text == "You are welcome."


@EACH_SURFACE
async def test_what_a_graph_makes_of_a_tools_error_is_what_readers_get(surface: Any) -> None:
    graph = agent(calls('{"town": "?"}'), [said("Sorry.")])
    messages = await streamed(surface, graph)
    assert comparable(messages) == comparable(await final(graph))
    assert isinstance(messages[1], ToolMessage)
    assert messages[1].status == "error"
    assert "Please fix" in str(messages[1].content)


@EACH_SURFACE
async def test_a_call_of_a_tool_that_does_not_exist_is_answered(surface: Any) -> None:
    graph = agent(calls("{}", name="nothing"), [said("Sorry.")])
    messages = await streamed(surface, graph)
    assert comparable(messages) == comparable(await final(graph))
    assert "not a valid tool" in str(messages[1].content)


@EACH_SURFACE
async def test_history_that_a_graph_starts_from_is_not_said_again(surface: Any) -> None:
    graph = agent(calls('{"city": "Paris"}'), [said("Sunny.")])
    before = [
        HumanMessage("before", id="h"),
        ToolMessage("an older result", tool_call_id="call-0", id="t"),
        HumanMessage("?", id="q"),
    ]
    messages = await streamed(surface, graph, {"messages": before})
    assert [str(message.text) for message in messages] == ["", "sunny in Paris", "Sunny."]


@EACH_SURFACE
async def test_messages_that_a_node_makes_itself_are_said_once(surface: Any) -> None:
    model = ScriptedModel(answers=[[said("from "), said("a model")]])

    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def note(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("by hand", id="n")]}

    hand: Any = StateGraph(MessagesState)
    inner = hand.add_node("note", note).add_edge(START, "note").add_edge("note", END).compile()
    graph: Any = StateGraph(MessagesState)
    graph.add_node("ask", ask).add_node("inner", inner)
    graph.add_edge(START, "ask").add_edge("ask", "inner").add_edge("inner", END)
    messages = await streamed(surface, graph.compile())
    assert [str(message.text) for message in messages] == ["from a model", "by hand"]


@EACH_SURFACE
async def test_models_that_answer_at_once_do_not_mix(surface: Any) -> None:
    models = {name: ScriptedModel(answers=[[said(f"{name}{n} ") for n in range(4)]]) for name in "ab"}

    def node(name: str) -> Any:
        async def ask(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await models[name].ainvoke(state["messages"])]}

        return ask

    graph: Any = StateGraph(MessagesState)
    for name in models:
        graph.add_node(name, node(name)).add_edge(START, name).add_edge(name, END)
    messages = await streamed(surface, graph.compile())
    assert sorted(str(message.text) for message in messages) == ["a0 a1 a2 a3 ", "b0 b1 b2 b3 "]


async def test_a_tools_words_come_as_it_says_them() -> None:
    def tools_event(**data: Any) -> dict[str, Any]:
        return {"type": "event", "method": "tools", "params": {"namespace": [], "data": data}}

    events = [
        tools_event(event="tool-started", tool_call_id="c", tool_name="f"),
        tools_event(event="tool-output-delta", tool_call_id="c", delta="half "),
        tools_event(event="tool-output-delta", tool_call_id="c", delta={"no": "text"}),
        tools_event(event="tool-output-delta", tool_call_id="c", delta="and "),
    ]
    [unfinished] = live(write_all(events).deliveries[:-2]).messages
    assert unfinished.text == "half and "
    done = ToolMessage("half and half", tool_call_id="c", name="f", artifact=[1])
    log = write_all([*events, tools_event(event="tool-finished", tool_call_id="c", output=done)])
    assert live(log.deliveries).messages == [done]
    assert "".join(str(delivery.data) for delivery in log.deliveries if delivery.name is None) == "half and half"
    other = ToolMessage("something else", tool_call_id="c")
    events.append(tools_event(event="tool-finished", tool_call_id="c", output=other))
    assert live(write_all(events).deliveries).messages == [other]


async def test_models_that_are_told_not_to_stream_are_silent() -> None:
    quiet = ScriptedModel(answers=[[said("thoughts")]]).with_config(tags=["nostream"])
    graph: Any = StateGraph(MessagesState)

    async def think(state: MessagesState) -> dict[str, Any]:
        await quiet.ainvoke(state["messages"])
        return {}

    graph = graph.add_node("think", think).add_edge(START, "think").add_edge("think", END).compile()
    for surface in SURFACES:
        assert await streamed(surface, graph) == []


async def test_v2_events_of_a_chain_without_a_chat_model_give_its_output() -> None:
    from langchain_core.language_models import FakeStreamingListLLM
    from langchain_core.runnables import RunnableLambda

    async def said_by(chain: Any) -> list[str]:
        items = [item async for item in chain.astream_events("?", version="v2")]
        return [str(message.text) for message in live(write_all(items).deliveries).messages]

    assert await said_by(RunnableLambda(lambda _: "made by hand")) == ["made by hand"]
    assert await said_by(RunnableLambda(lambda _: AIMessage("a message"))) == ["a message"]
    assert await said_by(FakeStreamingListLLM(responses=["a text"])) == ["a text"]
    assert await said_by(RunnableLambda(lambda _: 7)) == []


RECORDED = Path(__file__).parents[2] / "recordings/langchain_openai-1.7.4/responses--test-agent-loop-streaming--1.sse"


@EACH_SURFACE
async def test_a_recorded_answer_through_a_graph_is_the_same_message(surface: Any) -> None:
    chunks: Any = await chunks_of(RECORDED)
    async with replayed(RECORDED) as model:
        [message] = await streamed(surface, create_agent(model, []))
    assert message.text == "".join(chunk.text for chunk in chunks)
    assert isinstance(message, AIMessage)
    assert message.usage_metadata == chunks[-1].usage_metadata
