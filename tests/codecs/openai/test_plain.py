"""The SDK's objects as plain data: what the provider sent, no more and no less."""

from __future__ import annotations

import enum
import json
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseTextDeltaEvent

from ai_transport_codecs.codecs.openai.plain import plain_value, try_plain

CHUNK: dict[str, Any] = {
    "id": "",
    "created": 1,
    "model": "m",
    "object": "chat.completion.chunk",
    "provider": {"name": "x", "tries": [1, None]},
    "choices": [
        {
            "index": 0,
            "finish_reason": None,
            "content_filter_results": {"hate": {"filtered": False}},
            "delta": {"reasoning": "so", "tool_calls": [{"index": None, "function": {"arguments": "{", "name": "f"}}]},
        }
    ],
}


def test_an_object_gives_what_was_sent_unknown_and_mistyped_fields_too() -> None:
    assert try_plain(ChatCompletionChunk.construct(**CHUNK)) == CHUNK


def test_fields_have_the_names_of_the_wire_and_defaults_are_left_out() -> None:
    sent: dict[str, Any] = {"type": "response.output_text.delta", "delta": "a", "item_id": "i", "logprobs": []}
    assert try_plain(ResponseTextDeltaEvent.construct(**sent)) == sent


def test_named_fields_are_left_out_at_the_top_only() -> None:
    chunk = ChatCompletionChunk.construct(**CHUNK)
    found = try_plain(chunk, without=frozenset({"provider", "delta"}))
    assert found == {key: value for key, value in CHUNK.items() if key != "provider"}


def test_what_json_cannot_carry_is_left_out_alone() -> None:
    chunk = ChatCompletionChunk.construct(**CHUNK, parsed=object(), extra={"a": [object()], "b": 1})
    found = try_plain(chunk)
    assert found == {**CHUNK, "extra": {"a": [None], "b": 1}}
    assert json.dumps(found)


def test_other_objects_say_what_they_are_by_themselves() -> None:
    class Foreign:
        def to_dict(self) -> dict[Any, Any]:
            return {"a": (1, Color.RED), 2: "no key", "inner": ChatCompletionChunk.construct(**CHUNK)}

    class Color(enum.StrEnum):
        RED = "red"

    assert try_plain(Foreign()) == {"a": [1, "red"], "inner": CHUNK}
    assert try_plain(Foreign(), without=frozenset({"a", "inner"})) == {}


@pytest.mark.parametrize("item", [None, 1, "text", b"x", [1], object(), ChatCompletionChunk])
def test_what_is_no_object_is_none(item: Any) -> None:
    assert try_plain(item) is None


def test_a_mapping_stays_as_it_is_and_a_value_is_copied() -> None:
    inner = {"a": [1, {"b": 2.5}]}
    assert try_plain(inner) is inner
    copy = plain_value(inner)
    assert copy == inner
    copy["a"][1]["b"] = 3
    assert inner == {"a": [1, {"b": 2.5}]}
    assert plain_value(MappingProxyType(OrderedDict(x=True))) == {"x": True}
    assert plain_value(object()) is None


def test_a_value_nested_without_end_is_cut_off() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    assert json.dumps(plain_value(endless)).count("self") < 1_000
