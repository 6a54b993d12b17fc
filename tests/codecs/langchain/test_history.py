"""Earlier turns as a model accepts them, whatever happened to them."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage

from ai_transport_codecs.codecs.langchain import as_history
from tests.codecs.langchain.wire import live, write_all

CALL: Any = {"name": "f", "args": {}, "id": "c1", "type": "tool_call"}
OTHER: Any = {"name": "g", "args": {}, "id": "c2", "type": "tool_call"}
QUESTION = HumanMessage("and now?")


def cut_off(*chunks: AIMessageChunk) -> BaseMessage:
    """What readers hold of an answer whose source went silent."""
    deliveries = write_all(chunks).deliveries
    [message] = live([delivery for delivery in deliveries if "-end" not in str(delivery.extras)]).messages
    assert isinstance(message, AIMessageChunk)
    return message


def test_what_is_fine_stays_as_it_is() -> None:
    messages = [
        HumanMessage("?"),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("r", tool_call_id="c1"),
        AIMessage("a"),
    ]
    history = as_history(messages)
    assert all(kept is message for kept, message in zip(history, messages, strict=True))


def test_a_text_that_was_cut_off_is_kept_as_far_as_it_came() -> None:
    history = as_history([cut_off(AIMessageChunk(content="half an ")), QUESTION])
    assert history == [AIMessage("half an "), QUESTION]
    assert type(history[0]) is AIMessage


def test_half_a_call_is_taken_away() -> None:
    chunk: Any = {"name": "f", "args": '{"a', "id": "c1", "index": 1}
    text = AIMessageChunk(content=[{"type": "text", "text": "Let me", "index": 0}])
    call = AIMessageChunk(
        content=[{"type": "tool_use", "id": "c1", "name": "f", "input": {}, "index": 1}], tool_call_chunks=[chunk]
    )
    assert as_history([cut_off(text, call), QUESTION]) == [
        AIMessage([{"type": "text", "text": "Let me", "index": 0}]),
        QUESTION,
    ]


def test_an_answer_of_which_nothing_is_left_is_left_out() -> None:
    chunk: Any = {"name": "f", "args": '{"a', "id": "c1", "index": 0}
    assert as_history([cut_off(AIMessageChunk(content="", tool_call_chunks=[chunk])), QUESTION]) == [QUESTION]


def test_calls_that_nobody_answered_are_taken_away_once_the_conversation_went_on() -> None:
    message = AIMessage("a", tool_calls=[CALL, OTHER])
    result = ToolMessage("r", tool_call_id="c2")
    assert as_history([message, result, QUESTION]) == [AIMessage("a", tool_calls=[OTHER]), result, QUESTION]
    assert as_history([AIMessage("", tool_calls=[CALL]), QUESTION]) == [QUESTION]
    assert message.tool_calls == [CALL, OTHER], "the message itself was changed"


def test_calls_that_wait_for_their_results_are_kept() -> None:
    messages = [AIMessage("", tool_calls=[CALL, OTHER]), ToolMessage("r", tool_call_id="c2")]
    assert as_history(messages) == messages


def test_invalid_calls_and_raw_calls_are_taken_away_too() -> None:
    message = AIMessage(
        "a",
        invalid_tool_calls=[{"name": "f", "args": "{", "id": "c1", "error": None, "type": "invalid_tool_call"}],
        additional_kwargs={"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{"}}], "x": 1},
    )
    assert as_history([message, QUESTION]) == [AIMessage("a", additional_kwargs={"x": 1}), QUESTION]


def test_other_chunks_become_final_messages() -> None:
    from langchain_core.messages import ToolMessageChunk

    assert as_history([ToolMessageChunk(content="r", tool_call_id="c1")]) == [ToolMessage("r", tool_call_id="c1")]
