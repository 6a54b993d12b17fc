"""What readers hold however the channel delivers the same conversation."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from ai_transport_codecs.testing.conformance.deliveries import (
    Deliveries,
    chopped,
    history,
    is_open,
    repaired,
    repeated,
    restated,
    rolled_up,
    shuffled,
)
from ai_transport_codecs.testing.conformance.reader import Reader, read_live
from ai_transport_codecs.testing.conformance.subject import Recording, Subject
from ai_transport_codecs.testing.conformance.violation import NotApplicable, require, require_same
from ai_transport_codecs.wire import names

ROUNDS: Final = 20
"""Random ways of delivering each sample. Chance is seeded: a failing way fails again."""


def any_split_of_text_is_the_same(subject: Subject) -> None:
    """Text arrives in other pieces than it was written in; where it is cut must not matter, nor empty pieces."""
    for recording in subject.streamed():
        _require_any(subject, recording, "cut", chopped)
        whole = chopped(recording.deliveries, recording.random("cut"), whole=True)
        require_same(
            recording.messages,
            read_live(subject.codec, whole),
            f"sample {recording.sample.name!r}, cut between all characters",
        )


def any_roll_up_is_the_same(subject: Subject) -> None:
    """Outbox and channel merge appends of one stream to save messages; readers must not notice."""
    for recording in subject.streamed():
        _require_any(subject, recording, "rolled up", rolled_up)
        whole = rolled_up(recording.deliveries, recording.random("rolled up"), all_of_it=True)
        require_same(
            recording.messages,
            read_live(subject.codec, whole),
            f"sample {recording.sample.name!r}, all appends of a stream rolled up",
        )


def repeated_deliveries_count_once(subject: Subject) -> None:
    """A resumed connection may replay deliveries, so each counts once however often it comes."""
    for recording in subject.recordings:
        _require_any(subject, recording, "repeated", repeated)


def updates_equal_appends(subject: Subject) -> None:
    """A channel may deliver an append as the whole message so far, and readers take from it what is new."""
    for recording in subject.streamed():
        found = read_live(subject.codec, restated(recording.deliveries))
        require_same(recording.messages, found, f"sample {recording.sample.name!r}, delivered as whole messages")


def repaired_streams_lose_nothing(subject: Subject) -> None:
    """After failed appends the outbox states all text so far in one update, and readers continue from it."""
    for recording in subject.streamed():
        _require_any(subject, recording, "repaired", repaired)


def replaced_text_is_as_if_always_there(subject: Subject) -> None:
    """When a stream's text is replaced by other text, who saw the old ends with what who comes later sees."""
    for recording in subject.streamed():
        for position in range(1, len(recording.deliveries) + 1):
            seen = recording.deliveries[:position]
            newest = seen[-1]
            if newest.action != names.APPEND or not is_open(newest) or not newest.data:
                continue
            text = "".join(d.data for d in seen if d.serial == newest.serial and isinstance(d.data, str))
            other = newest._replace(
                action=names.UPDATE, version=f"{newest.version}-other", name=names.OUTPUT, data=f"\u2013{text[1:]}"
            )
            before = [other if d.serial == newest.serial else d for d in history(seen)]
            require_same(
                Reader(subject.codec).read(before).messages(),
                Reader(subject.codec).read([*seen, other]).messages(),
                f"sample {recording.sample.name!r}, text replaced after delivery {position}",
            )


def out_of_order_messages_refold_the_same(subject: Subject) -> None:
    """Messages of one conversation may arrive in any order among each other; folded by serial they are the same."""
    for recording in subject.recordings:
        for number in range(ROUNDS):
            mixed = shuffled(recording.deliveries, recording.random("shuffled", number))
            require_same(
                recording.messages,
                Reader(subject.codec).read(mixed).messages(),
                f"sample {recording.sample.name!r}, messages out of order (way {number})",
            )


def every_way_at_once_is_the_same(subject: Subject) -> None:
    """Cuts, merges, repairs, repeats and disorder come together in bad weather, and still change nothing."""
    for recording in subject.recordings:
        for number in range(ROUNDS):
            random = recording.random("weather", number)
            mixed: Deliveries = recording.deliveries
            for change in random.sample((chopped, rolled_up, repaired), k=3):
                mixed = _checked(change(mixed, random))
            mixed = repeated(shuffled(mixed, random), random)
            require_same(
                recording.messages,
                Reader(subject.codec).read(mixed).messages(),
                f"sample {recording.sample.name!r}, in bad weather (way {number})",
            )


def deliveries_after_the_end_are_ignored(subject: Subject) -> None:
    """What is appended to a stream after its end is too late for every reader alike."""
    for recording in subject.streamed():
        ended = [d for d in recording.deliveries if d.action == names.APPEND and not is_open(d)]
        if not ended:
            raise NotApplicable("no sample ends a stream")
        for end in ended:
            more = end._replace(version=f"{end.version}-more", data="MORE")
            require_same(
                recording.messages,
                read_live(subject.codec, [*recording.deliveries, more]),
                f"sample {recording.sample.name!r}, with text after the end of stream {end.serial}",
            )


def _checked(deliveries: Deliveries) -> Deliveries:
    require(deliveries, "nothing is delivered any more")
    return deliveries


def _require_any(
    subject: Subject, recording: Recording, how: str, change: Callable[[Deliveries, Random], Deliveries]
) -> None:
    for number in range(ROUNDS):
        changed = change(recording.deliveries, recording.random(how, number))
        require_same(
            recording.messages,
            read_live(subject.codec, changed),
            f"sample {recording.sample.name!r}, {how} (way {number})",
        )
