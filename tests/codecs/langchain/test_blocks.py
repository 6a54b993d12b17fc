"""v3 content-block events: readers hold what LangChain's own stream assembles, and what it would lose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from langchain_core.language_models._compat_bridge import chunks_to_events
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import ValidationError

from tests.codecs.langchain.test_properties import streams
from tests.codecs.langchain.wire import joined, live, write_all


def assembled(events: Sequence[Any]) -> AIMessage:
    """What LangChain's own stream makes of the events."""
    stream = ChatModelStream()
    for event in events:
        stream.dispatch(event)
    message = stream.output_message
    assert message is not None
    return message


def received(events: Sequence[Any]) -> BaseMessage:
    deliveries = write_all(events).deliveries
    [message] = live(deliveries).messages
    for position in range(len(deliveries) + 1):
        assert joined(deliveries, position).messages == [message]
    return message


def start(**fields: Any) -> dict[str, Any]:
    return {"event": "message-start", "role": "ai", "id": "lc_run--1", **fields}


def block_start(at: int, /, **content: Any) -> dict[str, Any]:
    return {"event": "content-block-start", "index": at, "content": content}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"event": "content-block-delta", "index": index, "delta": {"type": kind, **fields}}


def block_finish(at: int, /, **content: Any) -> dict[str, Any]:
    return {"event": "content-block-finish", "index": at, "content": content}


def finish(**fields: Any) -> dict[str, Any]:
    return {"event": "message-finish", **fields}


TEXT = [
    block_start(0, type="text", text=""),
    delta(0, "text-delta", text="Hel"),
    delta(0, "text-delta", text="lo"),
    block_finish(0, type="text", text="Hello", annotations=[{"type": "citation", "url": "u"}]),
]
CALL = [
    block_start(1, type="tool_call_chunk", id="c", name="f", args="", index=0),
    delta(1, "tool-call-delta", args='{"a"'),
    delta(1, "tool-call-delta", args=": 1}"),
    block_finish(1, type="tool_call", id="c", name="f", args={"a": 1}),
]
OPEN = block_start(1, type="tool_call_chunk", id=None, name="f", args="")
STREAMS = {
    "text": [start(), *TEXT, finish(usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})],
    "text and a call": [start(), *TEXT, *CALL, finish()],
    "metadata that the protocol does not name": [
        start(metadata={"provider": "p", "model": "m"}),
        *TEXT,
        finish(metadata={"finish_reason": "stop", "model_name": "m2"}, additional_kwargs={"x": [1]}),
    ],
    "reasoning with a signature": [
        start(),
        block_start(0, type="reasoning", reasoning=""),
        delta(0, "reasoning-delta", reasoning="hm"),
        block_finish(0, type="reasoning", reasoning="hm", extras={"signature": "S"}),
        finish(),
    ],
    "reasoning without any text": [
        start(),
        block_start(0, type="reasoning", reasoning="", id="r"),
        block_finish(0, type="reasoning", id="r"),
        finish(),
    ],
    "an empty text": [start(), block_start(0, type="text", text=""), block_finish(0, type="text", text=""), finish()],
    "a text that only its finish tells": [start(), block_finish(0, type="text", text="whole"), finish()],
    "a text that its finish completes": [start(), *TEXT[:3], block_finish(0, type="text", text="Hello!"), finish()],
    "a text that its finish replaces": [start(), *TEXT[:3], block_finish(0, type="text", text="Bye"), finish()],
    "a call without arguments": [
        start(),
        block_start(0, type="tool_call_chunk", id="c", name="f", args=""),
        block_finish(0, type="tool_call", id="c", name="f", args={}),
        finish(),
    ],
    "a call that is no JSON": [
        start(),
        block_start(0, type="tool_call_chunk", id="c", name="f", args=""),
        delta(0, "tool-call-delta", args="{oops"),
        block_finish(0, type="invalid_tool_call", id="c", name="f", args="{oops", error="Failed to parse"),
        finish(),
    ],
    "a call whose arguments its finish corrects": [
        start(),
        *CALL[:3],
        block_finish(1, type="tool_call", id="c2", name="g", args={"b": 2}, extras={"x": 1}),
        finish(),
    ],
    "a call that never finishes": [start(), OPEN, *CALL[1:3], finish()],
    "a call that never finishes and is no JSON": [start(), OPEN, *CALL[1:2], finish()],
    "a call that never finishes and has no arguments": [start(), OPEN, finish()],
    "a call whose start was missed": [start(), *CALL[1:], finish()],
    "a call whose start has arguments": [
        start(),
        block_start(0, type="tool_call_chunk", id="c", name="f", args='{"a"'),
        delta(0, "tool-call-delta", args=": 1}"),
        block_finish(0, type="tool_call", id="c", name="f", args={"a": 1}),
        finish(),
    ],
    "a server's call and its result": [
        start(),
        block_start(0, type="server_tool_call_chunk", id="s", name="search", args=""),
        delta(0, "tool-call-delta", args='{"q": "x"}'),
        block_finish(0, type="server_tool_call", id="s", name="search", args={"q": "x"}),
        block_start(1, type="server_tool_result", tool_call_id="s", status="success"),
        block_finish(1, type="server_tool_result", tool_call_id="s", status="success", output=[{"url": "u"}]),
        finish(),
    ],
    "an image": [
        start(),
        block_start(0, type="image", mime_type="image/png"),
        delta(0, "data-delta", data="AAAA", encoding="base64"),
        block_finish(0, type="image", mime_type="image/png", base64="AAAA"),
        finish(),
    ],
    "snapshots of older versions": [
        start(),
        block_start(0, type="tool_call_chunk", id="c", name="f", args=""),
        delta(0, "block-delta", fields={"type": "tool_call_chunk", "args": '{"a"'}),
        delta(0, "block-delta", fields={"type": "tool_call_chunk", "args": '{"a": 1}', "name": "g"}),
        block_finish(0, type="tool_call", id="c", name="g", args={"a": 1}),
        finish(),
    ],
    "blocks that interleave": [
        start(),
        TEXT[0],
        CALL[0],
        TEXT[1],
        CALL[1],
        TEXT[2],
        CALL[2],
        TEXT[3],
        CALL[3],
        finish(),
    ],
    "deltas of a novel kind": [start(), *TEXT[:3], delta(0, "novel-delta", x=1), TEXT[3], finish()],
    "nothing": [start(), finish()],
}


@pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS.keys())
def test_readers_hold_what_langchain_assembles(events: list[Any]) -> None:
    assert received(events) == assembled(events)


def keeps_blocks_apart(chunks: list[AIMessageChunk]) -> bool:
    """Whether no index means two blocks, which LangChain's events of the chunks would make one of."""
    return all(isinstance(chunk.content, str) for chunk in chunks)


@given(streams().filter(keeps_blocks_apart))
def test_readers_hold_what_langchain_assembles_from_any_chunks(chunks: list[AIMessageChunk]) -> None:
    generations = iter([ChatGenerationChunk(message=chunk) for chunk in chunks])
    events: list[Any] = list(chunks_to_events(generations, message_id="lc_run--1"))
    deliveries = write_all(events).deliveries
    try:
        expected = assembled(events)
    except ValidationError:
        [message] = live(deliveries).messages
        assert message.invalid_tool_calls  # type: ignore[attr-defined]  # see the test below
    else:
        assert live(deliveries).messages == [expected]


def test_arguments_that_are_no_object_make_an_invalid_call() -> None:
    events = [
        start(),
        OPEN,
        delta(1, "tool-call-delta", args="[1]"),
        block_finish(1, type="tool_call", id="c", name="f", args=[1]),
        finish(),
    ]
    with pytest.raises(ValidationError):
        assembled(events)
    message = received(events)
    assert isinstance(message, AIMessage)
    assert message.tool_calls == []
    [invalid] = message.invalid_tool_calls
    assert (invalid["id"], invalid["name"], invalid["args"]) == ("c", "f", "[1]")


def test_a_text_that_never_finishes_is_kept() -> None:
    events = [start(), *TEXT[:3], finish()]
    assert assembled(events).content == "Hello"
    assert received(events).content == [{"type": "text", "text": "Hello", "index": 0}]


def test_a_block_of_an_unknown_type_is_kept() -> None:
    events = [start(), block_start(0, type="refusal"), block_finish(0, type="refusal", refusal="no"), finish()]
    assert assembled(events).content == ""
    assert received(events).content == [{"type": "refusal", "refusal": "no", "index": 0}]


def test_finished_blocks_are_not_sent_twice() -> None:
    long = "words " * 1_000
    events = [start(), TEXT[0], delta(0, "text-delta", text=long), block_finish(0, type="text", text=long), finish()]
    sent = [str(delivery.data) for delivery in write_all(events).deliveries]
    assert sum(text.count("words") for text in sent) == 1_000


def test_until_the_message_ends_calls_are_only_chunks_of_calls() -> None:
    [message] = live(write_all([start(), *TEXT, *CALL]).deliveries[:-3]).messages
    assert isinstance(message, AIMessageChunk)
    assert message.tool_calls == []
    assert [chunk["args"] for chunk in message.tool_call_chunks] == ['{"a": 1}']
    assert message.content_blocks[0] == {**TEXT[3]["content"], "index": 0}


def test_an_error_ends_nothing_by_itself() -> None:
    [message] = live(write_all([start(), *TEXT[:3], {"event": "error", "message": "boom"}]).deliveries).messages
    assert message.text == "Hello"
