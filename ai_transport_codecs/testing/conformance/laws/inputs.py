"""What users send."""

from __future__ import annotations

from typing import Any

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.testing.conformance.reader import Reader, fold, messages_of
from ai_transport_codecs.testing.conformance.subject import Subject, input_message_id, write_input
from ai_transport_codecs.testing.conformance.violation import (
    LawViolation,
    NotApplicable,
    require,
    require_same,
    shown,
    unbroken,
)
from ai_transport_codecs.wire.messages import InboundMessage


def inputs_equal_their_direct_fold(subject: Subject) -> None:
    """A sender shows an input before it is published: what comes back from the wire must look the same."""
    codec = subject.codec
    for event, deliveries in zip(_events(subject), subject.input_logs, strict=True):
        if event["kind"] == well_known.REGENERATE:
            continue  # its meaning is all in the session's headers
        meta = FoldMeta("", input_message_id(event))
        expected = messages_of(codec, fold(codec, codec.init(), meta, (event,), ()))
        found = Reader(codec).read(deliveries).messages()
        require_same(expected, found, f"input {shown(event)}, read from the wire")


def inputs_answer_what_was_streamed(subject: Subject) -> None:
    """An input may answer an agent's message, as a tool's result does: direct or from the wire, it changes it alike."""
    codec = subject.codec
    for event, deliveries in zip(_events(subject), subject.input_logs, strict=True):
        for recording in subject.recordings:
            later = [d._replace(serial=f"9{d.serial}", version=f"9{d.version}") for d in deliveries]
            target = input_message_id(event)
            outputs, answers = Reader(codec).read(recording.deliveries), Reader(codec)
            direct = fold(codec, outputs.projection(), FoldMeta("", target), (event,), ())
            received = outputs.projection()
            for delivery in later:
                meta, inputs, _ = answers.take(delivery)
                received = fold(codec, received, meta, inputs, ())
            require_same(
                messages_of(codec, direct),
                messages_of(codec, received),
                f"input {shown(event)} after sample {recording.sample.name!r}",
            )


def inputs_stay_as_they_are(subject: Subject) -> None:
    """to_input takes input events too, unchanged, so that a program may pass either."""
    for event in _events(subject):
        require(isinstance(event.get("kind"), str), f"to_input gave {shown(event)}, which has no kind")
        with unbroken(f"to_input({shown(event)})"):
            again = subject.codec.to_input(event)
        require(again == event, f"to_input({shown(event)}) gave another event: {shown(again)}")


def what_cannot_be_sent_is_refused(subject: Subject) -> None:
    """A program that sends what the codec cannot carry is told so at once, by an InvalidArgumentError that explains."""
    codec = subject.codec
    attempts: list[tuple[str, Any]] = [
        ("to_input(object())", lambda: codec.to_input(object())),
        ("to_input(None)", lambda: codec.to_input(None)),
        ("encode_input of an unknown kind", lambda: codec.create_encoder().encode_input({"kind": "no-such-kind"})),
        ("encode_input of no event", lambda: codec.create_encoder().encode_input(object())),
    ]
    for what, attempt in attempts:
        try:
            attempt()
        except InvalidArgumentError as error:
            require(len(str(error)) > 20, f"{what} is refused without an explanation: {error}")
        except Exception as error:
            raise LawViolation(f"{what} raised {error!r}, not InvalidArgumentError") from error
        else:
            raise LawViolation(f"{what} was accepted")


def regenerating_can_be_asked_for(subject: Subject) -> None:
    """Every session can ask for another answer: the codec makes that input and writes it as one message."""
    with unbroken("create_regenerate"):
        event = subject.codec.create_regenerate("message-1", "input-1")
    require(event.get("kind") == well_known.REGENERATE, f"create_regenerate gave {shown(event)}")
    try:
        deliveries = write_input(subject.codec, event)
    except LawViolation as error:
        raise LawViolation(f"{error}; give the input table a row for it: wire_only('regenerate')") from error
    require(len(deliveries) == 1, f"regenerate is {len(deliveries)} messages")
    require_same([], Reader(subject.codec).read(deliveries).messages(), "messages that a regenerate shows")


def user_messages_can_be_made(subject: Subject) -> None:
    """A message that a view shows can be sent again, as an edit does: create_user_message takes it."""
    codec = subject.codec
    shown_ones = [
        message
        for event in _events(subject)
        if event["kind"] == well_known.USER_MESSAGE
        for _, message in messages_of(codec, fold(codec, codec.init(), FoldMeta("", "input-1"), (event,), ()))
    ]
    if not shown_ones:
        raise NotApplicable("no sample input is a user message that is shown")
    for message in shown_ones:
        with unbroken(f"create_user_message({shown(message)})"):
            event = codec.create_user_message(message)
        log = write_input(codec, event)
        again = [found for _, found in Reader(codec).read(log).messages()]
        require_same([message], again, "a user message that was read and sent again")


def inputs_are_read_in_any_order(subject: Subject) -> None:
    """The parts of one input, and inputs among each other, may arrive late, twice or out of order."""
    codec = subject.codec
    deliveries: list[InboundMessage] = []
    for number, event in enumerate(_events(subject)):
        for delivery in write_input(codec, event, f"input-{number}"):
            serial = f"{len(deliveries):08d}"
            deliveries.append(delivery._replace(serial=serial, version=serial))
    expected = Reader(codec).read(deliveries).messages()
    backwards = [*reversed(deliveries)]
    require_same(expected, Reader(codec).read(backwards).messages(), "inputs, read backwards")
    twice = [*deliveries, *deliveries]
    require_same(expected, Reader(codec).read(twice).messages(), "inputs, read twice")


def _events(subject: Subject) -> list[Any]:
    if not subject.inputs:
        raise NotApplicable("no sample inputs")
    return subject.input_events
