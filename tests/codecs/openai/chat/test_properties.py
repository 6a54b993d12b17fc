"""Random streams and random damage: readers hold the same whenever they joined, and nothing off the wire raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.openai.chat import CODEC, as_history
from ai_transport_codecs.codecs.openai.chat.streams import STREAM_KINDS
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.openai.chat.expected import comparable, right
from tests.codecs.openai.chat.wire import cut, joined, live, rolled_up, write_all

TEXT = st.text(alphabet='ab "{}[]:1é😀\n/#~', max_size=4)
SMALL = st.integers(0, 2)
ENTRY = st.fixed_dictionaries({"token": TEXT, "logprob": st.just(-0.5)})


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict(fields))


def call_piece(index: int, seen: set[int]) -> st.SearchStrategy[dict[str, Any]]:
    is_new = index not in seen
    seen.add(index)
    named = {"name": f"f{index}"} if is_new else {}
    return TEXT.map(
        lambda text: {
            "index": index,
            **({"id": f"call-{index}", "type": "function"} if is_new else {}),
            "function": {**named, "arguments": text},
        }
    )


@st.composite
def chunks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The chunks of a completion: choices, calls and fields in any order."""
    found: list[dict[str, Any]] = []
    seen: dict[int, set[int]] = {}
    for _ in range(draw(st.integers(1, 10))):
        index = draw(SMALL)
        delta = draw(
            optional(
                role=st.just("assistant"),
                content=TEXT,
                refusal=TEXT,
                reasoning=TEXT,
                audio=st.fixed_dictionaries(
                    {"id": st.just("audio")}, optional={"data": TEXT, "transcript": TEXT, "expires_at": SMALL}
                ),
                annotations=st.lists(st.fixed_dictionaries({"n": SMALL}), max_size=2),
                reasoning_details=st.lists(
                    st.fixed_dictionaries({"type": st.just("reasoning.text"), "text": TEXT, "index": SMALL}), max_size=1
                ),
            )
        )
        is_said = draw(st.booleans()) or not found
        calls = draw(st.lists(SMALL, max_size=2, unique=True)) if is_said else []
        if calls:
            delta["tool_calls"] = [draw(call_piece(number, seen.setdefault(index, set()))) for number in calls]
        about = draw(
            optional(
                finish_reason=st.sampled_from(["stop", "length"]),
                logprobs=st.fixed_dictionaries({"content": st.lists(ENTRY, max_size=2)}),
                content_filter_results=st.dictionaries(st.sampled_from("xy"), SMALL, max_size=2),
            )
        )
        top = draw(optional(usage=st.fixed_dictionaries({"total_tokens": SMALL}), system_fingerprint=TEXT, x=ENTRY))
        found.append(
            {
                "id": "c",
                "object": "chat.completion.chunk",
                "choices": [{"index": index, "delta": delta, **about}] if is_said else [],
                **top,
            }
        )
    return found


def shown(completion: Any) -> Any:
    """A completion without the choices that nothing was said of."""
    found = comparable(completion)
    found["choices"] = [
        choice
        for choice in found["choices"]
        if choice["message"].keys() != {"role"} or choice.keys() != {"index", "message"}
    ]
    return found


def held(projection: Any) -> Any:
    [completion] = projection.completions
    return shown(completion)


@given(chunks(), st.data())
def test_readers_hold_the_completion_whenever_they_join_and_however_it_is_cut(
    script: list[dict[str, Any]], data: st.DataObject
) -> None:
    expected = shown(right(script))
    deliveries = write_all(script).deliveries
    assert held(live(deliveries)) == expected

    def place(length: int) -> int | None:
        return data.draw(st.none() | st.integers(0, length))

    pieces = cut(deliveries, place)
    for seen in (pieces, rolled_up(deliveries)):
        assert held(live(seen)) == expected
        assert held(joined(seen, data.draw(st.integers(0, len(seen))))) == expected


@given(chunks(), st.data())
def test_deliveries_that_come_twice_count_once(script: list[dict[str, Any]], data: st.DataObject) -> None:
    deliveries = write_all(script).deliveries
    once = held(live(deliveries))
    twice = [
        each
        for delivery in deliveries
        for each in [delivery] * (2 if delivery.extras["ai"]["transport"]["stream"] == "true" else 1)
    ]
    assert held(live(twice)) == once


@given(chunks(), st.lists(st.integers(1, 30), max_size=8))
def test_a_body_may_be_cut_anywhere(script: list[dict[str, Any]], cuts: list[int]) -> None:
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in script).encode()
    pieces = []
    for size in cuts:
        pieces.append(body[:size])
        body = body[size:]
    assert write_all([piece for piece in [*pieces, body] if piece]).deliveries == write_all(script).deliveries


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [
        "",
        "choices",
        "choices/0",
        "choices/0/message",
        "choices/0/message/content",
        "choices/0/message/content/deeper",
        "choices/0/message/tool_calls",
        "choices/0/message/tool_calls/0",
        "choices/0/message/tool_calls/0/function",
        "choices/0/message/tool_calls/0/function/arguments",
        "choices/x/message/tool_calls/999999999999",
        "choices/0/logprobs/content",
        "id",
        "a/" * 9,
        "x" * 500,
    ]
) | st.text(max_size=6)
KINDS = st.sampled_from(
    [
        *STREAM_KINDS,
        "completion",
        "choice",
        "tool-call",
        "usage",
        "finish",
        "completion-end",
        "tool-approval-request",
        "message",
        "user-message",
        "tool-result",
        "tool-result-error",
        "tool-approval-response",
        "regenerate",
        "novel",
    ]
)


@st.composite
def hostile(draw: st.DrawFn) -> InboundMessage:
    """A message from somebody who knows the codec's words, and means no good."""
    codec: dict[str, Any] = {
        "kind": draw(KINDS),
        "path": draw(PATHS),
        "partType": draw(st.sampled_from(["text", "part-image_url", "part-", ""])),
        "about": draw(st.sampled_from(["{", "[]", '{"role":"system","content":3}'])),
        **draw(
            st.dictionaries(st.sampled_from(["reason", "tool_call_id", "form", "rest", "path"]), ANYTHING, max_size=2)
        ),
    }
    transport = {
        "codec-message-id": draw(st.sampled_from(["m1", "m2", ""])),
        "stream": draw(st.sampled_from(["true", "false"])),
        "status": draw(st.sampled_from(["streaming", "complete", "cancelled"])),
    }
    serial = draw(st.sampled_from(["1", "2", "3", "4"]))
    return InboundMessage(
        draw(st.sampled_from([names.CREATE, names.APPEND, names.UPDATE, names.DELETE])),
        serial,
        serial + draw(st.text("0123456789", max_size=3)),
        0,
        draw(st.sampled_from([names.OUTPUT, names.INPUT, None])),
        draw(ANYTHING | st.sampled_from(['{"a":1}\n[', "text\n", {"choices": {"0": {"message": [], "logprobs": {}}}}])),
        {"ai": {"transport": transport, "codec": codec}},
    )


@given(st.lists(hostile(), max_size=12))
def test_nothing_off_the_wire_raises(messages: list[InboundMessage]) -> None:
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    folds: tuple[tuple[str, Callable[..., Any]], ...] = (("inputs", CODEC.fold_input), ("outputs", CODEC.fold_output))
    for message in messages:
        decoded = decoder.decode(message)
        meta = FoldMeta(message.serial or "", message.extras["ai"]["transport"]["codec-message-id"])
        for direction, fold in folds:
            for event in getattr(decoded, direction):
                projection = fold(projection, event, meta)
        for found in CODEC.get_messages(projection):
            assert found.message["role"] in {"user", "assistant", "tool"}
    assert isinstance(projection.completions, list)
    as_history(projection.messages)


def test_deep_and_wide_messages_are_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    projection = CODEC.init()
    meta = FoldMeta("1", "m")
    CODEC.fold_output(projection, {"type": "completion", "data": deep}, meta)
    for number in range(20_000):
        event = {"type": "content-start", "path": f"choices/{number}/message/content"}
        CODEC.fold_output(projection, event, meta)
    CODEC.fold_output(projection, {"type": "completion", "data": dict.fromkeys(map(str, range(50_000)), 1)}, meta)
    [completion] = projection.completions
    assert len(completion) < 20_000
    assert len(completion["choices"]) < 5_000
