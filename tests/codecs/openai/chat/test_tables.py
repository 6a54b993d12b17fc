"""Every field and event of the installed SDK is carried, or left out for a reason that is written down."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamEvent
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from ai_transport_codecs import get_codec
from ai_transport_codecs.codec.contract import Codec
from ai_transport_codecs.codecs.openai.chat import CODEC
from ai_transport_codecs.codecs.openai.chat.translator import CHUNK_EVENT, STREAM_EVENTS_LEFT_OUT
from ai_transport_codecs.codecs.openai.chat.writer import CHUNK_LEFT_OUT
from tests.codecs.openai.chat.test_translator import chunk, completion_of


def test_the_codec_is_found_by_its_name() -> None:
    codec: Codec[Any, Any, Any, Any] = get_codec("openai-chat")
    assert codec is CODEC


def values(annotation: Any) -> Any:
    """A value that the SDK declares, with every field set."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin in {Union, types.UnionType}:
        return values(next(each for each in arguments if each is not type(None)))
    if origin is list:
        return [values(arguments[0])]
    if origin is dict:
        return {"key": values(arguments[1])}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: values(field.annotation) for name, field in annotation.model_fields.items()}
    return {str: "text", int: 3, float: 0.5, bool: True}.get(annotation, "any")


def test_every_field_that_the_sdk_declares_is_carried_or_left_out_for_a_reason() -> None:
    full = values(ChatCompletionChunk)
    [choice] = full["choices"]
    choice["index"] = choice["delta"]["tool_calls"][0]["index"] = 0
    found = completion_of([full])
    expected = {key: value for key, value in full.items() if key not in CHUNK_LEFT_OUT and key != "choices"}
    assert {key: found.get(key) for key in expected} == expected
    [got] = found["choices"]
    assert {key: got.get(key) for key in choice if key != "delta"} == {
        key: value for key, value in choice.items() if key != "delta"
    }
    said = dict(choice["delta"])
    [call] = said.pop("tool_calls")
    del call["index"]
    assert {key: got["message"].get(key) for key in said} == said
    assert got["message"]["tool_calls"] == [call]


def test_only_what_the_sdk_declares_has_a_reason_to_be_left_out() -> None:
    assert set(CHUNK_LEFT_OUT) <= set(ChatCompletionChunk.model_fields)
    assert all(CHUNK_LEFT_OUT.values())


def test_every_event_of_stream_is_listed() -> None:
    union: Any = ChatCompletionStreamEvent
    events = {get_args((get_origin(each) or each).model_fields["type"].annotation)[0] for each in get_args(union)}
    assert events == {CHUNK_EVENT, *STREAM_EVENTS_LEFT_OUT}
    assert all(STREAM_EVENTS_LEFT_OUT.values())


@pytest.mark.parametrize("field", ["novel", "thinking"])
def test_a_field_that_the_sdk_does_not_know_yet_is_carried(field: str) -> None:
    novel: list[Any] = ["text", 3, True, [1], {"a": [1]}]
    for value in novel:
        found = completion_of([{**chunk({field: value}, **{field: value}), field: value}])
        [choice] = found["choices"]
        assert (found[field], choice[field], choice["message"][field]) == (value, value, value)
