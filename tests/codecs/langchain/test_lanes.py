"""Which message a chunk belongs to."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage

from tests.codecs.langchain.wire import live, write_all


def said(text: str, id: str | None = None, **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=text, id=id, **fields)


def last(id: str | None = None) -> AIMessageChunk:
    return AIMessageChunk(content="", id=id, chunk_position="last")


def texts(*items: Any) -> list[str]:
    return [str(message.text) for message in live(write_all(items).deliveries).messages]


def test_the_closing_chunk_has_another_id_and_is_of_the_same_message() -> None:
    [message] = live(write_all([said("a", "own"), said("b", "own"), last("lc_run--1")]).deliveries).messages
    assert message == AIMessage("ab", id="own")


def test_a_providers_id_that_comes_late_is_of_the_same_message() -> None:
    chunks = [said("a", "lc_run--1"), said("b", "own"), said("c", "lc_run--1"), last("lc_run--1")]
    [message] = live(write_all(chunks).deliveries).messages
    assert message == AIMessage("abc", id="own")


def test_chunks_without_ids_are_one_message_until_the_last() -> None:
    assert texts(said("a"), said("b"), last(), said("c"), last()) == ["ab", "c"]


def test_another_id_of_a_provider_begins_another_message() -> None:
    assert texts(said("a", "one"), said("b", "one"), said("c", "two")) == ["ab", "c"]


def test_another_run_begins_another_message() -> None:
    assert texts(said("a", "lc_run--1"), said("b", "lc_run--2")) == ["a", "b"]


def test_two_answers_of_one_stream_may_interleave_by_id() -> None:
    assert texts(said("a", "one"), said("x", "two"), said("b", "one"), said("y", "two")) == ["ab", "xy"]


def test_the_steps_of_an_agent_are_messages_in_order() -> None:
    items = [
        said("calls", "1"),
        last("lc_run--1"),
        ToolMessage("result", tool_call_id="c"),
        said("answers", "2"),
        last(),
    ]
    assert texts(*items) == ["calls", "result", "answers"]


def test_what_follows_the_last_chunk_with_a_known_id_still_belongs_to_it() -> None:
    [message] = live(write_all([said("a", "one"), last("one"), said("b", "one")]).deliveries).messages
    assert message == AIMessage("ab", id="one")


def test_tasks_of_a_graph_do_not_mix_though_their_chunks_have_no_ids() -> None:
    tasks = [{"langgraph_checkpoint_ns": f"node:{n}", "langgraph_node": "node"} for n in range(2)]
    items = [
        (said("a"), tasks[0]),
        (said("x"), tasks[1]),
        (said("b"), tasks[0]),
        (last(), tasks[1]),
        (last(), tasks[0]),
    ]
    assert texts(*items) == ["ab", "x"]


def test_one_recording_replayed_by_two_tasks_at_once_is_two_messages() -> None:
    tasks = [{"langgraph_checkpoint_ns": f"node:{n}"} for n in range(2)]
    assert texts(*[(said(text, "same"), task) for text in ("a", "b") for task in tasks]) == ["ab", "ab"]


def test_a_whole_message_after_its_chunks_states_it_anew() -> None:
    whole = AIMessage("ab", id="one", name="bot", additional_kwargs={"x": 1})
    messages: list[BaseMessage] = live(write_all([said("a", "one"), said("b", "one"), whole]).deliveries).messages
    assert messages == [whole]


def test_whole_messages_are_one_message_each() -> None:
    assert texts(AIMessage("a"), AIMessage("b"), AIMessage("c", id="c")) == ["a", "b", "c"]
