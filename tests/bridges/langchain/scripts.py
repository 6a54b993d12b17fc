"""A turn of a LangGraph agent, scripted chunk by chunk as providers send it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic import PrivateAttr


def call(index: int, args: str, id_: str | None = None, name: str | None = None) -> AIMessageChunk:
    """A piece of a tool call; only the first one has an id and a name."""
    return AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args=args, id=id_, index=index)])


def think(text: str) -> AIMessageChunk:
    return AIMessageChunk(content="", additional_kwargs={"reasoning_content": text})


def last(reason: str, used: int, made: int) -> AIMessageChunk:
    return AIMessageChunk(
        content="",
        response_metadata={"finish_reason": reason, "model_name": "m-1"},
        usage_metadata={"input_tokens": used, "output_tokens": made, "total_tokens": used + made},
        chunk_position="last",
    )


CALLING: Final = [
    think("Weather "),
    think("first."),
    AIMessageChunk(content="Let me "),
    AIMessageChunk(content="look."),
    call(0, "", "call-1", "weather"),
    call(1, "", "call-2", "clock"),
    call(0, '{"city":'),
    call(1, '{"zone":'),
    call(0, ' "Lisbon"}'),
    call(1, ' "WET"}'),
    last("tool_calls", 10, 20),
]
ANSWERING: Final = [AIMessageChunk(content="Sunny, "), AIMessageChunk(content="and noon."), last("stop", 30, 5)]
RESULTS: Final = [
    ToolMessage("sunny in Lisbon", tool_call_id="call-1", name="weather"),
    ToolMessage("noon in WET", tool_call_id="call-2", name="clock"),
]


class Scripted(BaseChatModel):
    """Answers each request with the next of its scripts."""

    _scripts: list[Sequence[AIMessageChunk]] = PrivateAttr(default_factory=list)
    _requests: list[list[BaseMessage]] = PrivateAttr(default_factory=list)

    def __init__(self, *scripts: Sequence[AIMessageChunk]) -> None:
        super().__init__()
        self._scripts = list(scripts)

    @property
    def requests(self) -> list[list[BaseMessage]]:
        return self._requests

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        self._requests.append(messages)
        for chunk in self._scripts.pop(0):
            yield ChatGenerationChunk(message=chunk.model_copy(deep=True))


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@tool
def clock(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


def agent(model: Scripted) -> Any:
    """A graph that asks the model until it calls no more tools."""

    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def more(state: MessagesState) -> str:
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else END

    graph = StateGraph(MessagesState)
    graph.add_node("model", ask)
    graph.add_node("tools", ToolNode([weather, clock]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", more)
    graph.add_edge("tools", "model")
    return graph.compile()
