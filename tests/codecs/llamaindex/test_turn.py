"""Existing LLMs, chat engines and agents, unchanged, as turn handlers over a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ImageBlock, TextBlock, ToolCallBlock
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.chat_engine import ContextChatEngine, SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import (
    Context,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

from ai_transport_codecs import AgentSession, ClientSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codecs.llamaindex import agent_turn, chat_engine_turn, llm_turn
from tests.codecs.llamaindex.models import CompletionLLM, Piece, ScriptedLLM, dynamic
from tests.codecs.llamaindex.test_agents import ANSWER, CALL, weather
from tests.codecs.llamaindex.test_engines import NODES, Retriever


@asynccontextmanager
async def conversation(handler: Any) -> AsyncIterator[ClientSession[ChatMessage]]:
    hub = MemoryHub()
    async with AgentSession[ChatMessage](hub.client("agent"), "chat", codec="llamaindex") as session:
        serving = asyncio.create_task(session.serve(handler))
        async with ClientSession[ChatMessage](hub.client("alice"), "chat", codec="llamaindex") as device:
            yield device
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def say(session: ClientSession[ChatMessage], said: Any) -> list[ChatMessage]:
    turn = await session.view.send(said)
    await turn.wait()
    if turn.error is not None:
        raise turn.error
    return turn.messages


def contents(messages: Sequence[ChatMessage]) -> list[str | None]:
    return [message.content for message in messages]


async def test_a_model_answers_turn_after_turn_and_gets_the_conversation_so_far() -> None:
    llm = ScriptedLLM([Piece("o"), Piece("ne")], [Piece("two")])
    async with conversation(llm_turn(llm)) as session:
        assert contents(await say(session, "first")) == ["one"]
        assert contents(await say(session, "second")) == ["two"]
        assert contents(session.view.messages) == ["first", "one", "second", "two"]
    assert contents(llm.requests[1]) == ["first", "one", "second"]


async def test_a_picture_reaches_the_model() -> None:
    picture = ChatMessage([TextBlock(text="What is this?"), ImageBlock(image=b"\x89PNG\r\n\x1a\nxx")])
    llm = ScriptedLLM(ANSWER)
    async with conversation(llm_turn(llm)) as session:
        await say(session, picture)
        assert session.view.messages[0] == picture
    assert llm.requests == [[picture]]


async def test_an_input_mapping_may_be_asynchronous() -> None:
    async def brief(messages: list[ChatMessage]) -> list[ChatMessage]:
        await asyncio.sleep(0)
        return [ChatMessage("Be brief.", role="system"), *messages]

    llm = ScriptedLLM(ANSWER)
    async with conversation(llm_turn(llm, input=brief)) as session:
        await say(session, "hi")
    assert contents(llm.requests[0]) == ["Be brief.", "hi"]


async def test_a_model_may_ask_for_tools() -> None:
    async with conversation(llm_turn(ScriptedLLM(CALL), tools=[FunctionTool.from_defaults(weather)])) as session:
        [message] = await say(session, "Lisbon?")
    assert isinstance(message.blocks[-1], ToolCallBlock)


def test_what_cannot_work_is_refused_at_once() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"to a CompletionLLM, which calls no functions; use agent_turn\(ReAct"
    ):
        llm_turn(CompletionLLM(), tools=[weather])
    with pytest.raises(InvalidArgumentError, match="llm_turn takes a LlamaIndex LLM, not a str"):
        llm_turn("gpt")  # type: ignore[arg-type]


async def test_an_engine_answers_turn_after_turn_with_the_conversation_as_its_memory() -> None:
    llm = ScriptedLLM(ANSWER, [Piece("Yes ")])
    engine = SimpleChatEngine.from_defaults(llm=llm, memory=ChatMemoryBuffer.from_defaults())
    async with conversation(chat_engine_turn(engine)) as session:
        assert contents(await say(session, "Lisbon?")) == ["It is sunny"]
        assert contents(await say(session, "Sure?")) == ["Yes"]
    assert contents(llm.requests[1]) == ["Lisbon?", "It is sunny", "Sure?"]


async def test_an_engine_may_be_made_for_each_turn_and_says_its_sources() -> None:
    def make() -> ContextChatEngine:
        memory = ChatMemoryBuffer.from_defaults()
        return ContextChatEngine(retriever=Retriever(), llm=ScriptedLLM(ANSWER), memory=memory, prefix_messages=[])

    async with conversation(chat_engine_turn(make)) as session:
        await say(session, "Lisbon?")
        await say(session, "Lisbon?")
        for run in session.view.runs():
            held = session.tree.node(run.run_id)
            assert held is not None
            assert [node.text for node in held.projection.sources()] == [NODES[0].text]


async def test_an_agent_answers_turn_after_turn() -> None:
    llm = ScriptedLLM(CALL, ANSWER, [Piece("Yes")])
    async with conversation(agent_turn(FunctionAgent(tools=[weather], llm=llm))) as session:
        assert contents(await say(session, "Lisbon?")) == ["Let me look", "Sunny in Lisbon", "It is sunny"]
        assert contents(await say(session, "Sure?")) == ["Yes"]
    assert contents(llm.requests[2]) == ["Lisbon?", "Let me look", "Sunny in Lisbon", "It is sunny", "Sure?"]


async def test_an_agent_may_be_made_for_each_turn_and_get_arguments_of_ones_own() -> None:
    llm = ScriptedLLM(ANSWER)
    handler = agent_turn(
        lambda: AgentWorkflow(agents=[FunctionAgent(name="a", tools=[], llm=llm)]),
        input=lambda messages: {"user_msg": f"{len(messages)}: {messages[-1].content}"},
    )
    async with conversation(handler) as session:
        await say(session, "hi")
    assert contents(llm.requests[0]) == ["1: hi"]


class Asks(Workflow):
    """A workflow that wants a human's word."""

    @step
    async def begin(self, ev: StartEvent) -> InputRequiredEvent:
        return dynamic(InputRequiredEvent, prefix="Really?")

    @step
    async def end(self, ctx: Context, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=f"You said {ev.response}")


async def test_a_request_for_human_input_may_be_answered_by_the_handler() -> None:
    async def human(run: Any, event: InputRequiredEvent) -> HumanResponseEvent:
        return dynamic(HumanResponseEvent, response=f"yes to {event.prefix}")

    async with conversation(agent_turn(Asks(), human=human)) as session:
        assert contents(await say(session, "go")) == ["You said yes to Really?"]


async def test_a_workflow_that_fails_ends_the_turn_with_its_error() -> None:
    class Fails(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise ValueError("the provider hung up")

    async with conversation(agent_turn(Fails())) as session:
        turn = await session.view.send("go")
        await turn.wait()
        assert turn.status == "error"
        assert "the provider hung up" in str(turn.error)


class Waiting(ScriptedLLM):
    """Says its script, and then nothing more until it is closed."""

    _is_closed: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    @property
    def is_closed(self) -> asyncio.Event:
        return self._is_closed

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        given = await super().astream_chat(messages, **kwargs)

        async def answer() -> AsyncIterator[ChatResponse]:
            try:
                async for response in given:
                    yield response
                await asyncio.Event().wait()
            finally:
                self._is_closed.set()

        return answer()


@pytest.mark.parametrize("source", ["llm", "engine", "agent"])
async def test_cancelling_a_turn_closes_the_model(source: str) -> None:
    scripted: Any = Waiting
    llm = scripted([Piece("It "), Piece("goes ")])
    handler = {
        "llm": lambda: llm_turn(llm),
        "engine": lambda: chat_engine_turn(
            SimpleChatEngine.from_defaults(llm=llm, memory=ChatMemoryBuffer.from_defaults())
        ),
        "agent": lambda: agent_turn(FunctionAgent(tools=[], llm=llm)),
    }[source]()
    async with conversation(handler) as session:
        turn = await session.view.send("go on")
        async for message in turn.stream():
            if message.content == "It goes ":
                await turn.cancel()
        await turn.wait()
        assert turn.status == "cancelled"
        assert contents(turn.messages) == ["It goes "]
        await llm.is_closed.wait()
