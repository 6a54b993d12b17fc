"""Every chunk type of the AI SDK is carried, adapted, or refused, and nothing is forgotten."""

from __future__ import annotations

import types
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from ai_transport_codecs import UnsupportedEventError, get_codec
from ai_transport_codecs.codec.descriptors import Drop, OutputStream
from ai_transport_codecs.codecs.vercel import CODEC, UIMessageChunk
from tests.codecs.vercel.wire import decoded, folded, piped, published

# What version 6 streams, with the least that a chunk of each type has; "data-*" stands for all names.
VERSION_6: dict[str, dict[str, Any]] = {
    "start": {},
    "start-step": {},
    "finish-step": {},
    "finish": {},
    "message-metadata": {"messageMetadata": {"k": 1}},
    "error": {"errorText": "boom"},
    "abort": {},
    "text-start": {"id": "0"},
    "text-delta": {"id": "0", "delta": "x"},
    "text-end": {"id": "0"},
    "reasoning-start": {"id": "0"},
    "reasoning-delta": {"id": "0", "delta": "x"},
    "reasoning-end": {"id": "0"},
    "tool-input-start": {"toolCallId": "c", "toolName": "t"},
    "tool-input-delta": {"toolCallId": "c", "inputTextDelta": "{}"},
    "tool-input-available": {"toolCallId": "c", "toolName": "t", "input": {}},
    "tool-input-error": {"toolCallId": "c", "toolName": "t", "input": "{", "errorText": "no JSON"},
    "tool-approval-request": {"toolCallId": "c", "approvalId": "a"},
    "tool-output-available": {"toolCallId": "c", "output": 1},
    "tool-output-error": {"toolCallId": "c", "errorText": "boom"},
    "tool-output-denied": {"toolCallId": "c"},
    "file": {"mediaType": "image/png", "url": "data:,"},
    "source-url": {"sourceId": "s", "url": "https://example.com"},
    "source-document": {"sourceId": "s", "mediaType": "text/plain", "title": "T"},
    "data-*": {"data": {"k": 1}},
}

# What version 7 adds, and what becomes of it in a stream of version 6.
VERSION_7: dict[str, list[str]] = {
    "custom": ["data-custom"],
    "reasoning-file": ["data-reasoning-file"],
    "steering-message": ["data-steering-message"],
    "tool-approval-response": ["tool-output-denied"],
}
REFUSED_OF_VERSION_7 = ["reset-step"]

OPENERS = {
    "text": {"type": "text-start", "id": "0"},
    "reasoning": {"type": "reasoning-start", "id": "0"},
    "tool-input": {"type": "tool-input-start", "toolCallId": "c", "toolName": "t"},
}


def chunk_of(type_: str) -> dict[str, Any]:
    return {"type": type_.replace("*", "progress"), **VERSION_6[type_]}


def opened(type_: str) -> list[dict[str, Any]]:
    """A chunk, after what must come before it."""
    kind = "tool-input" if type_ == "tool-input-available" else type_.rpartition("-")[0]
    needs = kind in OPENERS and not type_.endswith(("-start", "tool-input-error"))
    if type_ == "tool-input-available":
        return [OPENERS[kind], chunk_of("tool-input-delta"), chunk_of(type_)]
    return [OPENERS[kind], chunk_of(type_)] if needs else [chunk_of(type_)]


def test_the_tables_have_the_types_of_version_6() -> None:
    found: list[str] = []
    for row in CODEC.outputs.rows:
        if isinstance(row, OutputStream):
            found += [row.start.type, row.delta.type, row.end.type]
        else:
            assert not isinstance(row, Drop)
            found.append(row.type)
    assert sorted(found) == sorted(VERSION_6)


def test_the_typed_chunks_are_those_of_version_6() -> None:
    literals = []
    for chunk in get_args(UIMessageChunk):
        hint = get_type_hints(chunk)["type"]
        literals.append(get_args(hint)[0] if get_origin(hint) is Literal else "data-*")
    assert sorted(literals) == sorted(VERSION_6)


@pytest.mark.parametrize("type_", VERSION_6)
def test_a_chunk_of_version_6_is_carried(type_: str) -> None:
    events = decoded(published(opened(type_)))
    assert events[-1] == chunk_of(type_) | ({"finishReason": "stop"} if type_ == "finish" else {})


@pytest.mark.parametrize("type_", VERSION_6)
def test_the_translator_passes_a_chunk_of_version_6(type_: str) -> None:
    translator = CODEC.create_translator()
    given = opened(type_)
    assert [chunk for item in given for chunk in translator.translate(item)] == given


@pytest.mark.parametrize("type_", VERSION_7)
def test_a_chunk_of_version_7_becomes_one_of_version_6(type_: str) -> None:
    translator = CODEC.create_translator()
    list(translator.translate({"type": "tool-approval-request", "toolCallId": "c", "approvalId": "a"}))
    found = [*translator.translate({"type": type_, "approvalId": "a", "approved": False, "kind": "k"})]
    assert [chunk["type"] for chunk in found] == VERSION_7[type_]


@pytest.mark.parametrize("type_", REFUSED_OF_VERSION_7)
def test_a_chunk_of_version_7_that_takes_back_what_was_said_is_refused(type_: str) -> None:
    with pytest.raises(UnsupportedEventError, match="cannot carry 'reset-step', because readers of AI SDK 6 keep"):
        list(CODEC.create_translator().translate({"type": type_}))


@pytest.mark.parametrize("type_", ["tool-unknown", "step-start", "data", "text", "", *VERSION_7, *REFUSED_OF_VERSION_7])
def test_the_encoder_refuses_by_name_what_has_no_row(type_: str) -> None:
    with pytest.raises(UnsupportedEventError, match=f"codec 'vercel' has no row for type {type_!r}"):
        published([{"type": type_}])


@pytest.mark.parametrize("type_", VERSION_6)
def test_no_type_is_unknown_to_the_reducer(type_: str) -> None:
    before = [{"type": "start"}, *OPENERS.values(), {"type": "tool-input-available", "toolCallId": "c", "input": 1}]
    after = folded([*before, chunk_of(type_)]).messages
    is_shown = type_ not in {"start", "finish", "finish-step", "error", "abort", "text-end", "reasoning-end"}
    assert (after != folded(before).messages) == is_shown


def test_the_codec_is_found_by_name_and_tells_channels_who_it_is() -> None:
    assert get_codec("vercel") is CODEC
    assert CODEC.adapter_tag == "vercel-ai-sdk-ui-message"
    assert isinstance(CODEC.create_tool_result, types.FunctionType)


def test_a_whole_stream_arrives() -> None:
    chunks = [{"type": "start", "messageId": "ui"}, {"type": "start-step"}, *opened("text-delta")]
    assert decoded(piped(chunks)) == [*chunks, {"type": "text-end", "id": "0"}]
