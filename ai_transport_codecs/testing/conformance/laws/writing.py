"""What an encoder writes."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ai_transport_codecs.codec.contract import Encoder
from ai_transport_codecs.codec.operations import Append, Close, Operation, PublishBatch, Start
from ai_transport_codecs.errors import SessionClosedError
from ai_transport_codecs.testing.conformance.channel import Log
from ai_transport_codecs.testing.conformance.deliveries import status_of
from ai_transport_codecs.testing.conformance.subject import (
    HEADERS,
    RUN,
    Pipe,
    Subject,
    duplicate,
    pipe_whole,
    write_input,
)
from ai_transport_codecs.testing.conformance.violation import (
    LawViolation,
    NotApplicable,
    require,
    require_same,
    shown,
    unbroken,
)
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import codec_headers, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage


def everything_written_can_travel(subject: Subject) -> None:
    """A channel carries text, bytes, objects, lists and null; an encoder that writes else fails in production only."""
    for recording in subject.recordings:
        require(recording.deliveries, f"sample {recording.sample.name!r} wrote nothing at all")
    for log in subject.input_logs:
        require(log, "an input wrote nothing at all, so that nobody would learn of it")


def headers_are_strings(subject: Subject) -> None:
    """Both header tiers hold strings only, since readers in other languages compare them as strings."""
    for message in _all_wires(subject):
        extras = message.extras
        require(isinstance(extras.get("ai"), dict), f"{shown(message)} has no extras.ai")
        require(extras.keys() <= {"ai", "ephemeral"}, f"{shown(message)} has extras of its own: {sorted(extras)}")
        require(
            extras["ai"].keys() <= {"transport", "codec"}, f"{shown(message)} has another tier: {sorted(extras['ai'])}"
        )
        for tier, headers in extras["ai"].items():
            for key, value in headers.items():
                require(
                    isinstance(value, str), f"{tier} header {key!r} of {shown(message)} is {value!r}, which is no text"
                )


def messages_say_what_they_are(subject: Subject) -> None:
    """A reader knows a message by its name, its kind and whether it grows; without these it skips the message."""
    for outputs, message in _named_wires(subject):
        expected = names.OUTPUT if outputs else names.INPUT
        if message.action == names.CREATE:
            require(message.name == expected, f"{shown(message)} is named {message.name!r}, not {expected!r}")
            form = transport_headers(message.extras).get(h.STREAM)
            require(form in {"true", "false"}, f"{shown(message)} has the header stream={form!r}")
        kind = codec_headers(message.extras).get(h.KIND)
        require(kind and isinstance(kind, str), f"{shown(message)} has no kind among its codec headers")


def headers_of_the_session_are_kept(subject: Subject) -> None:
    """A session routes by the headers it gave the encoder, so every delivery repeats them unchanged."""
    for recording in subject.recordings:
        for message in recording.deliveries:
            found = transport_headers(message.extras)
            for key, value in {**HEADERS, h.RUN_ID: RUN}.items():
                require(found.get(key) == value, f"{shown(message)} has {key}={found.get(key)!r}, not {value!r}")
            require(
                str(found.get(h.MESSAGE_ID)).startswith(f"{RUN}:"),
                f"{shown(message)} does not say which message it belongs to",
            )


def streams_open_grow_and_close_once(subject: Subject) -> None:
    """An append must follow its stream's start and nothing its end, for a channel refuses what does not."""
    for recording in subject.streamed():
        ended: set[str | None] = set()
        started = {m.serial for m in recording.deliveries if m.action == names.CREATE and status_of(m)}
        for message in recording.deliveries:
            if message.action != names.APPEND:
                continue
            status = status_of(message)
            require(message.serial in started, f"{shown(message)} appends to a message that was not opened as a stream")
            require(message.serial not in ended, f"{shown(message)} appends to a stream that has ended")
            require(isinstance(message.data, str), f"{shown(message)} appends what is no text")
            require(
                status in {names.STREAMING, names.COMPLETE},
                f"{shown(message)} has status={status!r}; a source that ended well leaves 'streaming' and 'complete'",
            )
            if status == names.COMPLETE:
                ended.add(message.serial)


def complete_sources_leave_no_stream_open(subject: Subject) -> None:
    """Once a source has ended, readers wait for nothing more: its translator's finish() ends what it left open."""
    for recording in subject.recordings:
        pipe = pipe_whole(subject.codec, recording.sample, Log())
        for encoder in pipe.encoders.values():
            left = list(encoder.cancel_streams())
            require(
                not left,
                f"after the whole of sample {recording.sample.name!r}, {len(left)} stream(s) are still open:"
                f" {', '.join(o.stream.stream_id for o in left if isinstance(o, Close))}; end them in the sample,"
                " or in the translator's finish()",
            )


def appends_repeat_the_streams_headers(subject: Subject) -> None:
    """An append replaces a message's headers whole, so that each one repeats what opened the stream."""
    for recording in subject.streamed():
        opened: dict[str | None, InboundMessage] = {}
        for message in recording.deliveries:
            start = opened.setdefault(message.serial, message)
            first, again = codec_headers(start.extras), codec_headers(message.extras)
            lost = first.keys() - again.keys()
            require(not lost, f"{shown(message)} no longer has {sorted(lost)}, which its start had")
            require(first[h.KIND] == again[h.KIND], f"{shown(message)} is of another kind than its start")


def translating_is_repeatable(subject: Subject) -> None:
    """The same stream gives the same wire, or a retried step could not be compared with the first try."""
    for recording in subject.recordings:
        log = Log()
        pipe_whole(subject.codec, recording.sample, log)
        require_same(
            recording.deliveries, log.deliveries, f"the wire of sample {recording.sample.name!r} written again"
        )


def source_items_are_not_changed(subject: Subject) -> None:
    """The application goes on with the items it streamed, so neither translator nor encoder may change them."""
    for recording in subject.recordings:
        items = recording.sample.fresh()
        before = [_frozen(item) for item in items]
        pipe = Pipe(subject.codec, Log(), events=recording.sample.events)
        for item in items:
            pipe.item(item)
        pipe.finish()
        require_same(before, [_frozen(item) for item in items], f"items of sample {recording.sample.name!r}")
    values = [duplicate(value) for value in subject.inputs]
    before = [_frozen(value) for value in values]
    for value in values:
        with unbroken(f"to_input({shown(value)})"):
            write_input(subject.codec, subject.codec.to_input(value))
    require_same(before, [_frozen(value) for value in values], "values given to to_input")


def events_are_not_changed_by_encoding(subject: Subject) -> None:
    """An event may be encoded once more, and folded as well, so encoding leaves it as it is."""
    for recording in subject.recordings:
        encoders: dict[str, Encoder] = defaultdict(subject.codec.create_encoder)
        log = Log()
        for each in recording.written:
            event = duplicate(each.event)
            with unbroken(f"encoding {shown(event)}"):
                log.write(encoders[each.message_id].encode_output(event))
            require_same([each.event], [event], f"an event of sample {recording.sample.name!r}, once it was encoded")
    for event in subject.input_events:
        before = duplicate(event)
        write_input(subject.codec, event)
        require_same([before], [event], "an input event, once it was encoded")


def hooks_see_every_message(subject: Subject) -> None:
    """An application stamps what goes out by a hook, which is therefore called for each delivery, just once."""
    for recording in subject.recordings:
        seen: list[Any] = []

        def stamp(message: Any, seen: list[Any] = seen) -> None:
            seen.append(message)
            message.extras["ai"]["transport"]["x-stamp"] = "seen"

        log = Log()
        pipe_whole(subject.codec, recording.sample, log, hook=stamp)
        require(
            len(seen) == len(log.deliveries),
            f"sample {recording.sample.name!r} wrote {len(log.deliveries)} deliveries and told its hook of {len(seen)}",
        )
        for message in log.deliveries:
            require(
                transport_headers(message.extras).get("x-stamp") == "seen",
                f"{shown(message)} went out without what the hook put into its extras",
            )


def cancelling_twice_is_cancelling_once(subject: Subject) -> None:
    """Cancel may come from several sides, so the second one has nothing left to write."""
    for recording in subject.recordings:
        for stop in range(len(recording.sample.items) + 1):
            log = Log()
            pipe = Pipe(subject.codec, log, events=recording.sample.events)
            for item in recording.sample.fresh()[:stop]:
                pipe.item(item)
            for encoder in pipe.encoders.values():
                log.write(encoder.cancel_streams())
                require(
                    not list(encoder.cancel_streams()),
                    f"cancelled twice after {stop} items of {recording.sample.name!r}: streams were ended twice",
                )


def closed_encoders_refuse(subject: Subject) -> None:
    """After close nothing more goes out: an encoder that still writes would write into an ended run."""
    for recording in subject.recordings:
        for each in recording.written:
            if each.count:
                _require_refusal(subject, each.event, "encode_output")
    for event in subject.input_events:
        _require_refusal(subject, event, "encode_input")


def batches_are_one_unit(subject: Subject) -> None:
    """The parts of one input are published as one atomic batch, or readers might see half of what a user said."""
    for event in subject.input_events:
        with unbroken(f"encoding {shown(event)}"):
            operations = list(subject.codec.create_encoder().encode_input(event))
        require(
            len(operations) == 1 and not isinstance(operations[0], Start | Append | Close),
            f"input {shown(event)} is written by {len(operations)} operations, not by one publish or one batch",
        )
        for operation in operations:
            if isinstance(operation, PublishBatch):
                marks = [transport_headers(message.extras).get(h.DISCRETE) for message in operation.messages]
                require(set(marks) == {"true"}, f"parts of input {shown(event)} are not marked discrete: {marks}")
    if not subject.input_events:
        raise NotApplicable("no sample inputs")


def _require_refusal(subject: Subject, event: Any, method: str) -> None:
    encoder = subject.codec.create_encoder()
    encoder.close()
    encoder.close()
    try:
        operations: list[Operation] = list(getattr(encoder, method)(event))
    except SessionClosedError:
        return
    except Exception as error:
        raise LawViolation(
            f"a closed encoder answered {shown(event)} with {error!r}, not SessionClosedError"
        ) from error
    raise LawViolation(f"a closed encoder still writes {shown(event)}: {len(operations)} operation(s)")


def _named_wires(subject: Subject) -> Iterator[tuple[bool, InboundMessage]]:
    for recording in subject.recordings:
        yield from ((True, message) for message in recording.deliveries)
    for log in subject.input_logs:
        yield from ((False, message) for message in log)


def _all_wires(subject: Subject) -> Iterator[InboundMessage]:
    return (message for _, message in _named_wires(subject))


def _frozen(item: Any) -> Any:
    """What an item is made of, to be compared later; also of objects that compare by identity."""
    if isinstance(item, str | bytes):
        return item
    dump = getattr(item, "model_dump", None)
    if callable(dump):
        return dump()
    try:
        return pickle.dumps(item)
    except Exception:
        return repr(item)
