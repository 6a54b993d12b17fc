"""What is on the wire: few messages, small appends, and what was written before can be read for ever."""

from __future__ import annotations

from typing import Any

from llama_index.core.agent.workflow import ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, CompletionResponse, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.tools import ToolOutput

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.llamaindex import CODEC, CarriedEvent
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import codec_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.llamaindex.models import Piece, responses
from tests.codecs.llamaindex.wire import live, write_all


def test_a_streamed_answer_is_a_message_its_text_and_an_end() -> None:
    deliveries = write_all(responses([Piece("Hel"), Piece("lo")])).deliveries
    told = [
        (names.APPEND if each.action == names.APPEND else dict(codec_headers(each.extras)), each.data)
        for each in deliveries
    ]
    assert told == [
        ({"kind": "message", "role": "assistant"}, {}),
        ({"kind": "text", "block": "1"}, ""),
        (names.APPEND, "Hel"),
        (names.APPEND, "lo"),
        (names.APPEND, ""),
        ({"kind": "message-end", "role": "assistant"}, {}),
    ]


def test_a_tools_result_is_one_message() -> None:
    output = ToolOutput(tool_name="sky", content="blue", raw_input={}, raw_output=object(), is_error=True)
    event = ToolCallResult(tool_name="sky", tool_kwargs={}, tool_id="c", tool_output=output, return_direct=False)
    [delivery] = write_all([event]).deliveries
    assert dict(codec_headers(delivery.extras)) == {
        "kind": "message",
        "role": "tool",
        "tool_call_id": "c",
        "tool_name": "sky",
        "is_error": "true",
        "complete": "true",
    }
    assert delivery.data == {"blocks": [{"block_type": "text", "text": "blue"}], "kwargs": {"tool_call_id": "c"}}


def told(serial: str, kind: str, data: Any, *, stream: bool = False, **headers: str) -> InboundMessage:
    transport = {"codec-message-id": "M", "stream": "true" if stream else "false", "status": "streaming"}
    extras = {"ai": {"transport": transport, "codec": {"kind": kind, **headers}}}
    return InboundMessage(names.CREATE, serial, serial, 0, names.OUTPUT, data, extras)


def more(serial: str, version: str, data: str, kind: str, **headers: str) -> InboundMessage:
    transport = {"codec-message-id": "M", "stream": "true", "status": "streaming"}
    extras = {"ai": {"transport": transport, "codec": {"kind": kind, **headers}}}
    return InboundMessage(names.APPEND, serial, version, 0, None, data, extras)


def test_messages_that_were_written_before_can_be_read() -> None:
    """A run as version 1 of the wire has it, spelt out: readers must understand it for ever."""
    call = {"block": "3", "tool_call_id": "c", "tool_name": "sky"}
    blocks = [
        {"block_type": "thinking", "content": {"$text": ["1"]}, "additional_information": {"signature": "S"}},
        {"block_type": "text", "text": {"$strip": ["2"]}},
        {"block_type": "tool_call", "tool_call_id": "c", "tool_name": "sky", "tool_kwargs": {"$json": "3"}},
    ]
    kwargs = {"seal": {"$bytes": "AAE="}, "$$text": 1, "raw": {"$text": ["3"]}}
    wire = [
        told("01", "message", {}, role="assistant", agent="scout"),
        told("02", "thinking", "", stream=True, block="1"),
        more("02", "03", "hm", "thinking", block="1"),
        told("04", "text", "", stream=True, block="2"),
        more("04", "05", " Let me look. ", "text", block="2"),
        told("06", "tool-call", "", stream=True, **call),
        more("06", "07", '{"a": 1}', "tool-call", **call),
        told("08", "value", "", stream=True, block="4"),
        more("08", "09", '[{"id": "n", "text": "x", "score": 0.5}]', "value", block="4"),
        told("10", "message-end", {"blocks": blocks, "kwargs": kwargs, "metadata": {"model": "m"}}, role="assistant"),
        told("11", "call", {}, tool_call_id="c", tool_name="sky"),
        told("12", "sources", {"$json": "4"}),
        told("13", "structured", {"sun": True}),
        told("14", "input-required", {"prefix": "> "}, name="Approve"),
    ]
    projection = live(wire)
    assert projection.messages == [
        ChatMessage(
            role="assistant",
            blocks=[
                ThinkingBlock(content="hm", additional_information={"signature": "S"}),
                TextBlock(text="Let me look."),
                ToolCallBlock(tool_call_id="c", tool_name="sky", tool_kwargs={"a": 1}),
            ],
            additional_kwargs={"seal": b"\x00\x01", "$text": 1, "raw": '{"a": 1}'},
        )
    ]
    assert (projection.agent("M"), projection.metadata("M"), projection.is_complete("M")) == (
        "scout",
        {"model": "m"},
        True,
    )
    assert [(each.id, each.kwargs) for each in projection.tool_calls] == [("c", {"a": 1})]
    assert [(each.node.node_id, each.text, each.score) for each in projection.sources("M")] == [("n", "x", 0.5)]
    assert projection.structured_output == {"sun": True}
    assert projection.events == [CarriedEvent("input-required", "Approve", {"prefix": "> "}, "M")]


def test_the_decoders_restatement_of_a_stream_replaces_its_text() -> None:
    deliveries = write_all(responses([Piece("wrong")])).deliveries[:3]
    decoder, projection = CODEC.create_decoder(), live(deliveries)
    for delivery in deliveries:
        decoder.decode(delivery)
    start = deliveries[1]
    replaced = decoder.decode(start._replace(action=names.UPDATE, version="99999999", data="right"))
    assert replaced.replaced
    for event in decoder.restate(start.serial or "").outputs:
        CODEC.fold_output(projection, event, FoldMeta(start.serial or "", "id-m1"))
    assert projection.messages == [ChatMessage("right", role="assistant")]


def test_who_reads_while_an_answer_grows_sees_it_grow() -> None:
    translator, projection, seen = CODEC.create_translator(), CODEC.init(), []
    for item in ("It ", "is ", "sunny"):
        for event in translator.translate(item):
            projection = CODEC.fold_output(projection, event, FoldMeta("", "m"))
        seen.append([message.content for message in projection.messages])
    assert seen == [["It "], ["It is "], ["It is sunny"]]


def test_another_kind_of_item_completes_the_message_before_it() -> None:
    items = ["so", *responses([Piece("hi")]), "and", CompletionResponse(text="x", delta="x"), "end"]
    projection = live(write_all(items).deliveries)
    assert [entry.message.content for entry in projection.entries] == ["so", "hi", "and", "x", "end"]
    assert all(projection.is_complete(entry.id) for entry in projection.entries)
