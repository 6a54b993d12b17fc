"""Existing chains, unchanged, as turn handlers over a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

from ai_transport_codecs import AgentSession, ClientSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codecs.langchain import chain_turn
from tests.codecs.langchain.test_agents import agent, calls, said

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")

PROMPT = ChatPromptTemplate([("system", "Be brief."), MessagesPlaceholder("history"), ("human", "{question}")])


def model(*answers: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter(map(AIMessage, answers)))


@asynccontextmanager
async def conversation(handler: Any) -> AsyncIterator[ClientSession[BaseMessage]]:
    hub = MemoryHub()
    async with AgentSession[BaseMessage](hub.client("agent"), "chat", codec="langchain") as session:
        serving = asyncio.create_task(session.serve(handler))
        async with ClientSession[BaseMessage](hub.client("alice"), "chat", codec="langchain") as device:
            yield device
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def say(session: ClientSession[BaseMessage], text: str) -> list[BaseMessage]:
    turn = await session.view.send(text)
    await turn.wait()
    if turn.error is not None:
        raise turn.error
    return turn.messages


@pytest.mark.parametrize(
    "chain",
    [model("one", "two"), PROMPT | model("one", "two"), PROMPT | model("one", "two") | StrOutputParser()],
    ids=["model", "prompt and model", "prompt, model and parser"],
)
async def test_a_chain_answers_turn_after_turn(chain: Runnable[Any, Any]) -> None:
    async with conversation(chain_turn(chain)) as session:
        assert [message.text for message in await say(session, "first")] == ["one"]
        assert [message.text for message in await say(session, "second")] == ["two"]
        assert [message.text for message in session.view.messages] == ["first", "one", "second", "two"]


async def test_the_chain_gets_the_conversation_so_far() -> None:
    seen: list[Any] = []

    def look(value: Any) -> Any:
        seen.append(value.to_messages())
        return value

    async with conversation(chain_turn(PROMPT | RunnableLambda(look) | model("one", "two"))) as session:
        await say(session, "first")
        await say(session, "second")
    assert [(type(message), message.text) for message in seen[1][1:]] == [
        (HumanMessage, "first"),
        (AIMessage, "one"),
        (HumanMessage, "second"),
    ]


async def test_an_input_mapping_may_be_asynchronous_and_config_may_be_made_from_the_run() -> None:
    seen: list[Any] = []

    async def look_up(messages: list[BaseMessage]) -> dict[str, str]:
        await asyncio.sleep(0)
        return {"a": messages[-1].text, "b": "context"}

    def note(value: Any, config: Any) -> Any:
        seen.append((value.to_string(), config["metadata"]["run"]))
        return value

    chain = PromptTemplate.from_template("{a} in {b}") | RunnableLambda(note) | model("fine")
    handler = chain_turn(chain, input=look_up, config=lambda run: {"metadata": {"run": run.run_id}})
    async with conversation(handler) as session:
        await say(session, "question")
        assert seen == [("question in context", session.view.runs()[0].run_id)]


@pytest.mark.parametrize("version", ["messages", "v2", "v3"])
async def test_an_agent_streams_its_calls_and_their_results(version: str) -> None:
    graph = agent(calls('{"city": "Lisbon"}'), [said("Take "), said("sunglasses")])
    stream = {
        "messages": None,
        "v2": lambda value, config: graph.astream_events(value, config, version="v2"),
        "v3": lambda value, config: graph.astream_events(value, config, version="v3"),
    }[version]
    async with conversation(chain_turn(graph, stream=stream)) as session:
        asked, result, answer = await say(session, "Lisbon?")
    assert isinstance(asked, AIMessage)
    assert [(each["name"], each["args"]) for each in asked.tool_calls] == [("weather", {"city": "Lisbon"})]
    assert isinstance(result, ToolMessage)
    assert result.tool_call_id == asked.tool_calls[0]["id"]
    assert "Lisbon" in result.text
    assert answer.text == "Take sunglasses"


async def test_a_chain_that_raises_ends_the_run_with_its_error_and_keeps_what_was_said() -> None:
    async def fail_later(_: Any) -> AsyncIterator[str]:
        yield "so far "
        raise ValueError("the provider hung up")

    async with conversation(chain_turn(RunnableLambda(fail_later))) as session:
        turn = await session.view.send("hello")
        await turn.wait()
        assert turn.status == "error"
        assert turn.error is not None
        assert "the provider hung up" in str(turn.error)
        assert [message.text for message in turn.messages] == ["so far "]


async def test_a_chain_that_yields_something_else_says_what_to_stream() -> None:
    async def numbers(_: Any) -> AsyncIterator[int]:
        yield 42

    async with conversation(chain_turn(RunnableLambda(numbers))) as session:
        turn = await session.view.send("hello")
        await turn.wait()
        assert turn.error is not None
        assert "codec 'langchain' cannot carry an item of type int as output, 42; stream messages" in str(turn.error)


def test_a_prompt_whose_variables_are_ambiguous_is_refused_at_once() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"variables a, b, which is ambiguous; pass chain_turn\(..., input=...\)"
    ):
        chain_turn(ChatPromptTemplate([("human", "{a} {b}")]) | model("x"))
