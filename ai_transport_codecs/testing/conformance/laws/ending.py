"""What readers hold of a stream that was cut off."""

from __future__ import annotations

from collections.abc import Iterator

from ai_transport_codecs.testing.conformance.channel import Log
from ai_transport_codecs.testing.conformance.deliveries import history, is_open, late, status_of
from ai_transport_codecs.testing.conformance.reader import Reader, read_live
from ai_transport_codecs.testing.conformance.subject import Pipe, Recording, Subject
from ai_transport_codecs.testing.conformance.violation import require, require_same
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage


def cancelled_streams_stay_readable(subject: Subject) -> None:
    """A cancel keeps what was said: the messages can be read, are the same for all readers, and no stream is open."""
    for recording in subject.recordings:
        for stop, before, deliveries in _cut_off(subject, recording, cancel=True):
            what = f"sample {recording.sample.name!r}, cancelled after {stop} items"
            open_ = {d.serial for d in before if status_of(d)}
            for delivery in deliveries:
                if not is_open(delivery):
                    open_.discard(delivery.serial)
            require(not open_, f"{what}: stream(s) {sorted(map(str, open_))} are left open")
            require_same(
                [id_ for id_, _ in read_live(subject.codec, before)],
                [id_ for id_, _ in read_live(subject.codec, deliveries)],
                f"{what}: the messages there are",
            )
            _require_same_for_all(subject, deliveries, what)


def cancelled_streams_say_so(subject: Subject) -> None:
    """A stream ended by a cancel has status cancelled, so that nobody takes half an answer for a whole one."""
    for recording in subject.streamed():
        for stop, before, deliveries in _cut_off(subject, recording, cancel=True):
            for delivery in deliveries[len(before) :]:
                require(
                    status_of(delivery) == names.CANCELLED and delivery.data == "",
                    f"sample {recording.sample.name!r}, cancelled after {stop} items: {delivery}"
                    " should only say that the stream is cancelled",
                )


def failed_streams_stay_readable(subject: Subject) -> None:
    """When a process dies, streams stay open for ever: what arrived can still be read, and by all readers alike."""
    for recording in subject.recordings:
        for stop, _, deliveries in _cut_off(subject, recording, cancel=False):
            what = f"sample {recording.sample.name!r}, broken off after {stop} items"
            _require_same_for_all(subject, deliveries, what)


def _cut_off(
    subject: Subject, recording: Recording, *, cancel: bool
) -> Iterator[tuple[int, list[InboundMessage], list[InboundMessage]]]:
    """The deliveries when the source stops after each number of its items: without, and with, what ends it."""
    for stop in range(len(recording.sample.items) + 1):
        log = Log()
        pipe = Pipe(subject.codec, log, events=recording.sample.events)
        for item in recording.sample.fresh()[:stop]:
            pipe.item(item)
        before = list(log.deliveries)
        if cancel:
            pipe.stop()
        yield stop, before, log.deliveries


def _require_same_for_all(subject: Subject, deliveries: list[InboundMessage], what: str) -> None:
    expected = read_live(subject.codec, deliveries)
    require_same(expected, read_live(subject.codec, history(deliveries)), f"{what}: read from history")
    middle = len(deliveries) // 2
    reader = Reader(subject.codec).read(late(deliveries, middle)).read(history(deliveries[:middle]))
    require_same(expected, reader.messages(), f"{what}: read by who joined half-way")
