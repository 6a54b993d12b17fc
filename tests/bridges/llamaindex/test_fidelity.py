"""LlamaIndex, through the bridge to UI messages."""

from __future__ import annotations

from typing import Any, Final

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import FunctionTool

from ai_transport_codecs.bridges import UiTranslator, bridged
from ai_transport_codecs.codecs.llamaindex import agent_turn, llm_turn
from tests.bridges.client_rules import check
from tests.bridges.fidelity import PARTS
from tests.bridges.reading import folded
from tests.bridges.stage import conversation, seen_from_everywhere
from tests.codecs.llamaindex.models import Piece, ScriptedLLM, responses


def raw(reason: str, used: int, made: int) -> dict[str, Any]:
    usage = {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}
    return {"model": "m-1", "usage": usage, "choices": [{"finish_reason": reason}]}


CALLING: Final = [
    Piece(thinking="Weather "),
    Piece(thinking="first."),
    Piece("Let me "),
    Piece("look."),
    Piece(call="weather-1"),
    Piece(call="clock-2"),
    Piece(call="weather-1", args='{"city":'),
    Piece(call="clock-2", args='{"zone":'),
    Piece(call="weather-1", args=' "Lisbon"}'),
    Piece(call="clock-2", args=' "WET"}', raw=raw("tool_calls", 10, 20)),
]
ANSWERING: Final = [Piece("Sunny, "), Piece("and noon.", raw=raw("stop", 30, 5))]
IDS: Final = {"call-1": "weather-1", "call-2": "clock-2"}
EXPECTED: Final = [
    {**part, "toolCallId": IDS[str(part["toolCallId"])]} if "toolCallId" in part else part for part in PARTS
]
METADATA: Final = {
    "model": "m-1",
    "finishReason": "stop",
    "usage": {"inputTokens": 40, "outputTokens": 25, "totalTokens": 65},
}


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def clock(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


async def events() -> list[Any]:
    """What an agent streams in that turn."""
    handler = agent(ScriptedLLM(CALLING, ANSWERING)).run(user_msg="How is Lisbon?")
    found = [event async for event in handler.stream_events()]
    await handler
    return found


def agent(llm: ScriptedLLM) -> AgentWorkflow:
    tools: list[Any] = [FunctionTool.from_defaults(fn=function) for function in (weather, clock)]
    return AgentWorkflow(agents=[FunctionAgent(name="a", tools=tools, llm=llm)])


async def test_an_agent_that_calls_two_tools_at_once_loses_nothing() -> None:
    llm = ScriptedLLM(CALLING, ANSWERING, [Piece("You are welcome.")])
    async with conversation(bridged(agent_turn(lambda: agent(llm)), "llamaindex")) as talk:
        (message,) = await talk.say("How is Lisbon?")
        assert message["parts"] == EXPECTED
        assert message.get("metadata") == METADATA
        await talk.say("Thank you.")
    assert [each.role.value for each in llm.requests[-1]] == ["user", "assistant", "tool", "tool", "assistant", "user"]


async def test_every_device_sees_the_same_wherever_it_joins() -> None:
    message, others = await seen_from_everywhere(await events(), "llamaindex")
    assert message["parts"] == EXPECTED
    assert all(other == message for other in others)


async def test_an_llm_alone_says_its_answer() -> None:
    async with conversation(bridged(llm_turn(ScriptedLLM(ANSWERING)), "llamaindex")) as talk:
        (message,) = await talk.say("How is Lisbon?")
    assert message["parts"] == [{"type": "step-start"}, {"type": "text", "text": "Sunny, and noon."}]


def test_sources_are_shown_by_title_and_address() -> None:
    chat_ui = pytest.importorskip("llama_index.core.chat_ui.events")  # not in the oldest version
    nodes = [
        NodeWithScore(node=TextNode(text="t", id_="n1", metadata={"url": "https://a.example/", "title": "A"})),
        NodeWithScore(node=TextNode(text="t", id_="n2", metadata={"file_name": "b.pdf"})),
    ]
    translator = UiTranslator("llamaindex")
    items = [*responses(ANSWERING), chat_ui.SourceNodesEvent(nodes=nodes)]
    chunks = [chunk for item in items for chunk in translator.translate(item)] + translator.finish()
    check(chunks)
    assert [part for part in folded(chunks)["parts"] if part["type"].startswith("source")] == [
        {"type": "source-url", "sourceId": "n1", "url": "https://a.example/", "title": "A"},
        {
            "type": "source-document",
            "sourceId": "n2",
            "mediaType": "text/plain",
            "title": "b.pdf",
            "filename": "b.pdf",
        },
    ]
