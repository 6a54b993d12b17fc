"""Values as JSON: what round-trips, what is left out and said so."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from pydantic import BaseModel

from ai_transport_codecs.codecs.langchain.document import restored
from ai_transport_codecs.codecs.langchain.plain import Plainer
from tests.codecs.langchain.wire import live, write_all


class Parsed(BaseModel):
    city: str
    raw: bytes = b""


class Broken(BaseModel):
    value: Any


class Color(StrEnum):
    RED = "red"


@dataclass
class Row:
    x: int


KEYS = st.text(max_size=6) | st.sampled_from(["$bytes", "$$bytes", "$$$bytes", "$"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
)


@given(VALUES)
def test_json_and_bytes_round_trip(value: Any) -> None:
    assert restored(Plainer().try_plain("x", value)) == value


def test_the_copy_is_a_copy() -> None:
    value = {"x": [{"y": 1}]}
    copy = Plainer().plain_object("x", value)
    copy["x"][0]["y"] = 2
    assert value == {"x": [{"y": 1}]}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, (2,)), [1, [2]]),
        (Color.RED, "red"),
        (Parsed(city="Lisbon"), {"city": "Lisbon", "raw": ""}),
        ({7: "a", None: "b", True: "c", 2.5: "d"}, {"7": "a", "null": "b", "true": "c", "2.5": "d"}),
        (bytearray(b"ab"), {"$bytes": "YWI="}),
    ],
)
def test_what_json_has_no_word_for_becomes_what_it_has(value: Any, plain: Any) -> None:
    assert Plainer().try_plain("x", value) == plain


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Row(1), "Row"),
        (object(), "object"),
        (ValueError("x"), "ValueError"),
        (math.nan, "float nan"),
        (math.inf, "float inf"),
        ({1, 2}, "set"),
        (Broken(value=object()), "Broken"),
    ],
)
def test_what_json_cannot_carry_is_left_out_with_one_warning(
    value: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    results = [ToolMessage("a", tool_call_id=str(n), artifact=value) for n in range(3)]
    messages = live(write_all(results).deliveries).messages
    assert messages == [ToolMessage("a", tool_call_id=str(n)) for n in range(3)]
    [warning] = warnings(caplog)
    assert f"left artifact out of the stream: JSON cannot carry a {kind}" in warning


def test_the_rest_of_an_object_is_carried(caplog: pytest.LogCaptureFixture) -> None:
    message = AIMessage(
        "a", additional_kwargs={"x": 1, "bad": object(), "list": [1, object()], "deep": {"bad": {1}, "y": 2}}
    )
    [received] = live(write_all([message]).deliveries).messages
    assert received.additional_kwargs == {"x": 1, "list": [1, None], "deep": {"y": 2}}
    assert len(warnings(caplog)) == 3


def test_a_parsed_object_of_a_chunk_is_its_json() -> None:
    chunks = [AIMessageChunk(content="a", additional_kwargs={"parsed": Parsed(city="Lisbon", raw=b"r")})]
    [message] = live(write_all(chunks).deliveries).messages
    assert message.additional_kwargs == {"parsed": {"city": "Lisbon", "raw": "r"}}


def test_what_contains_itself_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    loop: dict[str, Any] = {"x": 1}
    loop["loop"] = loop
    [message] = live(write_all([ToolMessage("a", tool_call_id="c", artifact=loop)]).deliveries).messages
    assert message.content == "a"
    assert warnings(caplog)


def test_bytes_in_content_arrive_as_bytes() -> None:
    content: list[Any] = [{"type": "media", "data": b"\x00\xff", "index": 0}]
    assert live(write_all([AIMessage(content)]).deliveries).messages == [AIMessage(content)]
    assert live(write_all([AIMessageChunk(content=content)]).deliveries).messages == [AIMessage(content)]
