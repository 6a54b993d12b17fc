"""The fast lane: a provider's bytes to wire operations, without the SDK."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from ai_transport_codecs import InvalidArgumentError, UnsupportedEventError
from ai_transport_codecs.codecs.openai.responses import from_sse
from ai_transport_codecs.wire.headers import MESSAGE_ID, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.openai.responses.replay import sse
from tests.codecs.openai.responses.scripts import answer, completed, created, message, text_part
from tests.codecs.openai.responses.wire import Log, live, only, write_all

FINAL = message("m1", text_part("one twö"))
EVENTS = [created(), *answer("m1", "one ", "twö"), completed(FINAL)]


def written(pieces: Iterable[Any]) -> list[InboundMessage]:
    ids = iter(["first", "second"])
    log = Log()
    log.write(from_sse(pieces, headers={"role": "assistant"}, mint_id=lambda: next(ids)))
    return log.deliveries


BODY = sse(*EVENTS)


@pytest.mark.parametrize(
    "pieces",
    [
        [BODY],
        [BODY + b"data: [DONE]\n\n"],
        [BODY[at : at + 1] for at in range(len(BODY))],
        BODY.split(b"\n"),
        BODY.decode().splitlines(),
        BODY.splitlines(keepends=True),
        [BODY.replace(b"\n", b"\r\n")],
        [BODY.replace(b"\n\n", b"\n\n: keep-alive\n\n")],
        [b"\xef\xbb\xbf", BODY],
        [BODY.removesuffix(b"\n\n")],
        [f"data: {json.dumps(event)}\n\n" for event in EVENTS],
        [
            part
            for event in EVENTS
            for part in (b"eve", b"nt: x", b"\ndata: ", json.dumps(event).encode(), b"\n", b"\n")
        ],
        [
            part
            for event in EVENTS
            for part in (b"event: x", b"y\r\n", f"data: {json.dumps(event)}\r\n\r".encode(), b"\n")
        ],
        [sse(event) for event in EVENTS],
    ],
    ids=[
        "whole",
        "done",
        "bytes",
        "lines",
        "text",
        "kept ends",
        "crlf",
        "comments",
        "bom",
        "no end",
        "no names",
        "cut names",
        "cut breaks",
        "events",
    ],
)
def test_however_the_body_comes_readers_hold_the_response(pieces: list[Any]) -> None:
    deliveries = written(pieces)
    assert only(deliveries)["items"] == [FINAL]
    assert {transport_headers(each.extras)[MESSAGE_ID] for each in deliveries} == {"first"}


def test_each_response_is_a_message_of_its_own() -> None:
    other = [created("resp_2"), *answer("m2", "more"), completed(message("m2", text_part("more")), id_="resp_2")]
    deliveries = written([sse(*EVENTS), sse(*other)])
    assert [entry.id for entry in live(deliveries).entries] == ["first", "second"]
    assert [held["items"][0]["id"] for held in live(deliveries).messages] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("piece", "error", "says"),
    [
        (b"<html>bad gateway</html>\n", InvalidArgumentError, "no stream of server-sent events"),
        (b'data: {"type": \n\n', InvalidArgumentError, "is not JSON"),
        (b'data: {"choices": []}\n\n', UnsupportedEventError, "use codec 'openai-chat'"),
        (b"data: 7\n\n", UnsupportedEventError, "cannot carry an item of type int"),
    ],
)
def test_what_is_no_such_stream_is_refused(piece: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        written([piece])


def test_a_body_that_stops_within_an_event_is_an_error_and_what_came_before_stays() -> None:
    log = Log()
    with pytest.raises(InvalidArgumentError, match="the stream stopped within it"):
        log.write(from_sse([BODY[:-40]]))
    assert only(log.deliveries)["items"][0]["content"][0]["text"] == "one twö"


def test_what_stands_before_a_broken_event_in_one_piece_is_written() -> None:
    log = Log()
    with pytest.raises(InvalidArgumentError, match="is not JSON"):
        log.write(from_sse([BODY + b"data: broken\n\n"]))
    assert only(log.deliveries)["items"][0]["content"][0]["text"] == "one twö"


@pytest.mark.parametrize("type_", [None, 7, ["message"], {}])
def test_a_type_that_is_none_harms_nothing_else(type_: Any) -> None:
    odd_part = {"type": "response.content_part.added", "item_id": "m1", "content_index": 1, "part": {"type": type_}}
    odd_message = message("m2", {"type": type_, "text": "x"})
    held = only(
        write_all([created(), *answer("m1", "one ", "twö"), odd_part, completed(FINAL, odd_message, {"type": type_})])
    )
    assert held["items"][0]["content"][0]["text"] == "one twö"


def test_a_response_that_breaks_off_is_marked_as_the_api_marks_it() -> None:
    held = only(write_all(EVENTS[:4]))
    assert held.get("response", {}).get("status") == "incomplete"
    assert held["items"][0]["status"] == "incomplete"
    assert held["items"][0]["content"][0]["text"] == "one "


@pytest.mark.parametrize("item", [None, 7, object(), {"no": "type"}, {"type": 3}, []])
def test_an_item_that_is_no_event_is_refused_with_advice(item: Any) -> None:
    with pytest.raises(UnsupportedEventError, match=r"codec 'openai-responses' cannot carry.*stream=True") as caught:
        write_all([item])
    assert type(item).__name__ in caught.value.message
