"""What is on the wire: few messages, small appends, kinds and headers that must stay readable for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.langchain import CODEC
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import KIND, codec_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.langchain.wire import history, joined, live, write_all

USAGE: Any = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}


def outline(deliveries: Sequence[InboundMessage]) -> list[tuple[Any, Any]]:
    """Kind and data of each delivery; an append as "+"."""
    return [
        ("+" if delivery.action == names.APPEND else codec_headers(delivery.extras)[KIND], delivery.data)
        for delivery in deliveries
    ]


def test_a_streamed_answer_is_a_start_its_text_and_an_end() -> None:
    chunks = [
        AIMessageChunk(content="", id="own", response_metadata={"model_provider": "openai"}),
        AIMessageChunk(content="Hel", id="own", response_metadata={"model_provider": "openai"}),
        AIMessageChunk(content="lo", id="own", response_metadata={"model_provider": "openai"}),
        AIMessageChunk(content="", id="own", usage_metadata=USAGE),
        AIMessageChunk(content="", id="lc_run--1", chunk_position="last"),
    ]
    deliveries = write_all(chunks).deliveries
    assert outline(deliveries) == [
        ("message", {"id": "own", "response_metadata/model_provider": "openai"}),
        ("text", ""),
        ("+", "Hel"),
        ("+", "lo"),
        ("patch", {"usage_metadata": USAGE}),
        ("+", ""),
        ("message-end", {"chunk_position": "last"}),
    ]
    assert codec_headers(deliveries[0].extras) == {"kind": "message", "messageType": "ai", "form": "chunks"}
    assert codec_headers(deliveries[2].extras) == {"kind": "text", "block": "1", "path": "content/#0"}


def test_arguments_that_a_provider_says_twice_are_sent_once() -> None:
    def piece(text: str, **block: Any) -> AIMessageChunk:
        block = {"type": "input_json_delta", "partial_json": text, "index": 1} | block
        return AIMessageChunk(content=[block], tool_call_chunks=[{"name": None, "args": text, "id": None, "index": 1}])

    opening = AIMessageChunk(
        content=[{"type": "tool_use", "id": "c", "name": "f", "input": {}, "index": 1}],
        tool_call_chunks=[{"name": "f", "args": "", "id": "c", "index": 1}],
    )
    deliveries = write_all([opening, piece('{"a"'), piece(": 1"), piece("}")]).deliveries
    streams = {codec_headers(delivery.extras).get("path") for delivery in deliveries} - {None}
    assert streams == {"content/#0/partial_json tool_call_chunks/#0/args"}
    assert [data for kind, data in outline(deliveries) if kind == "+"] == ['{"a"', ": 1", "}", ""]


def test_reasoning_and_arguments_are_streams_of_their_own_kinds() -> None:
    chunks = [
        AIMessageChunk(content=[{"type": "thinking", "thinking": "hm", "index": 0}]),
        AIMessageChunk(content=[{"type": "text", "text": "so", "index": 1}]),
        AIMessageChunk(content=[], tool_call_chunks=[{"name": "f", "args": "", "id": "c", "index": 0}]),
        AIMessageChunk(content=[], tool_call_chunks=[{"name": None, "args": "{}", "id": None, "index": 0}]),
    ]
    starts = {
        kind: codec_headers(delivery.extras)["path"]
        for delivery in write_all(chunks).deliveries
        if (kind := codec_headers(delivery.extras)[KIND]) in {"reasoning", "text", "tool-call"}
    }
    assert starts == {
        "reasoning": "content/#0/thinking",
        "text": "content/#1/text",
        "tool-call": "tool_call_chunks/#0/args",
    }


def test_what_changes_with_every_token_becomes_a_stream_of_lines() -> None:
    def token(number: int) -> AIMessageChunk:
        usage: Any = {"input_tokens": 9, "output_tokens": number, "total_tokens": 9 + number}
        return AIMessageChunk(
            content=str(number % 10),
            usage_metadata=usage,
            response_metadata={"logprobs": {"content": [{"token": str(number), "logprob": -0.5}]}},
        )

    deliveries = write_all([token(number) for number in range(1, 101)]).deliveries
    kinds = [kind for kind, _ in outline(deliveries)]
    assert kinds.count("patch") <= 3
    assert {"items", "value"} <= set(kinds)
    # In history, where each message is there once, a hundred tokens are a handful of messages.
    assert len(history(deliveries)) < 10
    [message] = live(deliveries).messages
    assert isinstance(message, AIMessage)
    assert message.usage_metadata == {"input_tokens": 9, "output_tokens": 100, "total_tokens": 109}
    assert len(message.response_metadata["logprobs"]["content"]) == 100
    for position in range(0, len(deliveries), 7):
        assert joined(deliveries, position).messages == [message]


def test_a_line_that_is_cut_is_not_read_until_it_is_whole() -> None:
    deliveries = write_all([AIMessageChunk(content=[{"type": "x", "n": n}]) for n in range(5)]).deliveries
    last_line = max(n for n, (kind, data) in enumerate(outline(deliveries)) if kind == "+" and data)
    half = deliveries[last_line]._replace(data=deliveries[last_line].data[:5])
    [message] = live([*deliveries[:last_line], half]).messages
    assert [block["n"] for block in message.content if isinstance(block, dict)] == [0, 1, 2, 3]


def test_a_tools_result_is_one_message_with_only_what_is_unusual() -> None:
    [delivery] = write_all([ToolMessage("12 °C", tool_call_id="c")]).deliveries
    assert delivery.data == {"content/#0": "12 °C", "tool_call_id": "c"}
    headers = {"kind": "message", "messageType": "tool", "form": "whole", "complete": "true"}
    assert codec_headers(delivery.extras) == headers


def test_the_appends_of_tokens_carry_no_more_than_they_must() -> None:
    chunks = [AIMessageChunk(content="word") for _ in range(3)]
    *_, append, _end, _message_end = write_all(chunks).deliveries
    assert codec_headers(append.extras) == {"kind": "text", "block": "1", "path": "content/#0"}


def test_messages_that_were_written_before_can_be_read() -> None:
    """A stream as version 1 of the wire has it, spelt out: readers must understand it for ever."""

    def message(serial: str, kind: str, data: Any, *, stream: bool = False, **headers: str) -> InboundMessage:
        transport = {"codec-message-id": "M", "stream": "true" if stream else "false", "status": "streaming"}
        extras = {"ai": {"transport": transport, "codec": {"kind": kind, **headers}}}
        return InboundMessage(names.CREATE, serial, serial, 0, names.OUTPUT, data, extras)

    def append(serial: str, version: str, data: str, kind: str, **headers: str) -> InboundMessage:
        transport = {"codec-message-id": "M", "stream": "true", "status": "streaming"}
        extras = {"ai": {"transport": transport, "codec": {"kind": kind, **headers}}}
        return InboundMessage(names.APPEND, serial, version, 0, None, data, extras)

    text = {"block": "1", "path": "content/#0/text"}
    args = {"block": "2", "path": "content/#1/partial_json tool_call_chunks/#0/args"}
    items = {"block": "3", "path": "response_metadata/logprobs/#1"}
    wire = [
        message(
            "01",
            "message",
            {"id": "own", "content_form": "list", "content/#0": {"type": "text", "index": 0}},
            messageType="ai",
            form="chunks",
        ),
        message("02", "text", "", stream=True, **text),
        append("02", "03", "Let me ", "text", **text),
        append("02", "04", "look.", "text", **text),
        message(
            "05",
            "patch",
            {
                "content/#1": {"type": "tool_use", "id": "c"},
                "tool_call_chunks/#0": {"name": "f", "args": "", "id": "c", "index": 1},
                "response_metadata/logprobs": [1],
            },
        ),
        message("06", "tool-call", "", stream=True, **args),
        append("06", "07", '{"a": 1}', "tool-call", **args),
        message("08", "items", "", stream=True, **items),
        append("08", "09", "2\n3\n", "items", **items),
        message("10", "message-end", {"chunk_position": "last"}),
    ]
    assert live(wire).messages == [
        AIMessage(
            [
                {"type": "text", "index": 0, "text": "Let me look."},
                {"type": "tool_use", "id": "c", "partial_json": '{"a": 1}'},
            ],
            id="own",
            tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c"}],
            response_metadata={"logprobs": [1, 2, 3]},
        )
    ]


def test_the_decoders_restatement_of_a_stream_replaces_its_text() -> None:
    deliveries = write_all([AIMessageChunk(content="wrong")]).deliveries[:3]
    decoder, projection = CODEC.create_decoder(), live(deliveries)
    for delivery in deliveries:
        decoder.decode(delivery)
    start = deliveries[1]
    replaced = decoder.decode(start._replace(action=names.UPDATE, version="99999999", data="right"))
    assert replaced.replaced
    for event in decoder.restate(start.serial or "").outputs:
        CODEC.fold_output(projection, event, FoldMeta(start.serial or "", "id-m1"))
    assert [message.text for message in projection.messages] == ["right"]
