"""Server-sent events to values: the same ones however the body is cut, joined or given by lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.codec.sse import EventReader
from ai_transport_codecs.errors import InvalidArgumentError


def reader() -> EventReader:
    return EventReader("Acme's stream", "pass the body of Acme's response")


def read(items: Iterable[str | bytes | bytearray]) -> list[Any]:
    events = reader()
    found = [value for item in items for value in events.feed(item)]
    return found + list(events.finish())


def values(*items: str | bytes) -> list[Any]:
    return read(items)


@pytest.mark.parametrize(
    "items",
    [
        ['data: {"a": 1}\n\n', 'data: {"b": 2}\n\n', "data: [DONE]\n\n"],
        [b'data: {"a": 1}\n\n', b'data: {"b": 2}\n\n'],
        [bytearray(b'data: {"a": 1}\n\ndata: {"b": 2}\n\n')],
        ['data: {"a": 1}\r\n\r\ndata: {"b": 2}\r\n\r\n'],
        ['data: {"a": 1}\r\rdata: {"b": 2}\r\r'],
        ['data: {"a": 1}\r', '\n\r\ndata: {"b": 2}\r', "\n"],
        ['data: {"a": 1}', "", 'data: {"b": 2}', "", "data: [DONE]", ""],
        [b'data: {"a": 1}', b'data: {"b": 2}', b"data: [DONE]"],
        ['data:{"a": 1}\n', "\n", 'data:{"b": 2}\n', "\n"],
        ['\ufeffdata: {"a": 1}\n\n', 'data: {"b": 2}\n\n'],
        [b'\xef\xbb\xbfdata: {"a": 1}\n\n', b'data: {"b": 2}\n\n'],
        [b"\xef", b"\xbb", b"\xbf", b'data: {"a": 1}\n\n', b'data: {"b": 2}\n\n'],
        [": keep-alive\n\n", 'data: {"a": 1}\n\n: OPENROUTER PROCESSING\n\ndata: {"b": 2}\n\n'],
        [": keep-alive", "", 'data: {"a": 1}', "", "retry: 3", "id: 7", 'data: {"b": 2}'],
        ['data: {"a":\ndata: 1}\n\ndata: {"b": 2}\n\n'],
        ['data: {"a":', "data: 1}", "", 'data: {"b":', "data: 2", "data: }", ""],
        ['data: {"a": 1}\n\ndata: [DONE]\n\n', 'data: {"b": 2}\n\ndata: [DONE]\n\n'],
        ['data: {"a": 1} ', 'data: {"b": 2}\t', "", "data: [DONE]"],
        ["da", 'ta: {"a', '": 1', "}", "\n\nd", 'ata: {"b": 2}\n\n'],
        ["data", "\n", "unknown: field\n", 'data: {"a": 1}\n\ndata: {"b": 2}\n\n'],
    ],
)
def test_every_way_to_write_and_cut_the_same_events(items: list[str | bytes]) -> None:
    assert values(*items) == [{"a": 1}, {"b": 2}]


NAMED = 'event: ping\ndata: {"a": 1}\n\ndata: {"b": 2}\n\nevent: lost\n\nevent:pong\ndata: {"c": 3}\n\n'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_names_are_passed_over_however_they_come(end: str) -> None:
    body, expected = NAMED.replace("\n", end), [{"a": 1}, {"b": 2}, {"c": 3}]
    assert read([body]) == expected
    assert read(body.split(end)) == expected
    assert read([line for line in body.split(end) if line]) == expected
    assert read(body.encode().splitlines(keepends=True)) == expected
    assert read(f"{event}{end}{end}" for event in body.split(end + end)) == expected
    for place in range(len(body)):
        assert read([body[:place], body[place:]]) == expected


def test_a_mark_before_lines_without_their_ends() -> None:
    assert values('\ufeffdata: {"a": 1}', "", 'data: {"b": 2}', "") == [{"a": 1}, {"b": 2}]
    assert values("\ufeffevent: x", 'data: {"a": 1}', 'data: {"b": 2}') == [{"a": 1}, {"b": 2}]


def test_an_event_is_given_before_its_line_has_ended() -> None:
    events = reader()
    assert list(events.feed('data: {"a": 1}')) == [{"a": 1}]
    assert list(events.feed("\n\n")) == []


def test_a_piece_that_looks_like_a_field_inside_a_text_is_part_of_the_text() -> None:
    assert values('data: {"a": "say ', 'data: \\"', 'event: x"}', "\n\n") == [{"a": 'say data: "event: x'}]


def test_a_broken_character_is_replaced_and_harms_nothing_else() -> None:
    assert values(b'data: {"a": "\xff"}\n\n', b'data: {"b": 2}\n\n') == [{"a": "\ufffd"}, {"b": 2}]
    assert values(b'data: {"a": "\xc3', b'\xa9"}\n\n') == [{"a": "é"}]


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (
            ["data: hello\n\n"],
            "unable to read Acme's stream; its event 'hello' is not JSON: pass the body of Acme's response",
        ),
        (['data: {"a": NaN}\n\n'], "its event '{\"a\": NaN}' is not JSON"),
        (["data: hello", "", "data: {}"], "its event 'hello' is not JSON"),
        (['data: {"a": '], "its event '{\"a\": ' is not complete, the stream stopped within it"),
        (['{"error": {"message": "no such model"}}'], "has no field name, so this is no stream of server-sent events"),
        (["<html>\n<body>\n"], "its event '<html>' has no field name"),
        (["data: " + "[" * 100_000 + "\n\n"], "is not JSON"),
    ],
)
def test_what_cannot_be_read_is_said_with_whose_stream_it_is(items: list[str], text: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read(items)
    assert text in str(caught.value)


def test_the_events_before_a_broken_one_are_given_and_those_after_it_can_be_read() -> None:
    events = reader()
    found = iter(events.feed('data: {"a": 1}\n\ndata: x\n\n'))
    assert next(found) == {"a": 1}
    with pytest.raises(InvalidArgumentError):
        next(found)
    assert list(events.feed('data: {"b": 2}\n\n')) == [{"b": 2}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='a"\\{}[]:é😀 \u2028\x85\ufeff', max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["data:", "b"]), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "data: ", "event:"]), JSON, max_size=2)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, list[Any]]:
    """A body, and the events in it."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines: list[str] = []
    events: list[Any] = []
    for value in draw(st.lists(OBJECTS, max_size=5)):
        if draw(st.booleans()):
            lines += [draw(st.sampled_from([": ping", ":", "retry: 10", "id: 1"])), ""]
        name = draw(st.sampled_from([None, None, "response.output_text.delta"]))
        lines += [f"event: {name}"] if name else []
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 1])))
        lines += [f"data: {part}" for part in text.split("\n")] + [""]
        events.append(value)
    lines += draw(st.sampled_from([[], ["data: [DONE]", ""], ["data: [DONE]"]]))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + "".join(line + end for line in lines)).encode(), events


@given(bodies(), st.lists(st.integers(1, 12)), st.booleans())
def test_a_body_may_be_cut_at_every_byte(body: tuple[bytes, list[Any]], cuts: list[int], each: bool) -> None:
    raw, events = body
    sizes = [1] * len(raw) if each else cuts
    pieces = []
    for size in sizes:
        pieces.append(raw[:size])
        raw = raw[size:]
    assert read([piece for piece in [*pieces, raw] if piece]) == events


@given(bodies())
def test_a_body_may_be_given_by_lines_without_their_ends(body: tuple[bytes, list[Any]]) -> None:
    raw, events = body
    text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    assert read(lines) == events
    assert read([line.encode() for line in lines]) == events
    assert read([line for line in lines if line]) == events


@given(st.lists(st.binary(max_size=8) | st.text(max_size=8)))
def test_noise_is_read_or_refused_never_worse(items: list[bytes | str]) -> None:
    try:
        read(items)
    except InvalidArgumentError as error:
        assert "Acme" in str(error)  # noqa: PT017  # either outcome is right
