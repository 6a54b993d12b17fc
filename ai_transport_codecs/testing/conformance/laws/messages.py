"""What can be done with a projection and its messages."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from ai_transport_codecs.testing.conformance.reader import Reader, fold, messages_of
from ai_transport_codecs.testing.conformance.subject import Subject
from ai_transport_codecs.testing.conformance.violation import NotApplicable, require_same, unbroken


def messages_survive_the_frameworks_own_json(subject: Subject) -> None:
    """Conversations are stored and sent back to a model: the framework dumps and loads each message unchanged."""
    for recording in subject.recordings:
        for position in recording.positions():
            is_whole = position == len(recording.deliveries)
            for id_, message in Reader(subject.codec).read(recording.deliveries[:position]).messages():
                with unbroken(f"dumping and loading message {id_!r} of {recording.sample.name!r}"):
                    again = subject.reload(copy.deepcopy(message))
                # Half a message may be one that the framework itself reads as something else.
                expected = message if is_whole else again
                require_same([expected], [again], f"message {id_!r} of {recording.sample.name!r}, dumped and loaded")


def projections_survive_pickling(subject: Subject) -> None:
    """A worker may put a conversation away and go on elsewhere: a pickled projection folds on like the original."""
    if not subject.pickles:
        raise NotApplicable("the author states that its projections are not for storing")
    for recording in subject.recordings:
        reader, projection = Reader(subject.codec), subject.codec.init()
        for delivery in recording.deliveries:
            with unbroken("pickling the projection"):
                projection = pickle.loads(pickle.dumps(projection))  # noqa: S301 - our own
            projection = fold(subject.codec, projection, *reader.take(delivery))
        require_same(
            recording.messages, messages_of(subject.codec, projection), f"sample {recording.sample.name!r}, pickled"
        )


def projections_can_be_forked(subject: Subject) -> None:
    """A view may fold an optimistic input into a copy: folding on in a copy leaves the original as it was."""
    for recording in subject.recordings:
        reader, projection = Reader(subject.codec), subject.codec.init()
        for delivery in recording.deliveries:
            before = messages_of(subject.codec, projection)
            with unbroken("copying the projection"):
                fork: Any = copy.deepcopy(projection)
            news = reader.take(delivery)
            fork = fold(subject.codec, fork, *news)
            after = messages_of(subject.codec, projection)
            require_same(before, after, f"sample {recording.sample.name!r}, folded on in a copy")
            projection = fold(subject.codec, projection, *news)
