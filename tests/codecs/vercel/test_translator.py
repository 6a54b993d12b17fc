"""Sources of UI message chunks, in every form they come in."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs import InvalidArgumentError, UnsupportedEventError
from ai_transport_codecs.codecs.vercel import CODEC
from tests.codecs.vercel.scripts import Chunk, scripts
from tests.codecs.vercel.test_inputs import Dumped
from tests.codecs.vercel.wire import live, piped, projected

TEXT: list[Chunk] = [
    {"type": "start", "messageId": "ui"},
    {"type": "text-start", "id": "0"},
    {"type": "text-delta", "id": "0", "delta": "Olá"},
    {"type": "text-end", "id": "0"},
    {"type": "finish"},
]


def translated(items: Any) -> list[Any]:
    translator = CODEC.create_translator()
    return [chunk for item in items for chunk in translator.translate(item)] + list(translator.finish())


def body(chunks: list[Chunk]) -> str:
    """A UI message stream as the AI SDK sends it."""
    return "".join(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


# --- forms

FORMS: dict[str, Callable[[list[Chunk]], list[Any]]] = {
    "dictionaries": list,
    "objects": lambda chunks: [Dumped(**chunk, providerMetadata=None) for chunk in chunks],
    "one text": lambda chunks: [body(chunks)],
    "lines": lambda chunks: body(chunks).split("\n"),
    "lines with ends": lambda chunks: body(chunks).splitlines(keepends=True),
    "bytes": lambda chunks: [bytes([byte]) for byte in body(chunks).encode()],
    "events": lambda chunks: [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks],
    "other ends of lines": lambda chunks: [": ping\r\n\r\n" + body(chunks).replace("\n", "\r\n")],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_reads_the_same_in_each_form(form: str) -> None:
    assert translated(FORMS[form](TEXT)) == TEXT


@given(scripts(), st.data())
def test_a_body_may_be_cut_anywhere(chunks: list[Chunk], data: st.DataObject) -> None:
    whole = body(chunks).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert translated(pieces) == translated(chunks)


def test_null_is_kept_where_it_may_be_a_value() -> None:
    objects = [
        Dumped(type="tool-output-available", toolCallId="c", output=None, preliminary=None),
        Dumped(type="data-x", id=None, data=None),
    ]
    assert translated(objects) == [
        {"type": "tool-output-available", "toolCallId": "c", "output": None},
        {"type": "data-x", "data": None},
    ]


@pytest.mark.parametrize(
    ("item", "described"),
    [
        (7, "not builtins.int: turn the stream"),
        (None, "not builtins.NoneType"),
        ({"kind": "text"}, "not a mapping with type=None"),
        ({"type": 7}, "not a mapping with type=7"),
        ([{"type": "start"}], "not builtins.list"),
        ("data: [1]\n\n", "not builtins.list"),
    ],
)
def test_what_is_no_chunk_is_refused_with_advice(item: Any, described: str) -> None:
    with pytest.raises(UnsupportedEventError, match=f"takes the chunks of an AI SDK UI message stream .*{described}"):
        translated([item])


@pytest.mark.parametrize("item", ["data: {broken\n\n", "<html>\n"])
def test_text_that_is_no_stream_of_events_is_refused(item: str) -> None:
    with pytest.raises(InvalidArgumentError, match="unable to read a UI message stream; its event"):
        translated([item])


def test_an_unknown_chunk_is_left_out_with_one_warning_per_type(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ai_transport_codecs"):
        found = translated([{"type": "hologram"}, *TEXT, {"type": "hologram"}, {"type": "smell"}])
    assert found == TEXT
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "skipped a chunk of type 'hologram'",
        "skipped a chunk of type 'smell'",
    ]


# --- parts that are left open


def test_text_that_is_open_ends_with_its_step_and_begins_anew_after_it() -> None:
    found = translated(
        [
            {"type": "text-start", "id": "0"},
            {"type": "reasoning-start", "id": "0"},
            {"type": "text-delta", "id": "0", "delta": "a"},
            {"type": "finish-step"},
            {"type": "text-delta", "id": "0", "delta": "b"},
            {"type": "reasoning-end", "id": "0"},
        ]
    )
    assert [(chunk["type"], chunk.get("id")) for chunk in found] == [
        ("text-start", "0"),
        ("reasoning-start", "0"),
        ("text-delta", "0"),
        ("text-end", "0"),
        ("reasoning-end", "0"),
        ("finish-step", None),
        ("text-start", "0"),
        ("text-delta", "0"),
        ("text-end", "0"),
    ]
    types = [part["type"] for part in live(piped(found))[0]["parts"]]
    assert types == ["step-start", "text", "reasoning", "step-start", "text"]


@pytest.mark.parametrize(
    ("last", "ends"),
    [([], True), ([{"type": "finish"}], True), ([{"type": "abort"}], False), ([{"type": "error"}], False)],
)
def test_text_that_is_open_at_the_end_ends_there_unless_it_was_broken_off(last: list[Chunk], ends: bool) -> None:
    found = translated([*TEXT[:3], *last])
    assert ({"type": "text-end", "id": "0"} in found) == ends
    statuses = [delivery.extras["ai"]["transport"].get("status") for delivery in piped([*TEXT[:3], *last])]
    assert ("complete" if ends else "cancelled") in statuses


# --- version 7


def test_citations_become_sources_once_each() -> None:
    url = {"source": {"type": "source", "sourceType": "url", "id": "s1", "url": "https://example.com", "title": "T"}}
    document = {"source": {"sourceType": "document", "id": "s2", "mediaType": "text/plain", "title": "D"}}
    seen = {"source": {"sourceType": "url", "id": "s0", "url": "u"}}
    end = {"type": "text-end", "id": "0", "citations": [url, seen, document, url, 7, {"source": None}]}
    found = translated([{"type": "source-url", "sourceId": "s0", "url": "u"}, {"type": "text-start", "id": "0"}, end])
    assert found[3:] == [
        {"type": "source-url", "sourceId": "s1", "url": "https://example.com", "title": "T"},
        {"type": "source-document", "sourceId": "s2", "mediaType": "text/plain", "title": "D"},
    ]


def test_a_finish_reason_of_version_7_does_not_read_as_stop() -> None:
    assert translated([{"type": "finish", "finishReason": "interrupted"}]) == [
        {"type": "finish", "finishReason": "other"}
    ]


def test_what_version_7_adds_is_data_for_version_6() -> None:
    assert translated([{"type": "custom", "kind": "k", "providerMetadata": {"p": {}}}]) == [
        {"type": "data-custom", "data": {"kind": "k", "providerMetadata": {"p": {}}}}
    ]


def test_an_approval_in_the_stream() -> None:
    request = {"type": "tool-approval-request", "toolCallId": "c", "approvalId": "a"}
    yes = {"type": "tool-approval-response", "approvalId": "a", "approved": True}
    assert translated([request, yes]) == [request]
    assert translated([request, {**yes, "approved": False}]) == [
        request,
        {"type": "tool-output-denied", "toolCallId": "c"},
    ]
    with pytest.raises(UnsupportedEventError, match="no 'tool-approval-request' with approvalId 'a' came before it"):
        translated([yes])


# --- values that a channel cannot carry


@pytest.mark.parametrize("value", [None, 0, 1.5, True, "", "x", [1], {"a": None}])
def test_a_tools_whole_input_arrives_whatever_it_is(value: Any) -> None:
    deliveries = piped([{"type": "tool-input-available", "toolCallId": "c", "toolName": "t", "input": value}])
    assert all(isinstance(delivery.data, str | list | dict) for delivery in deliveries)
    part: Any = live(deliveries)[0]["parts"][-1]
    assert (part["state"], part["input"]) == ("input-available", value)


@pytest.mark.parametrize("value", [None, 0, 1.5, True, "", "x", [1], {"a": None}])
@pytest.mark.parametrize("deltas", [[], [""]])
def test_a_call_announced_before_its_whole_input_arrives_with_it(value: Any, deltas: list[str]) -> None:
    call = {"toolCallId": "c", "toolName": "t"}
    chunks: list[Chunk] = [
        {"type": "tool-input-start", **call},
        *({"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": delta} for delta in deltas),
        {"type": "tool-input-available", **call, "input": value},
    ]
    part: Any = live(piped(chunks))[0]["parts"][-1]
    assert (part["state"], part["input"]) == ("input-available", value)


def test_an_input_that_was_streamed_is_not_said_again() -> None:
    call = {"toolCallId": "c", "toolName": "t"}
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "{}"}
    available = {"type": "tool-input-available", **call, "input": {}}
    chunks = [{"type": "tool-input-start", **call}, delta, available]
    assert translated([*chunks, available]) == [*chunks, available]


def test_a_call_announced_again_needs_its_input_again() -> None:
    call = {"toolCallId": "c", "toolName": "t"}
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"a":1}'}
    start = {"type": "tool-input-start", **call}
    available = {"type": "tool-input-available", **call, "input": {"a": 1}}
    assert translated([start, delta, start, available]) == [start, delta, start, delta, available]


def test_a_call_whose_input_never_comes_has_none() -> None:
    call = {"toolCallId": "c", "toolName": "t"}
    chunks = [{"type": "tool-input-start", **call}, {"type": "tool-input-available", **call}]
    assert translated(chunks) == chunks


@pytest.mark.parametrize("value", [0, 1.5, False])
def test_data_that_a_channel_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(UnsupportedEventError, match=rf"cannot carry {value!r} as the data of a 'data-x' chunk"):
        translated([{"type": "data-x", "data": value}])


# --- several messages in one source


def test_a_start_with_another_id_after_the_end_is_another_message() -> None:
    second = [{**chunk, "messageId": "ui-2"} if chunk["type"] == "start" else chunk for chunk in TEXT]
    projection = projected(piped([*TEXT, *second]))
    assert [(entry.id, entry.message["id"]) for entry in CODEC.get_messages(projection)] == [
        ("m", "ui"),
        ("mui-2", "ui-2"),
    ]


def test_a_start_with_the_same_id_goes_on_with_the_message() -> None:
    (message,) = live(piped([*TEXT, *TEXT]))
    assert [part["type"] for part in message["parts"]] == ["step-start", "text", "step-start", "text"]


def test_text_left_open_by_one_message_is_not_mended_in_the_next() -> None:
    second = [{"type": "start", "messageId": "ui-2"}, *TEXT[1:]]
    assert translated([*TEXT[:3], {"type": "finish"}, *second]).count({"type": "text-end", "id": "0"}) == 2
