"""What every codec owes whatever it carries."""

from __future__ import annotations

import re

from ai_transport_codecs.codec.loading import check_codec
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.testing.conformance.channel import Log
from ai_transport_codecs.testing.conformance.reader import Reader, fold, messages_of
from ai_transport_codecs.testing.conformance.subject import Pipe, Subject
from ai_transport_codecs.testing.conformance.violation import LawViolation, require, require_same, unbroken


def codec_keeps_the_contract(subject: Subject) -> None:
    """A session refuses an object without the contract's members and version, so a codec must have them."""
    name = getattr(subject.codec, "name", None)
    require(
        isinstance(name, str) and re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", name),
        f"the codec's name is {name!r}; programs ask for codecs by lower-case words joined by hyphens",
    )
    try:
        check_codec(subject.codec, str(name), f"codec {name!r}")
    except AITransportError as error:
        raise LawViolation(str(error)) from error


def capabilities_are_as_stated(subject: Subject) -> None:
    """What the codec does is what its author says it does, so that no law is skipped by mistake."""
    seen = {
        "writes_streams": any(len({d.serial for d in r.deliveries}) < len(r.deliveries) for r in subject.recordings),
        "takes_inputs": bool(subject.inputs),
        "takes_tool_inputs": subject.codec.create_tool_result is not None,
    }
    for capability, is_so in seen.items():
        stated = getattr(subject, capability)
        require(
            stated is None or stated == is_so,
            f"{capability} is stated as {stated}, but the codec and its samples show {is_so};"
            " correct the statement, or give the samples that show it",
        )
    factories = [
        subject.codec.create_tool_result,
        subject.codec.create_tool_result_error,
        subject.codec.create_tool_approval_response,
    ]
    require(
        len({factory is None for factory in factories}) == 1,
        "the codec has some of the three tool input factories; a client needs all of them or none",
    )


def projections_begin_empty_and_apart(subject: Subject) -> None:
    """Every run folds into a new projection, so init() gives one that is empty and shared with nobody."""
    codec = subject.codec
    require_same([], messages_of(codec, codec.init()), "messages of a new projection")
    for recording in subject.recordings:
        require_same(
            [], messages_of(codec, codec.init()), f"messages of a new projection after {recording.sample.name}"
        )


def codec_is_stateless(subject: Subject) -> None:
    """One codec serves any number of sessions: piping a stream while another is open writes what it writes alone."""
    for recording in subject.recordings:
        for other in [*subject.recordings[:2], recording]:
            log, bystander = Log(), Pipe(subject.codec, Log(), events=other.sample.events)
            pipe = Pipe(subject.codec, log, events=recording.sample.events)
            others = other.sample.fresh()
            for item in recording.sample.fresh():
                if others:
                    bystander.item(others.pop(0))
                pipe.item(item)
            pipe.finish()
            require_same(
                recording.deliveries,
                log.deliveries,
                f"the wire of sample {recording.sample.name!r} while {other.sample.name!r} is being written",
            )


def reading_messages_changes_nothing(subject: Subject) -> None:
    """A view reads messages as often as it likes, so get_messages must not change what comes out in the end."""
    for recording in subject.recordings:
        reader, projection = Reader(subject.codec), subject.codec.init()
        for delivery in recording.deliveries:
            projection = fold(subject.codec, projection, *reader.take(delivery))
            with unbroken("get_messages"):
                first, second = messages_of(subject.codec, projection), messages_of(subject.codec, projection)
            require_same(first, second, f"messages of {recording.sample.name!r} read twice")
        require_same(
            recording.messages, messages_of(subject.codec, projection), f"messages of {recording.sample.name!r}"
        )
