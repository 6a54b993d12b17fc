"""LangChain and LangGraph, through the bridge to UI messages: the turn of which nothing may be lost."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage

from ai_transport_codecs.bridges import UiTranslator, bridged, ui_history
from ai_transport_codecs.codecs.langchain import chain_turn
from tests.bridges.client_rules import check
from tests.bridges.fidelity import METADATA, PARTS
from tests.bridges.langchain.scripts import ANSWERING, CALLING, RESULTS, Scripted, agent, last, think
from tests.bridges.reading import folded
from tests.bridges.stage import conversation, seen_from_everywhere


@pytest.mark.filterwarnings("ignore:The v3 streaming protocol")
@pytest.mark.parametrize("version", ["messages", "v2", "v3"])
async def test_an_agent_that_calls_two_tools_at_once_loses_nothing(version: str) -> None:
    model = Scripted(CALLING, ANSWERING, [AIMessageChunk(content="You are welcome."), last("stop", 1, 1)])
    graph = agent(model)
    stream = {
        "messages": None,
        "v2": lambda value, config: graph.astream_events(value, config, version="v2"),
        "v3": lambda value, config: graph.astream_events(value, config, version="v3"),
    }[version]
    async with conversation(bridged(chain_turn(graph, stream=stream), "langchain")) as talk:
        (message,) = await talk.say("How is Lisbon?")
        assert message["parts"] == PARTS
        assert message.get("metadata") == METADATA
        await talk.say("Thank you.")
    assert shape(model.requests[-1]) == [
        (HumanMessage, "How is Lisbon?", []),
        (AIMessage, "Let me look.", ["call-1", "call-2"]),
        (ToolMessage, "sunny in Lisbon", ["call-1"]),
        (ToolMessage, "noon in WET", ["call-2"]),
        (AIMessage, "Sunny, and noon.", []),
        (HumanMessage, "Thank you.", []),
    ]


def shape(messages: list[BaseMessage]) -> list[tuple[type[BaseMessage], str, list[str | None]]]:
    """Class, text, and the ids of the calls that a message asks for or answers."""
    return [(type(message), message.text, ids(message)) for message in messages]


def ids(message: BaseMessage) -> list[str | None]:
    if isinstance(message, ToolMessage):
        return [message.tool_call_id]
    return [call["id"] for call in message.tool_calls] if isinstance(message, AIMessage) else []


async def test_every_device_sees_the_same_wherever_it_joins() -> None:
    message, others = await seen_from_everywhere([*CALLING, *RESULTS, *ANSWERING], "langchain")
    assert message["parts"] == PARTS
    assert all(other == message for other in others)


def test_each_piece_is_told_as_it_comes() -> None:
    translator = UiTranslator("langchain")
    told = [[chunk["type"] for chunk in translator.translate(item)] for item in CALLING]
    assert told == [
        ["start", "start-step", "reasoning-start", "reasoning-delta"],
        ["reasoning-delta"],
        ["reasoning-end", "text-start", "text-delta"],
        ["text-delta"],
        ["text-end", "tool-input-start"],
        ["tool-input-start"],
        *[["tool-input-delta"]] * 4,
        ["tool-input-available", "tool-input-available"],
    ]


def test_a_call_without_a_result_is_why_the_message_ends() -> None:
    translator = UiTranslator("langchain", dynamic=True)
    chunks = [chunk for item in CALLING for chunk in translator.translate(item)] + translator.finish()
    check(chunks)
    assert chunks[-1]["finishReason"] == "tool-calls"
    assert [part["type"] for part in folded(chunks)["parts"]][3:] == ["dynamic-tool", "dynamic-tool"]


def test_a_whole_message_says_what_a_streamed_one_does() -> None:
    streamed, whole = UiTranslator("langchain"), UiTranslator("langchain")
    summed = CALLING[0].__add__(CALLING[1:])
    items = [AIMessage(**summed.model_dump(include={"content", "tool_calls", "additional_kwargs"}))]
    chunks = [chunk for item in items for chunk in whole.translate(item)] + whole.finish()
    pieces = [chunk for item in CALLING for chunk in streamed.translate(item)] + streamed.finish()
    check(chunks)
    assert folded(chunks)["parts"] == folded(pieces)["parts"]


def test_text_and_reasoning_that_alternate_keep_their_order() -> None:
    items = [think("a"), AIMessageChunk(content="b"), think("c"), AIMessageChunk(content="d"), last("stop", 1, 1)]
    translator = UiTranslator("langchain")
    chunks = [chunk for item in items for chunk in translator.translate(item)] + translator.finish()
    check(chunks)
    assert [(part["type"], part.get("text")) for part in folded(chunks)["parts"]] == [
        ("step-start", None),
        ("reasoning", "a"),
        ("text", "b"),
        ("reasoning", "c"),
        ("text", "d"),
    ]


def test_an_input_that_is_no_json_is_an_error_and_known_as_such_in_the_history() -> None:
    pieces = [
        AIMessageChunk(
            content="",
            tool_call_chunks=[{"type": "tool_call_chunk", "id": "c", "name": "weather", "args": text, "index": 0}],
        )
        for text in ["Lis", "bon"]
    ]
    translator = UiTranslator("langchain")
    chunks = [c for item in [*pieces, last("stop", 1, 1)] for c in translator.translate(item)] + translator.finish()
    check(chunks)
    message = folded(chunks)
    part = message["parts"][-1]
    assert (part["state"], part["input"]) == ("output-error", "Lisbon")  # type: ignore[typeddict-item]
    assert part["errorText"] == "The tool's input is no valid JSON."  # type: ignore[typeddict-item]
    answer, result = ui_history([message], "langchain")
    assert [(call["id"], call["args"]) for call in answer.invalid_tool_calls] == [("c", "Lisbon")]
    assert (result.tool_call_id, result.status) == ("c", "error")


def test_reasoning_goes_back_when_it_is_asked_for() -> None:
    translator = UiTranslator("langchain")
    chunks = [c for item in [think("hm"), *ANSWERING] for c in translator.translate(item)] + translator.finish()
    (without,) = ui_history([folded(chunks)], "langchain")
    (with_it,) = ui_history([folded(chunks)], "langchain", reasoning=True)
    assert without.content == "Sunny, and noon."
    assert with_it.content_blocks[0] == {"type": "reasoning", "reasoning": "hm"}


def test_what_a_page_shows_beside_the_conversation_is_not_sent_to_the_model() -> None:
    shown: Any = [
        {"role": "user", "parts": [{"type": "text", "text": "Hi"}, {"type": "data-place", "data": {"lat": 1}}]},
        {
            "role": "assistant",
            "parts": [{"type": "data-progress", "id": "p", "data": 1}, {"type": "text", "text": "Yo"}],
        },
        {"role": "assistant", "parts": [{"type": "data-progress", "data": 2}]},
    ]
    lost: list[tuple[int | None, str]] = []
    found = ui_history(shown, "langchain", on_loss=lambda loss: lost.append((loss.message, loss.what)))
    assert [(type(message), message.content) for message in found] == [(HumanMessage, "Hi"), (AIMessage, "Yo")]
    assert lost == [(0, "data"), (1, "data"), (2, "data")]
