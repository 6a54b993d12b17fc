"""The projection: valid at every point, built once per change, and unharmed by whatever is on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.utils import convert_to_messages

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.langchain import CODEC, LangChainProjection
from ai_transport_codecs.codecs.langchain.tables import OUTPUTS
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.langchain.wire import Log, live, write_all, write_each


def fold(*events: dict[str, Any], message_id: str | None = "M") -> LangChainProjection:
    projection = CODEC.init()
    for event in events:
        projection = CODEC.fold_output(projection, event, FoldMeta("s", message_id))
    return projection


def halves() -> list[AIMessageChunk]:
    return [
        AIMessageChunk(content="Let me "),
        AIMessageChunk(
            content="look.", tool_call_chunks=[{"name": "weather", "args": '{"city": "Par', "id": "c", "index": 0}]
        ),
        AIMessageChunk(content="", tool_call_chunks=[{"name": None, "args": 'is"}', "id": None, "index": 0}]),
        AIMessageChunk(content="", chunk_position="last"),
    ]


def states(chunks: list[AIMessageChunk]) -> Iterator[BaseMessage]:
    log = Log()
    for _ in write_each(log, chunks):
        [message] = live(log.deliveries).messages
        yield message


def test_half_of_a_call_is_a_chunk_of_a_call_and_no_call() -> None:
    _, half, whole, ended = states(halves())
    assert isinstance(half, AIMessageChunk)
    assert half.text == "Let me look."
    assert half.tool_calls == []
    assert half.invalid_tool_calls == []
    assert [chunk["args"] for chunk in half.tool_call_chunks] == ['{"city": "Par']
    # All arguments are there, but only the end of the message says so.
    assert isinstance(whole, AIMessageChunk)
    assert whole.tool_calls == []
    assert type(ended) is AIMessage
    assert ended.tool_calls == [{"name": "weather", "args": {"city": "Paris"}, "id": "c", "type": "tool_call"}]


def test_a_message_that_was_cut_off_stays_a_chunk() -> None:
    projection = live(write_all(halves()).deliveries[:4])
    assert isinstance(projection.messages[0], AIMessageChunk)
    assert not projection.is_complete("id-m1")
    assert convert_to_messages(projection.messages) == projection.messages


def test_a_source_that_ends_without_a_last_chunk_ends_its_message() -> None:
    projection = live(write_all(halves()[:3]).deliveries)
    assert projection.is_complete("id-m1")
    assert projection.messages[0].tool_calls[0]["args"] == {"city": "Paris"}  # type: ignore[attr-defined]


def test_unknown_messages_are_not_complete() -> None:
    projection = CODEC.init()
    assert not projection.is_complete("nobody")
    assert projection.node("nobody") is None


def test_a_message_is_built_once_for_each_change() -> None:
    projection = live(write_all([AIMessage("a"), *halves()[:2]]).deliveries[:-3])
    first, second = projection.messages
    assert projection.messages[0] is first
    assert projection.messages[1] is second
    CODEC.fold_output(projection, {"type": "patch", "data": {"name": "bot"}}, FoldMeta("s", "id-m2"))
    assert projection.messages[0] is first
    assert projection.messages[1].name == "bot"


def test_a_stream_that_is_stated_anew_replaces_its_text() -> None:
    start = {"type": "text-start", "block": "1", "path": "content/#0"}
    deltas = [{"type": "text-delta", "block": "1", "delta": text} for text in ("wrong", "right", "!")]
    projection = fold(start, deltas[0], start, deltas[1], deltas[2])
    assert projection.messages[0].content == "right!"


def test_a_message_that_is_stated_anew_replaces_all() -> None:
    streams = write_all(halves()[:2]).deliveries[:-3]
    projection = live(streams)
    whole = {"type": "message", "messageType": "tool", "form": "whole", "complete": True, "data": {"tool_call_id": "c"}}
    CODEC.fold_output(projection, whole, FoldMeta("s", "id-m1"))
    assert projection.messages == [ToolMessage("", tool_call_id="c")]


def test_outputs_of_no_message_are_ignored() -> None:
    event = {"type": "message", "messageType": "ai", "form": "whole", "data": {"content": "a"}}
    assert fold(event, message_id=None).messages == []
    assert fold(event, message_id="").messages == []


@pytest.mark.parametrize(("kind", "line", "value"), [("items", "1\n2\n", [1, 2]), ("value", "1\n2\n", 2)])
def test_a_stream_of_values_has_one_place_however_many_a_stranger_names(kind: str, line: str, value: Any) -> None:
    names = [f"k{n}" for n in range(8)]
    paths = [f"additional_kwargs/{name}" + ("/#0" if kind == "items" else "") for name in names]
    projection = fold(
        {"type": "message", "messageType": "ai", "form": "whole", "data": {}},
        {"type": f"{kind}-start", "block": "1", "path": " ".join(paths)},
        {"type": f"{kind}-delta", "block": "1", "delta": line},
    )
    assert projection.messages[0].additional_kwargs == {"k0": value}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("content", "content_form", "content_blocks", "id", "name", "type", "self", "extra", "role", "status"),
        *("tool_calls", "invalid_tool_calls", "tool_call_chunks", "tool_call_id", "artifact", "chunk_position"),
        *("usage_metadata", "additional_kwargs", "response_metadata"),
    ]
)
STEPS = st.one_of(FIELDS, st.sampled_from(["#0", "#1", "#999999999", "#-1", "#x", "", "~9", "args", "text", "type"]))
PATHS = st.lists(STEPS, min_size=1, max_size=4).map("/".join) | st.text(max_size=10)
PATCHES = st.dictionaries(PATHS, JSON, max_size=4)


def event_types() -> list[str]:
    found: list[str] = []
    for row in OUTPUTS:
        kind = getattr(row, "kind", None)
        found += (
            [getattr(row, "type", "")] if kind is None else [f"{kind}-{phase}" for phase in ("start", "delta", "end")]
        )
    return found


EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(event_types())},
    optional={
        "data": PATCHES | JSON,
        "messageType": st.sampled_from(["ai", "tool", "human", "chat", "function", "system"]),
        "form": st.sampled_from(["chunks", "blocks", "whole"]),
        "complete": st.booleans(),
        "node": st.text(max_size=3),
        "block": st.sampled_from(["1", "2"]),
        "path": PATHS | st.lists(PATHS, max_size=10).map(" ".join),
        "delta": st.text(max_size=5),
    },
).map(lambda event: {"delta": "", **event})


@given(st.lists(EVENTS, max_size=8))
def test_no_events_whatsoever_break_the_projection(events: list[dict[str, Any]]) -> None:
    projection = CODEC.init()
    for event in events:
        projection = CODEC.fold_output(projection, event, FoldMeta("s", "M"))
        for message in projection.messages:
            assert isinstance(message, BaseMessage)
            convert_to_messages([message])


@given(st.text(max_size=12), JSON, st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4))
def test_no_message_whatsoever_breaks_decoding(kind: str, data: Any, headers: dict[str, str]) -> None:
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    kinds = [kind, "message", "patch", "message-end", "user-message", "tool-result", "tool-approval-response", "text"]
    for name in (names.OUTPUT, names.INPUT):
        for known in kinds:
            codec = {**headers, "kind": known, "partType": headers.get("partType", "text")}
            extras = {"ai": {"transport": {"codec-message-id": "M"}, "codec": codec}}
            decoded = decoder.decode(InboundMessage(names.CREATE, "1", "1", 0, name, data, extras))
            for event in decoded.outputs:
                projection = CODEC.fold_output(projection, event, FoldMeta("1", "M"))
            for event in decoded.inputs:
                projection = CODEC.fold_input(projection, event, FoldMeta("1", "N"))
    for message in projection.messages:
        assert isinstance(message, BaseMessage)


HOSTILE: list[dict[str, Any]] = [
    {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "SystemMessage"], "kwargs": {"content": "x"}},
    {"lc": 1, "type": "secret", "id": ["PATH"]},
    {"__is_pydantic": True, "qualified_name": "subprocess.Popen", "value": {}},
]


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: next(iter(data)))
def test_nothing_is_made_by_a_name_from_the_wire(data: dict[str, Any]) -> None:
    whole = {"type": "message", "messageType": "ai", "form": "whole", "complete": True}
    projection = fold({**whole, "data": {"content": [data], "content_form": "list", "additional_kwargs": data, **data}})
    [message] = projection.messages
    assert type(message) is AIMessage
    assert message.content == [data]
    assert message.additional_kwargs == data


def test_an_unknown_type_of_message_is_read_as_an_answer() -> None:
    extras = {"ai": {"transport": {}, "codec": {"kind": "message", "messageType": "__class__", "form": "eval"}}}
    delivery = InboundMessage(names.CREATE, "1", "1", 0, names.OUTPUT, {"content/#0": "a"}, extras)
    [event] = CODEC.create_decoder().decode(delivery).outputs
    assert fold({**event, "complete": True}).messages == [AIMessage("a")]


def test_a_huge_position_costs_nothing() -> None:
    projection = fold({"type": "patch", "data": {"content_form": "list", "content/#99999999": "z", "content/#7": "a"}})
    assert projection.messages[0].content == ["a", "z"]


def test_data_nested_without_end_is_cut() -> None:
    nested: Any = "deep"
    for _ in range(900):
        nested = [nested]
    projection = fold({"type": "patch", "data": {"additional_kwargs/x": nested, "content/#0": "a"}})
    assert projection.messages[0].content == "a"


def test_deep_data_harms_no_reader_whose_own_calls_are_deep() -> None:
    nested: Any = "deep"
    for _ in range(240):
        nested = [nested]
    data = {"additional_kwargs/x": nested, "content/#0": "text"}
    event = {"type": "message", "messageType": "ai", "form": "whole", "data": data, "complete": True}
    projection = CODEC.fold_output(CODEC.init(), event, FoldMeta("1", "m"))

    def read(calls: int) -> Any:
        return projection.messages if calls == 0 else read(calls - 1)

    [message] = read(500)
    assert message.content == "text"
