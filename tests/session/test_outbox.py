"""The outbox over a channel that fails and dawdles: every reader still gets the source, in order, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs.channels.memory import MemoryChannel, MemoryHub
from ai_transport_codecs.codec.contract import EncoderOptions
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.errors import AITransportError, ChannelError, EncoderRecoveryError
from ai_transport_codecs.session.coalesce import ADAPTIVE, IMMEDIATE, CoalescePolicy, fixed_window, split_text
from ai_transport_codecs.session.lane import Writer
from ai_transport_codecs.session.outbox import Outbox
from ai_transport_codecs.session.retry import NO_RETRY, RetryPolicy
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation
from tests.session.toy_codec import TOY

AT_ONCE: Final = RetryPolicy(attempts=1_000, first_delay=0.0)
OK, REFUSED, LOST_ACK = "ok", "refused", "acknowledgement lost"


class FlakyWriter:
    """A channel whose n-th write has the n-th outcome, after that many turns of the event loop; later ones succeed."""

    def __init__(self, channel: Writer, outcomes: Sequence[tuple[str, int]] = ()) -> None:
        self.channel = channel
        self.outcomes = list(outcomes)
        self.calls: list[str] = []

    @property
    def max_message_size(self) -> int:
        return self.channel.max_message_size

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        serials: list[str | None] = await self._write("publish", lambda: self.channel.publish(messages))
        return serials

    async def append(self, mutation: OutboundMutation) -> str | None:
        version: str | None = await self._write("append", lambda: self.channel.append(mutation))
        return version

    async def update(self, mutation: OutboundMutation) -> str | None:
        version: str | None = await self._write("update", lambda: self.channel.update(mutation))
        return version

    async def _write(self, name: str, write: Callable[[], Awaitable[Any]]) -> Any:
        self.calls.append(name)
        outcome, turns = self.outcomes.pop(0) if self.outcomes else (OK, 0)
        result = None if outcome == REFUSED else await write()
        for _ in range(turns):
            await asyncio.sleep(0)
        if outcome != OK:
            raise ChannelError(f"{name} failed: {outcome}", code=50003, status_code=500)
        return result


class Reader:
    """What somebody knows of a channel's streams and discrete messages, from live deliveries or from history."""

    def __init__(self) -> None:
        self.decoder = TOY.create_decoder()
        self.texts: dict[str, str] = {}
        self.notes: list[str] = []
        self.ended: set[str] = set()
        self.seen_before_note: list[dict[str, str]] = []
        self._streams: dict[str, str] = {}

    def take(self, message: InboundMessage) -> None:
        decoded = self.decoder.decode(message)
        outputs = decoded.outputs
        if decoded.replaced:
            outputs = self.decoder.restate(message.serial or "").outputs
        for event in outputs:
            if event["type"] == "text-start":
                self._streams[message.serial or ""] = event["id"]
                self.texts[event["id"]] = ""
            elif event["type"] == "text-delta":
                self.texts[self._streams[message.serial or ""]] += event["delta"]
            elif event["type"] == "text-end":
                self.ended.add(event["id"])
            elif event["text"] not in self.notes:
                self.notes.append(event["text"])
                self.seen_before_note.append(dict(self.texts))

    async def read_history(self, channel: MemoryChannel) -> None:
        page = await channel.history(limit=3)
        pages = [page]
        while page.has_next:
            following = await page.next()
            assert following is not None
            page = following
            pages.append(page)
        for items in reversed([list(page.items) for page in pages]):
            for message in reversed(items):
                self.take(message)


class Source:
    """Random operations of one encoder, and what they mean."""

    def __init__(self, script: Sequence[tuple[str, int, str]]) -> None:
        self.encoder = TOY.create_encoder(EncoderOptions())
        self.texts: dict[str, str] = {}
        self.closed: set[str] = set()
        self.notes: list[str] = []
        self.text_before_note: list[dict[str, str]] = []
        self.steps = [self._operations(*entry) for entry in script]
        rest: list[Operation] = []
        for stream in sorted(self.texts.keys() - self.closed):
            rest += self.encoder.encode_output({"type": "text-end", "id": stream})
            self.closed.add(stream)
        self.steps.append(rest)

    def _operations(self, action: str, number: int, text: str) -> list[Operation]:
        stream = f"t{number}"
        operations: list[Operation] = []
        if action == "note":
            note = f"note {len(self.notes)}"
            self.notes.append(note)
            self.text_before_note.append(dict(self.texts))
            return [*self.encoder.encode_output({"type": "note", "text": note})]
        if stream in self.closed:
            return []
        if stream not in self.texts:
            self.texts[stream] = ""
            operations += self.encoder.encode_output({"type": "text-start", "id": stream})
        if action == "delta":
            self.texts[stream] += text
            operations += self.encoder.encode_output({"type": "text-delta", "id": stream, "delta": text})
        else:
            self.closed.add(stream)
            operations += self.encoder.encode_output({"type": "text-end", "id": stream})
        return operations


SCRIPTS = st.lists(
    st.tuples(
        st.sampled_from(["delta", "delta", "delta", "delta", "close", "note"]),
        st.integers(0, 2),
        st.text(alphabet="ab é日😀\ud83d\ude00", max_size=4),
    ),
    max_size=25,
)
OUTCOMES = st.lists(st.tuples(st.sampled_from([OK, OK, OK, REFUSED, LOST_ACK]), st.integers(0, 6)), max_size=40)
POLICIES = st.sampled_from(
    [ADAPTIVE, IMMEDIATE, fixed_window(0.001), CoalescePolicy(max_in_flight=1, max_wait=0.0, max_bytes=4)]
)


@settings(max_examples=300)
@given(script=SCRIPTS, outcomes=OUTCOMES, policy=POLICIES, joins_at=st.integers(0, 25), pauses=st.integers(0, 4))
def test_any_pattern_of_failures_gives_every_reader_the_source_in_order_and_once(
    script: list[tuple[str, int, str]],
    outcomes: list[tuple[str, int]],
    policy: CoalescePolicy,
    joins_at: int,
    pauses: int,
) -> None:
    asyncio.run(_check(script, outcomes, policy, joins_at, pauses))


async def _check(
    script: list[tuple[str, int, str]],
    outcomes: list[tuple[str, int]],
    policy: CoalescePolicy,
    joins_at: int,
    pauses: int,
) -> None:
    hub = MemoryHub()
    writer = FlakyWriter(hub.client("agent").channel("c"), outcomes)
    live_channel, late_channel = hub.client("live").channel("c"), hub.client("late").channel("c")
    live, late, historian = Reader(), Reader(), Reader()
    live_channel.subscribe(live.take)
    await live_channel.attach()
    outbox = Outbox(writer, policy=policy, retry=AT_ONCE)
    source = Source(script)
    for index, operations in enumerate(source.steps):
        if index == joins_at:
            await _join(late_channel, late)
        await outbox.send(operations)
        for _ in range(pauses):
            await asyncio.sleep(0)
    await outbox.flush()
    await historian.read_history(hub.client("historian").channel("c"))
    await _until_quiet()
    if joins_at < len(source.steps):
        _assert_equal(late, source)
    _assert_equal(live, source)
    _assert_equal(historian, source)
    for before, promised in zip(live.seen_before_note, source.text_before_note, strict=True):
        for stream, text in promised.items():
            assert _utf16(before[stream]) == _utf16(text), "a discrete message overtook text, or text overtook it"


async def _join(channel: MemoryChannel, reader: Reader) -> None:
    """Attach in the middle: what came before from history, what comes from now on live, in that order."""
    waiting: list[InboundMessage] = []
    stop = channel.subscribe(waiting.append)
    await channel.attach()
    page = await channel.history(limit=1_000, until_attach=True)
    for message in [*reversed(page.items), *waiting]:
        reader.take(message)
    stop()
    channel.subscribe(reader.take)


async def _until_quiet() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _assert_equal(reader: Reader, source: Source) -> None:
    assert {key: _utf16(text) for key, text in reader.texts.items()} == {
        key: _utf16(text) for key, text in source.texts.items()
    }
    assert reader.ended == source.closed
    assert reader.notes == source.notes


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


async def _outbox(
    outcomes: Sequence[tuple[str, int]] = (), *, policy: CoalescePolicy = ADAPTIVE, retry: RetryPolicy = AT_ONCE
) -> tuple[Outbox, FlakyWriter, Reader]:
    hub = MemoryHub()
    channel = hub.client("reader").channel("c")
    reader = Reader()
    channel.subscribe(reader.take)
    await channel.attach()
    writer = FlakyWriter(hub.client("agent").channel("c"), outcomes)
    return Outbox(writer, policy=policy, retry=retry), writer, reader


def _events(*events: dict[str, str]) -> list[Operation]:
    encoder = TOY.create_encoder(EncoderOptions())
    return [operation for event in events for operation in encoder.encode_output(event)]


START = {"type": "text-start", "id": "t"}
END = {"type": "text-end", "id": "t"}


def _delta(text: str) -> dict[str, str]:
    return {"type": "text-delta", "id": "t", "delta": text}


async def test_the_first_delta_goes_at_once_and_what_arrives_meanwhile_is_merged() -> None:
    outbox, writer, reader = await _outbox([(OK, 0), (OK, 30)])
    start, first, *rest = _events(START, *map(_delta, "abcdefgh"))
    outbox.post([start])
    await outbox.flush()
    outbox.post([first])
    for _ in range(5):
        await asyncio.sleep(0)
    assert reader.texts == {"t": "a"}, "the first delta did not go at once"
    for operation in rest:
        outbox.post([operation])
        await asyncio.sleep(0)
    await outbox.flush()
    assert reader.texts == {"t": "abcdefgh"}
    assert writer.calls == ["publish", "append", "append"]


async def test_immediate_writes_one_append_per_delta_also_for_empty_ones() -> None:
    outbox, writer, _ = await _outbox(policy=IMMEDIATE)
    outbox.post(_events(START, _delta("a"), _delta(""), _delta("b"), END))
    await outbox.flush()
    assert writer.calls == ["publish", "append", "append", "append", "append"]


async def test_the_closing_append_carries_the_text_that_still_waits() -> None:
    outbox, writer, reader = await _outbox()
    outbox.post(_events(START, _delta("all "), _delta("at once"), END))
    await outbox.flush()
    assert writer.calls == ["publish", "append"]
    assert (reader.texts, reader.ended) == ({"t": "all at once"}, {"t"})


async def test_a_failed_append_is_repaired_by_one_update_before_the_stream_goes_on() -> None:
    outbox, writer, reader = await _outbox([(OK, 0), (REFUSED, 3)])
    start, *deltas, end = _events(START, _delta("one "), _delta("two "), END)
    outbox.post([start])
    await outbox.flush()
    outbox.post(deltas[:1])
    for _ in range(3):
        await asyncio.sleep(0)
    outbox.post([*deltas[1:], end])
    await outbox.flush()
    assert writer.calls == ["publish", "append", "update", "append"]
    assert (reader.texts, reader.ended) == ({"t": "one two "}, {"t"})


async def test_a_stream_that_cannot_be_repaired_is_reported_and_healed_by_its_close() -> None:
    outbox, writer, reader = await _outbox([(OK, 0), (REFUSED, 0), (REFUSED, 0)], retry=NO_RETRY)
    start, delta, end = _events(START, _delta("text"), END)
    outbox.post([start])
    await outbox.flush()
    outbox.post([delta])
    with pytest.raises(
        EncoderRecoveryError, match=r"unable to recover stream.* t; .* end the run with an error"
    ) as caught:
        await outbox.flush()
    assert caught.value.code == 104000
    assert isinstance(caught.value.cause, ChannelError)
    outbox.post([end])
    await outbox.flush()
    assert writer.calls[-1] == "update"
    assert (reader.texts, reader.ended) == ({"t": "text"}, {"t"})


async def test_text_after_a_failed_repair_is_stated_with_all_that_was_missed() -> None:
    outbox, writer, reader = await _outbox([(OK, 0), (REFUSED, 0), (REFUSED, 0)], retry=NO_RETRY)
    start, first, second, third = _events(START, *map(_delta, ("one ", "two ", "three")))
    outbox.post([start])
    await outbox.flush()
    outbox.post([first])
    with pytest.raises(EncoderRecoveryError):
        await outbox.flush()
    outbox.post([second])
    await outbox.flush()
    outbox.post([third])
    await outbox.flush()
    assert writer.calls == ["publish", "append", "update", "update", "append"]
    assert reader.texts == {"t": "one two three"}


async def test_a_stream_that_never_opened_is_reported_once_and_its_text_dropped() -> None:
    outbox, _, reader = await _outbox([(REFUSED, 0)], retry=NO_RETRY)
    outbox.post(_events(START, _delta("text"), END, {"type": "note", "text": "after"}))
    with pytest.raises(ChannelError, match="publish failed"):
        await outbox.flush()
    await outbox.flush()
    assert reader.texts == {}
    assert reader.notes == ["after"], "the next operations are still tried"


async def test_a_refusal_is_not_tried_again_but_a_passing_failure_is() -> None:
    hub = MemoryHub(max_message_size=2_000)
    writer = FlakyWriter(hub.client("agent").channel("c"), [(LOST_ACK, 0)])
    outbox = Outbox(writer, retry=AT_ONCE)
    outbox.post(_events({"type": "note", "text": "kept"}))
    await outbox.flush()
    assert writer.calls == ["publish", "publish"]
    page = await hub.client("x").channel("c").history()
    assert len(page.items) == 1, "a publish whose acknowledgement was lost is known again by its id"
    outbox.post(_events({"type": "note", "text": "x" * 3_000}))
    with pytest.raises(AITransportError) as caught:
        await outbox.flush()
    assert caught.value.code == 40009
    assert writer.calls == ["publish", "publish", "publish"]


async def test_text_larger_than_a_message_goes_out_in_several() -> None:
    hub = MemoryHub(max_message_size=2_000)
    channel = hub.client("reader").channel("c")
    reader = Reader()
    channel.subscribe(reader.take)
    await channel.attach()
    outbox = Outbox(hub.client("agent").channel("c"))
    text = "é日😀x" * 1_000
    outbox.post(_events(START, _delta(text), END))
    await outbox.flush()
    assert (reader.texts, reader.ended) == ({"t": text}, {"t"})


async def test_a_fast_source_waits_while_too_much_is_unsent() -> None:
    gate = asyncio.Event()

    class Slow(FlakyWriter):
        async def append(self, mutation: OutboundMutation) -> str | None:
            await gate.wait()
            return await super().append(mutation)

    hub = MemoryHub()
    outbox = Outbox(Slow(hub.client("agent").channel("c")))
    start, first, *rest = _events(START, _delta("a"), *(_delta("x" * 50_000) for _ in range(20)))
    await outbox.send([start])
    await outbox.flush()
    await outbox.send([first])
    sending = asyncio.create_task(_send_all(outbox, rest))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not sending.done()
    gate.set()
    await sending
    await outbox.flush()


async def _send_all(outbox: Outbox, operations: Sequence[Operation]) -> None:
    for operation in operations:
        await outbox.send([operation])


@given(text=st.text(alphabet="a é日😀\ud800", max_size=60), limit=st.integers(1, 20))
def test_split_text_keeps_every_character_and_the_limit(text: str, limit: int) -> None:
    pieces = list(split_text(text, limit))
    assert "".join(pieces) == text
    assert len(pieces) >= 1
    assert all(len(piece) == 1 or len(piece.encode("utf-8", "surrogatepass")) <= limit for piece in pieces)


def test_a_window_out_of_range_says_so() -> None:
    with pytest.raises(ValueError, match="between 0 and 10 seconds, not 11"):
        fixed_window(11)
