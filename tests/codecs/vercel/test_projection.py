"""What chunks amount to: messages and their parts."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from ai_transport_codecs.codecs.vercel import CODEC
from ai_transport_codecs.wire import names
from tests.codecs.vercel.wire import Reader, entries, folded, history, late, live, messages, parts, projected, published

ASSISTANT: Any = {"id": "m", "role": "assistant", "parts": []}


def text(text: str, type_: str = "text") -> dict[str, Any]:
    return {"type": type_, "text": text}


# --- the message itself


def test_a_start_names_the_message_and_its_wire_id_stays() -> None:
    projection = folded([{"type": "start", "messageId": "own", "messageMetadata": {"a": 1}}])
    assert [entry.id for entry in entries(projection)] == ["m"]
    assert [*projection.messages] == [{**ASSISTANT, "id": "own", "metadata": {"a": 1}}]


def test_metadata_replaces_what_was_there_also_with_null() -> None:
    chunks: list[dict[str, Any]] = [
        {"type": "start", "messageMetadata": {"a": 1, "b": 2}},
        {"type": "message-metadata", "messageMetadata": {"a": 2}},
    ]
    assert messages(chunks) == [{**ASSISTANT, "metadata": {"a": 2}}]
    chunks += [{"type": "finish"}, {"type": "message-metadata"}]
    assert messages(chunks) == [{**ASSISTANT, "metadata": {"a": 2}}]
    chunks.append({"type": "finish", "messageMetadata": None})
    assert messages(chunks) == [{**ASSISTANT, "metadata": None}]
    chunks.append({"type": "start"})
    assert messages(chunks) == [{**ASSISTANT, "metadata": None}]


@pytest.mark.parametrize(
    "type_",
    [
        "finish",
        "message-metadata",
        "finish-step",
        "abort",
        "error",
        "tool-output-available",
        "tool-output-error",
        "x",
        "",
    ],
)
def test_what_makes_no_message(type_: str) -> None:
    assert folded([{"type": type_, "messageMetadata": {}, "toolCallId": "c", "output": 1}]).messages == []


@pytest.mark.parametrize(
    "type_",
    [
        "start",
        "text-delta",
        "text-end",
        "reasoning-delta",
        "tool-input-delta",
        "tool-input-available",
        "tool-output-denied",
        "tool-approval-request",
    ],
)
def test_what_makes_an_empty_message_when_it_comes_out_of_nowhere(type_: str) -> None:
    assert messages([{"type": type_, "id": "0", "delta": "x", "toolCallId": "c"}]) == [ASSISTANT]


@pytest.mark.parametrize("chunk", [{"type": "start"}, {"type": "text-start", "id": "0"}, {"type": "data-x"}])
def test_a_chunk_of_no_message_is_ignored(chunk: dict[str, Any]) -> None:
    assert folded([chunk], message_id=None).messages == []


def test_messages_keep_the_order_in_which_they_began() -> None:
    projection = CODEC.init()
    for message_id, delta in (("b", "1"), ("a", "2"), ("b", "3")):
        start, more = {"type": "text-start", "id": delta}, {"type": "text-delta", "id": delta, "delta": delta}
        projection = folded([start, more], message_id, onto=projection)
    assert [(entry.id, entry.message["parts"]) for entry in entries(projection)] == [
        ("b", [text("1"), text("3")]),
        ("a", [text("2")]),
    ]


# --- text and reasoning


def test_parts_that_grow_side_by_side_do_not_mix() -> None:
    chunks = [
        {"type": "text-start", "id": "0", "providerMetadata": {"p": {}}},
        {"type": "reasoning-start", "id": "0"},
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "b"},
        {"type": "reasoning-delta", "id": "0", "delta": "r"},
        {"type": "text-delta", "id": "0", "delta": "a"},
        {"type": "reasoning-end", "id": "0"},
        {"type": "text-delta", "id": "0", "delta": "a"},
        {"type": "text-end", "id": "0"},
        {"type": "text-delta", "id": "0", "delta": "too late"},
        {"type": "text-delta", "id": "nobody", "delta": "?"},
    ]
    assert parts(chunks) == [text("aa"), text("r", "reasoning"), text("b")]


def test_a_step_that_ends_frees_the_ids_of_its_parts() -> None:
    step = [
        {"type": "start-step"},
        {"type": "text-start", "id": "0"},
        {"type": "text-delta", "id": "0", "delta": "x"},
        {"type": "finish-step"},
        {"type": "text-delta", "id": "0", "delta": "too late"},
    ]
    assert parts(step + step) == [{"type": "step-start"}, text("x")] * 2


def test_a_character_cut_in_two_joins() -> None:
    halves = ["\ud83d", "\ude00"]
    chunks = [{"type": "text-start", "id": "0"}, *({"type": "text-delta", "id": "0", "delta": half} for half in halves)]
    assert parts(chunks) == [text("😀")]
    assert live(published(chunks))[0]["parts"][-1] == text("😀")


# --- files, sources, data


def test_files_and_sources_are_parts() -> None:
    chunks = [
        {"type": "file", "mediaType": "image/png", "url": "data:,", "providerMetadata": {"p": {}}},
        {"type": "source-url", "sourceId": "s", "url": "u"},
        {"type": "source-url", "sourceId": "s", "url": "u", "title": "T", "providerMetadata": {}},
        {"type": "source-document", "sourceId": "d", "mediaType": "m", "title": "T", "filename": "f"},
    ]
    assert parts(chunks) == [
        {"type": "file", "mediaType": "image/png", "url": "data:,"},
        {"type": "source-url", "sourceId": "s", "url": "u"},
        {"type": "source-url", "sourceId": "s", "url": "u", "title": "T"},
        {"type": "source-document", "sourceId": "d", "mediaType": "m", "title": "T", "filename": "f"},
    ]


def test_data_of_one_type_and_id_is_replaced_where_it_is() -> None:
    chunks = [
        {"type": "data-a", "id": "1", "data": 1},
        {"type": "data-b", "id": "1", "data": 2},
        {"type": "data-a", "data": 3},
        {"type": "data-a", "id": "1", "data": {"k": 4}},
        {"type": "data-a", "data": None},
        {"type": "data-b", "id": "1"},
    ]
    assert parts(chunks) == [
        {"type": "data-a", "id": "1", "data": {"k": 4}},
        {"type": "data-b", "id": "1"},
        {"type": "data-a", "data": 3},
        {"type": "data-a", "data": None},
    ]


def test_transient_data_is_no_part_and_makes_no_message() -> None:
    assert folded([{"type": "data-a", "data": 1, "transient": True}]).messages == []
    assert parts([{"type": "data-a", "data": 1, "transient": False}]) == [{"type": "data-a", "data": 1}]


# --- readers and keepers


def test_what_a_reader_gets_is_its_own_and_json() -> None:
    chunks = [
        {"type": "start", "messageMetadata": {"list": [1]}},
        {"type": "data-a", "id": "1", "data": {"k": [1]}},
        {"type": "tool-input-start", "toolCallId": "c", "toolName": "t"},
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"a": [1]}'},
    ]
    projection = folded(chunks)
    before = json.dumps(projection.messages)
    spoiled: Any = projection.messages[0]
    spoiled["metadata"]["list"].append(2)
    spoiled["parts"][0]["data"]["k"].append(2)
    spoiled["parts"][1]["input"]["a"].append(2)
    spoiled["parts"].append("x")
    assert json.dumps(projection.messages) == before


def test_a_value_nested_too_deeply_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    with caplog.at_level(logging.WARNING, "ai_transport_codecs"):
        found = parts([{"type": "data-a", "data": deep}, {"type": "data-b", "data": 1}])
    assert found == [{"type": "data-b", "data": 1}]
    assert "skipped a data-a chunk of message 'm': a value is nested more than 128 levels deep" in caplog.text


def test_a_number_beyond_all_floats_is_null_as_in_javascripts_json() -> None:
    start = {"type": "tool-input-start", "toolCallId": "c", "toolName": "t"}
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "[1e999]"}
    (message,) = messages([{"type": "data-a", "data": [float("inf"), 1.5]}, start, delta])
    assert (message["parts"][0]["data"], message["parts"][1]["input"]) == ([None, 1.5], [None])


def test_a_conversation_survives_a_round_trip_through_json() -> None:
    chunks = [{"type": "start", "messageId": "ui"}, {"type": "text-start", "id": "0"}, {"type": "file", "url": "u"}]
    message = folded(chunks).messages[0]
    assert json.loads(json.dumps(message)) == message


# --- joining in the middle


ANSWER = [
    {"type": "start", "messageId": "ui"},
    {"type": "start-step"},
    {"type": "text-start", "id": "0"},
    {"type": "text-delta", "id": "0", "delta": "Hel"},
    {"type": "text-delta", "id": "0", "delta": "lo"},
    {"type": "text-end", "id": "0"},
    {"type": "finish-step"},
    {"type": "finish"},
]


def test_a_late_joiner_sees_the_whole_text_once_in_a_step() -> None:
    assert live(late(published(ANSWER), 4)) == [
        {"id": "m", "role": "assistant", "parts": [{"type": "step-start"}, text("Hello")]}
    ]


@pytest.mark.parametrize("position", range(9))
def test_what_was_made_up_gives_way_to_what_history_has(position: int) -> None:
    """The reference then shows both steps (codec spec h, H5)."""
    deliveries = published(ANSWER)
    reader = Reader().read(late(deliveries, position)).read(history(deliveries[:position]))
    assert reader.messages == live(deliveries)
    assert reader.messages[0]["parts"] == [{"type": "step-start"}, text("Hello")]


def test_a_source_that_never_says_where_steps_begin_reads_the_same_for_all() -> None:
    deliveries = published(
        [
            {"type": "file", "mediaType": "m", "url": "u"},
            {"type": "text-start", "id": "a"},
            {"type": "text-start", "id": "b"},
            {"type": "text-delta", "id": "b", "delta": "B"},
        ]
    )
    expected = live(deliveries)
    assert [part["type"] for part in expected[0]["parts"]] == ["file", "step-start", "text", "text"]
    for position in range(5):
        assert Reader().read(late(deliveries, position)).read(history(deliveries[:position])).messages == expected


@pytest.mark.parametrize("end", ["finish", "abort", "error"])
def test_after_the_end_of_a_message_a_stream_is_in_a_new_step(end: str) -> None:
    chunks = [{"type": "text-start", "id": "a"}, {"type": end}, {"type": "text-start", "id": "b"}]
    types = [part["type"] for part in live(published(chunks))[0]["parts"]]
    assert types == ["step-start", "text", "step-start", "text"]


def test_a_cancelled_stream_keeps_its_text() -> None:
    deliveries = published(ANSWER[:4], cancel=True)
    assert deliveries[-1].extras["ai"]["transport"]["status"] == names.CANCELLED
    assert (
        live(deliveries)[0]["parts"] == live(history(deliveries))[0]["parts"] == [{"type": "step-start"}, text("Hel")]
    )


def test_messages_are_built_once_per_reading_however_long_the_stream() -> None:
    deltas = [{"type": "text-delta", "id": "0", "delta": "x"}] * 20_000
    projection = projected(published([{"type": "text-start", "id": "0"}, *deltas]))
    assert projection.messages[0]["parts"][-1] == text("x" * 20_000)
