"""What readers hold who come later, and load what they missed from history."""

from __future__ import annotations

from ai_transport_codecs.testing.conformance.deliveries import history, late
from ai_transport_codecs.testing.conformance.reader import Reader, read_live
from ai_transport_codecs.testing.conformance.subject import Recording, Subject
from ai_transport_codecs.testing.conformance.violation import require_same, unbroken


def joining_before_loading_history(subject: Subject) -> None:
    """A second device may join at any delivery, read on live, then load what was before: it ends with the same."""
    for recording in subject.recordings:
        for position in recording.positions():
            reader = Reader(subject.codec).read(late(recording.deliveries, position))
            reader.read(history(recording.deliveries[:position]))
            _require(recording, reader, f"joined at delivery {position}, then loaded the history before it")


def joining_after_loading_history(subject: Subject) -> None:
    """A device may load the history up to any delivery and then read on, by appends or by whole messages."""
    for recording in subject.recordings:
        for position in recording.positions():
            past = history(recording.deliveries[:position])
            for live in (recording.deliveries[position:], late(recording.deliveries, position)):
                reader = Reader(subject.codec).read(past).read(live)
                _require(recording, reader, f"loaded history up to delivery {position}, then read on")


def history_that_overlaps_what_was_live(subject: Subject) -> None:
    """History is asked for after attaching, so it repeats what was seen live: everything counts once."""
    for recording in subject.recordings:
        for position in recording.positions():
            reader = Reader(subject.codec).read(late(recording.deliveries, position))
            _require(recording, reader.read(history(recording.deliveries)), f"joined at {position}, all history loaded")
            reader = Reader(subject.codec).read(recording.deliveries[:position]).read(history(recording.deliveries))
            reader.read(recording.deliveries[position:])
            _require(recording, reader, f"all history loaded in between, at delivery {position}")


def history_in_pages_from_the_newest(subject: Subject) -> None:
    """History comes in pages, newest first: read in that order, it folds to the same conversation."""
    for recording in subject.recordings:
        past = history(recording.deliveries)
        for size in (1, 2, 7):
            reader = Reader(subject.codec)
            for start in range(len(past), 0, -size):
                reader.read(past[max(0, start - size) : start])
            _require(recording, reader, f"history in pages of {size}, newest first")


def compacted_history_equals_live(subject: Subject) -> None:
    """History has each message once with its full text; at any moment it says what live readers have seen."""
    for recording in subject.recordings:
        for position in recording.positions():
            seen = recording.deliveries[:position]
            require_same(
                read_live(subject.codec, seen),
                read_live(subject.codec, history(seen)),
                f"sample {recording.sample.name!r}, history after {position} deliveries",
            )


def joining_without_history_is_harmless(subject: Subject) -> None:
    """A reader that never loads what was before sees less, and stumbles over nothing."""
    for recording in subject.recordings:
        for position in recording.positions():
            read_live(subject.codec, late(recording.deliveries, position))
            # Appends to a message that nothing is known of come as well, from a channel that was rewound.
            read_live(subject.codec, recording.deliveries[position:])


def open_streams_can_be_restated(subject: Subject) -> None:
    """A session may ask anew for a stream from its start: restating it at any moment changes nothing."""
    for recording in subject.streamed():
        for position in range(1, len(recording.deliveries) + 1):
            seen = recording.deliveries[:position]
            decoder = subject.codec.create_decoder()
            for delivery in seen:
                decoder.decode(delivery)
            serial = seen[-1].serial or ""
            with unbroken(f"restating {serial!r}"):
                has_something = bool(decoder.restate(serial).outputs)
            if has_something:
                reader = Reader(subject.codec).read(seen)
                reader.restate(serial)
                require_same(
                    read_live(subject.codec, seen),
                    reader.messages(),
                    f"sample {recording.sample.name!r}, restated after delivery {position}",
                )


def _require(recording: Recording, reader: Reader, how: str) -> None:
    require_same(recording.messages, reader.messages(), f"sample {recording.sample.name!r}, {how}")
