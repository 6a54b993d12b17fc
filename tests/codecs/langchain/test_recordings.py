"""Real provider streams, through the real chat models: what readers get equals what LangChain makes of the stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.utils import convert_to_messages

from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.langchain.expected import right, summed
from tests.codecs.langchain.replay import RECORDINGS, api_of, chunks_of, events_of
from tests.codecs.langchain.wire import Log, Reader, joined, late, live, write_all, write_each

pytestmark = [
    pytest.mark.filterwarnings("ignore:Received unexpected tool content block"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
]

# Where LangChain's sum is wrong, in the bundled recordings, and in which field.
DOUBLED = {
    "*gemini-complete-Say-hello*.sse": "usage_metadata",
    "*xai-acomplete-Say-hello*.sse": "usage_metadata",
    "*multiple-choices-streaming*.sse": "response_metadata",
}
BUNDLED = Path(__file__).parents[2] / "recordings"


@pytest.fixture(params=list(RECORDINGS.values()), ids=list(RECORDINGS))
def recording(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_there_are_recordings_of_each_api() -> None:
    assert {api_of(path) for path in RECORDINGS.values()} == {"anthropic", "chat.completions", "responses"}


VERSIONS = {"responses": ("v0", "v1", "responses/v1")}
VERSIONED = [
    (path, version) for path in RECORDINGS.values() for version in VERSIONS.get(api_of(path) or "", ("v0", "v1"))
]


@pytest.mark.parametrize(("recording", "version"), VERSIONED, ids=lambda value: getattr(value, "stem", value))
async def test_readers_hold_what_the_chunks_add_up_to(recording: Path, version: str) -> None:
    chunks = await chunks_of(recording, output_version=version)
    expected = right(chunks)
    copies = [chunk.model_copy(deep=True) for chunk in chunks]
    deliveries = write_all(chunks).deliveries
    assert live(deliveries).messages == [expected]
    assert chunks == copies, "the source's own chunks were changed"
    check_joins(deliveries, expected)


async def test_readers_hold_what_the_v3_stream_assembles(recording: Path) -> None:
    events, expected = await events_of(recording)
    deliveries = write_all(events).deliveries
    if expected is None:
        [cut_off] = live(deliveries).messages
        assert cut_off.text
        return
    assert live(deliveries).messages == [expected]
    check_joins(deliveries, expected)


def check_joins(deliveries: Sequence[InboundMessage], expected: BaseMessage) -> None:
    """At each point a second device may join: with the history before it, it ends with the same message."""
    for position in range(len(deliveries) + 1):
        assert joined(deliveries, position).messages == [expected]
        # Without the history there is less to see, but nothing to stumble over.
        for message in Reader().read(late(deliveries, position)).projection.messages:
            convert_to_messages([message])


async def test_at_each_chunk_readers_hold_a_valid_message_that_only_grows(recording: Path) -> None:
    chunks = await chunks_of(recording)
    log, text = Log(), ""
    for position, _ in enumerate(write_each(log, chunks), 1):
        [message] = live(log.deliveries).messages
        sum_so_far = right(chunks[:position])
        assert message.content == sum_so_far.content or chunks[position - 1].chunk_position
        assert message.text.startswith(text)
        text = message.text
        if isinstance(message, AIMessageChunk):
            assert not message.tool_calls
            assert not message.invalid_tool_calls
            assert convert_to_messages([message])


@pytest.mark.parametrize("pattern", DOUBLED)
async def test_langchain_is_wrong_where_we_say_it_is(pattern: str) -> None:
    [recording] = BUNDLED.rglob(pattern)
    chunks = await chunks_of(recording)
    wrong, correct = summed(chunks), right(chunks)
    differing = [field for field in type(wrong).model_fields if getattr(wrong, field) != getattr(correct, field)]
    assert differing == [DOUBLED[pattern]]


async def test_elsewhere_in_the_bundled_recordings_it_is_right() -> None:
    for recording in sorted(BUNDLED.rglob("*.sse")):
        if not any(recording.match(pattern) for pattern in DOUBLED):
            chunks = await chunks_of(recording)
            assert summed(chunks) == right(chunks), recording.name


async def test_the_tokens_of_a_stream_cost_one_append_each(recording: Path) -> None:
    chunks = await chunks_of(recording)
    deliveries = write_all(chunks).deliveries
    appends = [delivery for delivery in deliveries if delivery.name is None]
    assert len(appends) <= len(chunks) + len(deliveries) - len(appends)
