"""What readers hold who saw everything, in order."""

from __future__ import annotations

import copy

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.testing.conformance.channel import Log
from ai_transport_codecs.testing.conformance.reader import Reader, fold, messages_of
from ai_transport_codecs.testing.conformance.subject import Subject, fold_directly, pipe_whole, write_input
from ai_transport_codecs.testing.conformance.violation import require, require_same, shown, unbroken


def wire_equals_direct_fold(subject: Subject) -> None:
    """Encode, decode and fold give what folding the events directly gives: the wire loses nothing a reader sees."""
    for recording in subject.recordings:
        direct = fold_directly(subject.codec, recording.written)
        require_same(direct, recording.messages, f"sample {recording.sample.name!r}, read from the wire")


def messages_are_the_frameworks_own(subject: Subject) -> None:
    """Readers hold the messages that the framework makes of the same stream, where the author states them."""
    require(any(each.messages for each in subject.recordings), "no sample left readers with any message")
    for recording in subject.recordings:
        if not recording.sample.events:
            require(recording.messages, f"sample {recording.sample.name!r} left readers without any message")
        if recording.sample.expected is not None:
            found = [message for _, message in recording.messages]
            require_same(recording.sample.expected, found, f"messages of sample {recording.sample.name!r}")


def messages_belong_to_what_the_wire_names(subject: Subject) -> None:
    """A view finds a message by the codec-message-id on the wire, so the projection gives it that very id."""
    for recording in subject.recordings:
        known = {each.message_id for each in recording.written}
        for id_, message in recording.messages:
            require(
                any(id_ == one or id_.startswith(f"{one}/") for one in known),
                f"message {shown(message)} of {recording.sample.name!r} has the id {id_!r}, which is not on the wire",
            )


def messages_can_be_read_at_every_point(subject: Subject) -> None:
    """A screen shows an answer while it streams: at each delivery the messages can be read, and those shown stay."""
    for recording in subject.recordings:
        reader, projection = Reader(subject.codec), subject.codec.init()
        shown_ids: list[str] = []
        for delivery in recording.deliveries:
            projection = fold(subject.codec, projection, *reader.take(delivery))
            ids = [id_ for id_, _ in messages_of(subject.codec, projection)]
            require(
                [id_ for id_ in ids if id_ in shown_ids] == shown_ids,
                f"after {shown(delivery)} the messages are {ids}; before, they were {shown_ids}",
            )
            shown_ids = ids


def refolding_equals_folding(subject: Subject) -> None:
    """A session folds everything anew when an older page arrives, and readers must not see a difference."""
    for recording in subject.recordings:
        reader = Reader(subject.codec).read(recording.deliveries)
        for attempt in ("folded by serial", "folded once more"):
            require_same(recording.messages, reader.messages(), f"sample {recording.sample.name!r}, {attempt}")


def events_are_not_changed_by_folding(subject: Subject) -> None:
    """Events are kept and folded again, so a reducer copies what it wants to change."""
    for recording in subject.recordings:
        reader = Reader(subject.codec)
        taken = [reader.take(delivery) for delivery in recording.deliveries]
        before = copy.deepcopy(taken)
        projection = subject.codec.init()
        for meta, inputs, outputs in taken:
            projection = fold(subject.codec, projection, meta, inputs, outputs)
        messages_of(subject.codec, projection)
        require_same(before, taken, f"decoded events of sample {recording.sample.name!r}")
    events = subject.input_events
    before_inputs = copy.deepcopy(events)
    projection = subject.codec.init()
    for event in [*events, *events]:
        projection = fold(subject.codec, projection, FoldMeta("", "input-1"), (event,), ())
    require_same(before_inputs, events, "input events")


def deliveries_are_not_changed_by_decoding(subject: Subject) -> None:
    """A delivery has other listeners too, so a decoder must not change it."""
    logs = [write_input(subject.codec, event) for event in subject.input_events]
    for recording in subject.recordings:
        log = Log()
        pipe_whole(subject.codec, recording.sample, log)
        logs.append(log.deliveries)
    for deliveries in logs:
        before = copy.deepcopy(deliveries)
        Reader(subject.codec).read(deliveries)
        require_same(before, deliveries, "deliveries")


def events_without_context_do_no_harm(subject: Subject) -> None:
    """A reader may see the end of a message and not its start: any event folds, alone, without an id, and twice."""
    codec = subject.codec
    for recording in subject.recordings:
        for each in recording.written:
            for meta in (FoldMeta("", each.message_id), FoldMeta()):
                projection = codec.init()
                for _ in range(2):
                    projection = fold(codec, projection, meta, (), (each.event,))
                    messages_of(codec, projection)
    for event in subject.input_events:
        for meta in (FoldMeta("", "input-1"), FoldMeta()):
            projection = fold(codec, codec.init(), meta, (event,), ())
            messages_of(codec, projection)


def decoders_name_their_events(subject: Subject) -> None:
    """Whatever is decoded can be told apart: outputs by a type, inputs by a kind, as the contract has it."""
    for recording in subject.recordings:
        decoder = subject.codec.create_decoder()
        for delivery in recording.deliveries:
            with unbroken(f"decoding {shown(delivery)}"):
                decoded = decoder.decode(delivery)
            require(
                not decoded.inputs, f"{shown(delivery)} is an output, but decodes to inputs {shown(decoded.inputs)}"
            )
            for event in decoded.outputs:
                require(
                    isinstance(event.get("type"), str), f"{shown(delivery)} decodes to {shown(event)}, without a type"
                )
    for log in subject.input_logs:
        decoder = subject.codec.create_decoder()
        for delivery in log:
            decoded = decoder.decode(delivery)
            require(not decoded.outputs, f"{shown(delivery)} is an input, but decodes to outputs")
            for event in decoded.inputs:
                require(
                    isinstance(event.get("kind"), str), f"{shown(delivery)} decodes to {shown(event)}, without a kind"
                )
