"""Real streams of the Responses API: what readers end with are the items of the response."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ai_transport_codecs.codecs.openai.responses import model_input
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage
from ai_transport_codecs.wire.size import message_size
from tests.codecs.openai.responses.replay import RECORDINGS, events_in, final_response, provider
from tests.codecs.openai.responses.wire import Log, Reader, joined, late, live, only, without_own, write_all, write_each

LARGEST = 65_536
POINTS = 1_000_000 if os.environ.get("AI_TRANSPORT_CODECS_EVERY_JOIN") else 60
"""How many points of a recording are tried; with that variable each one, which takes minutes for the long ones."""


@pytest.fixture(params=list(RECORDINGS.values()), ids=list(RECORDINGS))
def recording(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 12


def check(deliveries: Sequence[InboundMessage], final: dict[str, Any] | None) -> None:
    message = only(deliveries)
    if final is None:
        assert message.get("response", {}).get("status") == "incomplete"
        return
    assert message["items"] == final["output"]
    told = message.get("response", {})
    assert (told.get("status"), told.get("usage"), told.get("model")) == (
        final["status"],
        final["usage"],
        final["model"],
    )
    assert model_input([message]) == final["output"]


def test_readers_end_with_the_items_of_the_response(recording: Path) -> None:
    events = events_in(recording)
    check(write_all(events), final_response(events))


def test_wherever_a_reader_joins_it_ends_with_the_same(recording: Path) -> None:
    deliveries = write_all(events_in(recording))
    expected = live(deliveries).messages
    # Each point for short streams, and as many points spread over the long ones.
    step = max(1, len(deliveries) // POINTS)
    for position in [*range(0, len(deliveries), step), len(deliveries)]:
        assert joined(deliveries, position).messages == expected
        for message in Reader().read(late(deliveries, position)).projection.messages:
            assert isinstance(message["items"], list)


async def test_the_sdks_events_say_the_same_as_plain_ones(recording: Path) -> None:
    expected = live(write_all(events_in(recording))).messages
    async with provider(recording.read_bytes()) as (client, _):  # noqa: ASYNC240  # before anything runs
        stream = await client.responses.create(model="m", input="hi", stream=True)
        events = [event async for event in stream]
    copies = [event.model_copy(deep=True) for event in events]
    assert live(write_all(events)).messages == expected
    assert events == copies, "the source's own events were changed"


async def test_the_helpers_events_say_the_same_without_their_snapshots(recording: Path) -> None:
    expected = live(write_all(events_in(recording))).messages
    log = Log()
    body = recording.read_bytes()  # noqa: ASYNC240  # before anything runs
    async with (
        provider(body) as (client, _),
        client.responses.stream(model="m", input="hi") as stream,
    ):
        events = [event async for event in stream]
    for _ in write_each(log, events):
        pass
    assert live(log.deliveries).messages == expected
    assert not any("snapshot" in str(delivery.extras) or "parsed" in str(delivery.data) for delivery in log.deliveries)


@pytest.mark.parametrize("size", [1, 7, 1_024, 1_000_000])
def test_the_body_in_pieces_says_the_same(recording: Path, size: int) -> None:
    body = recording.read_bytes()
    if len(body) > 40_000 and size < 1_024:
        size *= 500  # what the pieces have to show, they show in the shorter ones
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert live(write_all(pieces)).messages == live(write_all(events_in(recording))).messages


def test_no_message_is_larger_than_the_smallest_limit(recording: Path) -> None:
    for delivery in write_all(events_in(recording)):
        assert message_size(OutboundMessage(delivery.name or "", delivery.data, delivery.extras)) < LARGEST


def test_a_reference_reader_sees_messages_reasoning_and_calls(recording: Path) -> None:
    events = events_in(recording)
    final = final_response(events)
    seen = live(without_own(write_all(events))).messages
    shown = [text_of(item) for message in seen for item in message["items"]]
    if final is not None:
        assert shown == [
            text_of(item) for item in final["output"] if item["type"] in ("message", "reasoning", "function_call")
        ]
    for message in seen:
        assert message.keys() <= {"role", "items", "toolCallStates"}


def text_of(item: dict[str, Any]) -> Any:
    """What a reader shows of an item."""
    if item["type"] == "function_call":
        return item["call_id"], item["name"], item["arguments"]
    parts = item["content"] if item["type"] == "message" else item["summary"]
    return item["type"], [part.get("text", part.get("refusal")) for part in parts]


def test_while_it_streams_a_message_only_grows(recording: Path) -> None:
    log, text = Log(), ""
    for count, _ in enumerate(write_each(log, events_in(recording))):
        if count % 25 == 0 and log.deliveries:
            shown = "".join(
                part.get("text", "")
                for message in live(log.deliveries).messages
                for item in message["items"]
                if item["type"] == "message"
                for part in item["content"]
            )
            assert shown.startswith(text)
            text = shown
