"""What readers hold of streams that are written at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from ai_transport_codecs.testing.conformance.channel import Log
from ai_transport_codecs.testing.conformance.deliveries import late
from ai_transport_codecs.testing.conformance.reader import Reader
from ai_transport_codecs.testing.conformance.subject import Pipe, Recording, Subject
from ai_transport_codecs.testing.conformance.violation import NotApplicable, require_same
from ai_transport_codecs.wire.messages import InboundMessage

_FEW: Final = 6


def concurrent_runs_do_not_mix(subject: Subject) -> None:
    """Several runs stream into one channel and one decoder reads them: each run reads as if it were alone."""
    for first, second in _pairs(subject.recordings):
        alone = {run: subject.recorded(each.sample, run) for run, each in (("run-a", first), ("run-b", second))}
        for number in range(3):
            deliveries = _interleaved(subject, alone, number)
            for position in {0, len(deliveries) // 2}:
                reader = Reader(subject.codec).read(late(deliveries, position)).read(deliveries[:position])
                for run, recording in alone.items():
                    require_same(
                        recording.messages,
                        reader.messages(run),
                        f"sample {recording.sample.name!r} beside another run (way {number}, joined at {position})",
                    )


def messages_of_one_run_do_not_mix(subject: Subject) -> None:
    """A run may stream several messages at once into one projection: each is as if it were alone."""
    if not subject.mixes_messages:
        raise NotApplicable("the author states that this codec's messages are written one after the other")
    pairs = [(a, b) for a, b in _pairs(subject.recordings) if a is not b]
    if not pairs:
        raise NotApplicable("there is one sample only")
    for first, second in pairs:
        alone = {run: subject.recorded(each.sample, run) for run, each in (("run-a", first), ("run-b", second))}
        reader = Reader(subject.codec).read(_interleaved(subject, alone, 0))
        found = dict(reader.messages())
        for recording in alone.values():
            expected = dict(recording.messages)
            require_same(
                list(expected.items()),
                [(id_, found.get(id_)) for id_ in expected],
                f"sample {recording.sample.name!r} beside another message of its run",
            )


def _pairs(recordings: list[Recording]) -> list[tuple[Recording, Recording]]:
    """Each recording beside itself and others: all of them if they are few, else its neighbours."""
    if len(recordings) <= _FEW:
        return [(first, second) for first, second in product(recordings, recordings)]
    following = [*recordings[1:], recordings[0]]
    return [*zip(recordings, recordings, strict=True), *zip(recordings, following, strict=True)]


def _interleaved(subject: Subject, alone: dict[str, Recording], number: int) -> list[InboundMessage]:
    log = Log()
    lanes: dict[str, Iterator[object]] = {}
    pipes: dict[str, Pipe] = {}
    order: list[str] = []
    for run, recording in alone.items():
        pipes[run] = Pipe(subject.codec, log, run=run, events=recording.sample.events)
        lanes[run] = iter(recording.sample.fresh())
        order += [run] * len(recording.sample.items)
    next(iter(alone.values())).random("interleaved", number).shuffle(order)
    for run in order:
        pipes[run].item(next(lanes[run]))
    for pipe in pipes.values():
        pipe.finish()
    return log.deliveries
