"""Random streams: readers end with the same messages, whenever they joined and however the channel delivers."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.vercel import CODEC
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.vercel.scripts import Chunk, scripts
from tests.codecs.vercel.wire import Reader, fold, folded, history, late, live, meta_of, piped


def pages(deliveries: list[InboundMessage], size: int) -> list[InboundMessage]:
    """The history of what was delivered, the newest page first."""
    stored = history(deliveries)
    starts = range(len(stored) % size - size, len(stored), size) if stored else range(0)
    return [message for start in reversed(starts) for message in stored[max(start, 0) : start + size]]


def rolled_up(deliveries: list[InboundMessage], data: st.DataObject) -> list[InboundMessage]:
    """The same deliveries, with some appends to one message rolled into one, as a channel may do."""
    found: list[InboundMessage] = []
    for delivery in deliveries:
        last = found[-1] if found else None
        if (
            last is not None
            and (last.action, last.serial) == (names.APPEND, delivery.serial)
            and data.draw(st.booleans())
        ):
            found[-1] = delivery._replace(data=last.data + delivery.data)
        else:
            found.append(delivery)
    return found


def once(deliveries: list[InboundMessage]) -> list[InboundMessage]:
    """Without the repeated discrete messages that a session tells by their serial (the decoder does not)."""
    seen: set[str | None] = set()
    return [
        delivery
        for delivery in deliveries
        if delivery.extras["ai"]["transport"]["stream"] == "true"
        or not (delivery.serial in seen or seen.add(delivery.serial))  # type: ignore[func-returns-value]
    ]


@given(scripts(), st.data())
def test_readers_end_with_the_same_messages_whenever_they_join(chunks: list[Chunk], data: st.DataObject) -> None:
    deliveries = piped(chunks)
    expected = live(deliveries)
    assert Reader().read(deliveries).messages == expected
    position = data.draw(st.integers(0, len(deliveries)))
    joined = Reader().read(late(deliveries, position))
    assert joined.read(pages(deliveries[:position], data.draw(st.integers(1, 5)))).messages == expected


@given(scripts())
def test_history_alone_gives_the_same_messages(chunks: list[Chunk]) -> None:
    deliveries = piped(chunks)
    assert live(history(deliveries)) == live(deliveries)


@given(scripts(), st.data())
def test_what_the_channel_rolls_up_or_repeats_does_not_matter(chunks: list[Chunk], data: st.DataObject) -> None:
    deliveries = piped(chunks)
    delivered = rolled_up(deliveries, data)
    repeated = []
    for number, delivery in enumerate(delivered):
        repeated.append(delivery)
        if data.draw(st.booleans()):
            repeated.extend(delivered[data.draw(st.integers(0, number)) : number + 1])
    assert live(once(repeated)) == live(deliveries)


@given(scripts())
def test_every_prefix_can_be_shown_and_kept(chunks: list[Chunk]) -> None:
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    kept: list[tuple[Any, str]] = []
    for delivery in piped(chunks):
        projection = fold(projection, decoder.decode(delivery), meta_of(delivery))
        messages = projection.messages
        kept.append((messages, json.dumps(messages)))
        for entry in CODEC.get_messages(projection):  # somebody else's copy, whatever becomes of it
            entry.message["parts"].clear()
    assert all(json.dumps(messages) == text for messages, text in kept)


@given(scripts())
def test_folding_keeps_and_changes_nothing_of_an_event(chunks: list[Chunk]) -> None:
    original = copy.deepcopy(chunks)
    first = folded(chunks).messages
    assert chunks == original
    second = folded(chunks)
    for chunk in chunks:
        chunk.clear()
    assert second.messages == first


@given(scripts(), st.integers(0, 40))
def test_a_stream_that_stops_anywhere_leaves_what_was_said(chunks: list[Chunk], position: int) -> None:
    deliveries = piped(chunks[:position])
    assert Reader().read(deliveries).messages == live(deliveries)
    projection = CODEC.init()
    for delivery in deliveries:
        assert delivery.extras["ai"]["transport"]["stream"] in {"true", "false"}
    last = {delivery.serial: delivery.extras["ai"]["transport"].get("status") for delivery in deliveries}
    assert "streaming" not in last.values()
    assert CODEC.fold_output(projection, {"type": "abort"}, FoldMeta("s", "m")).messages == []
