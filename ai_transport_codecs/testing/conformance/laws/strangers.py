"""What may be on a channel besides what the codec's own encoder wrote."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

from ai_transport_codecs.testing.conformance.deliveries import with_transport
from ai_transport_codecs.testing.conformance.reader import Reader, fold, read_messages
from ai_transport_codecs.testing.conformance.subject import Recording, Subject
from ai_transport_codecs.testing.conformance.violation import require_same
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage

MUTANTS: Final = 3000
"""Malformed messages in all, spread over the samples."""

ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 3.5, float("nan"), 2**70, "", "x", "\ud83d", "\x00", "true", "999999999999", "-1", "null",
    "{", "[]", '{"a":1}', "__proto__", "__class__", "constructor", b"\xff", [], [1], ["a"], [[]], [None], {}, {"": ""},
    {"a": {"b": []}}, {"type": 5}, {"parts": 7}, {"id": []}, ABSENT,
)  # fmt: skip

_KINDS: Final = ("no-such-kind", "", "__class__", "constructor", "__proto__", "text-\u00e9", "a" * 5000)


def unknown_kinds_are_skipped(subject: Subject) -> None:
    """A newer writer may use kinds that this codec does not know: they show nothing and disturb nothing."""
    for recording in subject.recordings:
        strangers = [_stranger(number, codec={h.KIND: kind}) for number, kind in enumerate(_KINDS)]
        strangers += [with_transport(each, stream="true", status=names.STREAMING) for each in strangers]
        strangers += [each._replace(name=names.INPUT) for each in strangers]
        _require_undisturbed(subject, recording, strangers, "messages of unknown kinds")


def other_peoples_messages_are_skipped(subject: Subject) -> None:
    """A channel carries what others publish too: chat messages, lifecycle messages, anything without our envelope."""
    for recording in subject.recordings:
        some = recording.deliveries[0]
        strangers = [
            InboundMessage(names.CREATE, "", "", 0, "chat", "hello", None),
            InboundMessage(names.CREATE, "", "", 0, "chat", {"type": "text-delta", "delta": "x"}, {"headers": {}}),
            InboundMessage(names.CREATE, "", "", 0, names.OUTPUT, "hello", {}),
            InboundMessage(names.APPEND, "", "", 0, None, "more", None),
            InboundMessage(names.META, "", "", 0, None, ABSENT, None),
            *(some._replace(name=name) for name in (names.RUN_START, names.STEP_END, names.CANCEL, "", "chat")),
        ]
        _require_undisturbed(subject, recording, strangers, "other people's messages")


def malformed_messages_are_skipped(subject: Subject) -> None:
    """Whatever strangers put on a channel, nothing raises, and other messages are read as if it were not there."""
    for recording, random, count in _shares(subject):
        wires = [*recording.deliveries, *(d for log in subject.input_logs for d in log)]
        strangers = [mutant(random.choice(wires), random) for _ in range(count)]
        _require_undisturbed(subject, recording, strangers, "malformed messages")


def malformed_versions_do_not_raise(subject: Subject) -> None:
    """A message may also turn malformed after it began well: nothing raises, and messages can still be read."""
    for recording, random, count in _shares(subject):
        size = max(1, len(recording.deliveries))
        for _ in range(count // size + 1):
            reader, projection = Reader(subject.codec), subject.codec.init()
            for delivery in recording.deliveries:
                changed, name = delivery, delivery.name
                if random.random() < 0.3:
                    # What an output's stream gains under an input's name is filed as an input (codec spec c.7).
                    changed, name = mutant(delivery, random), random.choice((name, name, names.INPUT))
                kept = changed._replace(serial=delivery.serial, name=name)
                projection = fold(subject.codec, projection, *reader.take(kept))
            read_messages(subject.codec, projection)
            read_messages(subject.codec, reader.projection())


def lone_malformed_messages_do_not_raise(subject: Subject) -> None:
    """A malformed message may be all that a reader sees of its stream: what it decodes to folds without raising."""
    codec = subject.codec
    for recording, random, count in _shares(subject):
        wires = [*recording.deliveries, *(d for log in subject.input_logs for d in log)]
        projection = codec.init()
        for _ in range(count):
            projection = fold(codec, projection, *Reader(codec).take(_one_change(random.choice(wires), random)))
            if random.random() < 0.05:
                read_messages(codec, projection)
                projection = codec.init()


def _shares(subject: Subject) -> Iterator[tuple[Recording, Random, int]]:
    share = MUTANTS // len(subject.recordings) + 1
    for recording in subject.recordings:
        if recording.deliveries:
            yield recording, recording.random("malformed"), share


def _require_undisturbed(
    subject: Subject, recording: Recording, strangers: Sequence[InboundMessage], what: str
) -> None:
    """Put strangers between the deliveries, with serials and a run of their own."""
    reader = Reader(subject.codec)
    size = len(strangers) // (len(recording.deliveries) + 1) + 1
    left = list(strangers)
    for number, delivery in enumerate([*recording.deliveries, None]):
        batch, left = left[:size], left[size:]
        for place, stranger in enumerate(batch):
            serial = f"{number:08d}~{place % 7}{stranger.name}"
            run = _in_run(stranger, "strangers")
            reader.take(run._replace(serial=serial, version=f"{serial}~{place:06d}"))
        if delivery is not None:
            reader.take(delivery)
    read_messages(subject.codec, reader.projection("strangers"))
    run_id = recording.written[0].message_id.partition(":")[0] if recording.written else None
    require_same(
        recording.messages, reader.messages(run_id), f"sample {recording.sample.name!r} with {what} on its channel"
    )


def _in_run(message: InboundMessage, run: str) -> InboundMessage:
    """The message in another run, as far as it has headers at all."""
    extras = copy.deepcopy(message.extras)
    tier = extras.get("ai") if isinstance(extras, dict) else None
    tier = tier.get("transport") if isinstance(tier, dict) else None
    if isinstance(tier, dict):
        tier[h.RUN_ID] = run
    return message._replace(extras=extras)


def _stranger(number: int, codec: dict[str, str]) -> InboundMessage:
    transport = {h.STREAM: "false", h.MESSAGE_ID: f"stranger-{number}", h.RUN_ID: "strangers"}
    extras = {"ai": {"transport": transport, "codec": codec}}
    return InboundMessage(names.CREATE, "", "", 0, names.OUTPUT, "text", extras)


# ------------------------------------------------------------------------------------------------------- mutations


def mutant(message: InboundMessage, random: Random) -> InboundMessage:
    """The message with one to three things wrong with it."""
    for _ in range(random.randint(1, 3)):
        message = _one_change(message, random)
    return message


def _one_change(message: InboundMessage, random: Random) -> InboundMessage:
    return random.choice(_CHANGES)(message, random)


def _other_data(message: InboundMessage, random: Random) -> InboundMessage:
    if isinstance(message.data, dict) and message.data and random.random() < 0.6:
        return message._replace(data=_changed_somewhere(message.data, random))
    if isinstance(message.data, str) and message.data and random.random() < 0.3:
        at = random.randrange(len(message.data))
        return message._replace(data=message.data[:at])
    return message._replace(data=_odd(random))


def _other_codec_header(message: InboundMessage, random: Random) -> InboundMessage:
    return _in_tier(message, "codec", random)


def _other_transport_header(message: InboundMessage, random: Random) -> InboundMessage:
    return _in_tier(message, "transport", random)


def _other_extras(message: InboundMessage, random: Random) -> InboundMessage:
    extras = copy.deepcopy(message.extras)
    if not isinstance(extras, dict) or random.random() < 0.3:
        return message._replace(extras=_odd(random))
    if random.random() < 0.5 or not isinstance(extras.get("ai"), dict):
        extras["ai"] = _odd(random)
    else:
        extras["ai"][random.choice(("transport", "codec"))] = _odd(random)
    return message._replace(extras=extras)


def _other_action(message: InboundMessage, random: Random) -> InboundMessage:
    actions = (names.CREATE, names.APPEND, names.UPDATE, names.DELETE, names.META, names.SUMMARY, "", "message.unknown")
    return message._replace(action=random.choice(actions))


def _other_name(message: InboundMessage, random: Random) -> InboundMessage:
    if message.action != names.CREATE:
        return message  # appends have none, and what names an update would change is not settled
    return message._replace(name=random.choice((None, "", names.INPUT, names.OUTPUT, names.RUN_START)))


def _in_tier(message: InboundMessage, tier: str, random: Random) -> InboundMessage:
    extras = copy.deepcopy(message.extras)
    ai = extras.get("ai") if isinstance(extras, dict) else None
    headers = ai.get(tier) if isinstance(ai, dict) else None
    if not isinstance(headers, dict) or not headers:
        return message
    key = random.choice(sorted(headers, key=str))
    if random.random() < 0.3:
        del headers[key]
    else:
        headers[key] = _odd(random)
    return message._replace(extras=extras)


def _changed_somewhere(value: Any, random: Random) -> Any:
    """JSON with something else at a random place in it."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice(sorted(value, key=str))
        if random.random() < 0.2:
            return {each: held for each, held in value.items() if each != key}
        return {**value, key: _changed_somewhere(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        return [*value[:at], _changed_somewhere(value[at], random), *value[at + 1 :]]
    return _odd(random)


def _odd(random: Random) -> Any:
    return copy.deepcopy(random.choice(ODD_VALUES))


_CHANGES: Final[tuple[Callable[[InboundMessage, Random], InboundMessage], ...]] = (
    _other_data,
    _other_data,
    _other_codec_header,
    _other_codec_header,
    _other_codec_header,
    _other_transport_header,
    _other_extras,
    _other_action,
    _other_name,
)
