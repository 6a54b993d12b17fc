"""Real streams of many providers: readers hold what the SDK accumulates, or what is right where that is not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from openai.types.chat import ChatCompletion

from ai_transport_codecs.codecs.openai.chat import ChatProjection, as_history, from_sse
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.openai.chat.expected import accumulated, comparable, right, sdk_chunks
from tests.codecs.openai.chat.recordings import BUNDLED, RECORDINGS, chunks_in
from tests.codecs.openai.chat.wire import Log, Reader, joined, late, live, rolled_up, write_all, write_each

POINTS: Final = 1_000_000 if os.environ.get("AI_TRANSPORT_CODECS_EVERY_JOIN") else 200
"""How many points of a recording are tried; with that variable each one, which takes minutes for the long ones."""

AZURE: Final = "the first chunk has empty id and model, and the SDK's accumulator keeps those"
ROLES: Final = "every chunk repeats the role, and the SDK's accumulator joins them"
CRASHES: Final = "a tool call's index is null, and the SDK's accumulator uses it as a position in a list"

# Where the SDK's accumulator is wrong in the bundled recordings: the fields that differ, and why; None where it raises.
WRONG: Final[dict[str, tuple[set[str] | None, str]]] = {
    "*azure--test-chat-async-streaming--1.sse": ({"id", "model", "created", "content_filter_results"}, AZURE),
    "*test-chat-completion-streaming-multimodal-input--0.sse": (
        {"id", "model", "created", "service_tier", "latency_checkpoint", "routing"},
        AZURE,
    ),
    "*gemini-complete-Say-hello*.sse": ({"id", "role"}, ROLES),
    "*xai-acomplete-Say-hello*.sse": ({"role"}, ROLES),
    "*ollama-Say-hello*.sse": ({"role"}, ROLES),
    "*openrouter*.sse": ({"role", "native_finish_reason"}, f"{ROLES}; extras it takes from the first chunk only"),
    "*gemini-acomplete-Return-True*.sse": (None, CRASHES),
    "*ollama-Return-1-2-3*.sse": (None, CRASHES),
}


@pytest.fixture(params=list(RECORDINGS.values()), ids=list(RECORDINGS))
def recording(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def only_completion(projection: ChatProjection) -> Any:
    [completion] = projection.completions
    return completion


def test_readers_hold_the_completion_whatever_the_source_gives(recording: Path) -> None:
    body = recording.read_bytes()
    chunks = chunks_in(body)
    expected = right(chunks)
    from_bytes = write_all([body]).deliveries
    assert comparable(only_completion(live(from_bytes))) == expected
    assert write_all(chunks).deliveries == from_bytes
    assert write_all(sdk_chunks(chunks)).deliveries == from_bytes
    assert write_all(body.decode().splitlines()).deliveries == from_bytes


def test_at_each_point_a_second_device_may_join_and_ends_with_the_same(recording: Path) -> None:
    deliveries = write_all([recording.read_bytes()]).deliveries
    expected = only_completion(live(deliveries))
    for seen in (deliveries, rolled_up(deliveries)):
        check_joins(seen, expected)


def check_joins(deliveries: Sequence[InboundMessage], expected: Any) -> None:
    step = max(1, len(deliveries) // POINTS)
    for position in [*range(0, len(deliveries) + 1, step), len(deliveries)]:
        assert only_completion(joined(deliveries, position)) == expected
        # Without the history there is less to see, but nothing to stumble over.
        for message in Reader().read(late(deliveries, position)).projection.messages:
            as_history([message])


def test_at_each_chunk_readers_hold_what_the_chunks_so_far_amount_to(recording: Path) -> None:
    chunks = chunks_in(recording.read_bytes())
    log = Log()
    step = max(1, len(chunks) // 60)
    for position, _ in enumerate(write_each(log, chunks), 1):
        if position % step == 0:
            found = comparable(only_completion(live(log.deliveries)))
            so_far = right(chunks[:position])
            texts = [choice["message"].get("content") for choice in found["choices"]]
            assert texts == [choice["message"].get("content") for choice in so_far["choices"] if said(choice)]


def said(choice: Any) -> bool:
    """Whether there is anything to show of a choice; that it will be the assistant's does not travel alone."""
    return bool(choice["message"].keys() != {"role"} or choice.keys() != {"index", "message"})


def test_the_completion_is_one_for_the_sdk_and_history_for_the_next_request(recording: Path) -> None:
    projection = live(write_all([recording.read_bytes()]).deliveries)
    [entry] = projection.entries
    completion = projection.try_sdk_completion(entry.id)
    assert isinstance(completion, ChatCompletion)
    assert completion.choices[0].message.content == entry.message["content"]
    assert [message["role"] for message in as_history([entry.message])] == ["assistant"]


def test_tokens_cost_one_append_each_and_little_else(recording: Path) -> None:
    chunks = chunks_in(recording.read_bytes())
    assert len(write_all(chunks).deliveries) <= 2 * len(chunks) + 12


def test_the_fast_lane_writes_the_same(recording: Path) -> None:
    body = recording.read_bytes()
    log = Log()
    log.write(from_sse(body.splitlines(keepends=True), headers={"role": "assistant"}, mint_id=lambda: "id-c1"))
    assert log.deliveries == write_all([body]).deliveries


@pytest.mark.parametrize("pattern", WRONG)
def test_the_sdk_is_wrong_where_we_say_it_is(pattern: str) -> None:
    fields, _ = WRONG[pattern]
    found = list(BUNDLED.rglob(pattern))
    assert found
    for recording in found:
        chunks = chunks_in(recording.read_bytes())
        if fields is None:
            with pytest.raises((TypeError, IndexError)):
                accumulated(chunks)
        else:
            assert differing(comparable(accumulated(chunks)), right(chunks)) == fields


def test_elsewhere_in_the_bundled_recordings_it_is_right_and_so_are_we() -> None:
    others = [
        path
        for path in sorted(BUNDLED.rglob("chat.completions--*.sse"))
        if not any(path.match(pattern) for pattern in WRONG)
    ]
    assert len(others) >= 4
    for recording in others:
        body = recording.read_bytes()
        sdk = comparable(accumulated(chunks_in(body)))
        ours = comparable(only_completion(live(write_all([body]).deliveries)))
        for late_extra in ("latency_checkpoint", "routing"):  # said in the last chunk, where the SDK does not look
            sdk.pop(late_extra, None)
            ours.pop(late_extra, None)
        assert ours == sdk, recording.name


def differing(wrong: Any, correct: Any) -> set[str]:
    """The names of the fields that differ, at any depth."""
    if isinstance(wrong, dict) and isinstance(correct, dict):
        found: set[str] = set()
        for key in wrong.keys() | correct.keys():
            inner = differing(wrong.get(key), correct.get(key))
            is_container = key in {"message", "choices"}
            found |= inner if is_container else {key} if inner else set()
        return found
    if isinstance(wrong, list) and isinstance(correct, list) and len(wrong) == len(correct):
        return set[str]().union(*map(differing, wrong, correct))
    return set() if wrong == correct else {"value"}
