"""The ways in which a channel may deliver one and the same conversation. Each gives a new list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, TypeAlias

from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

Deliveries: TypeAlias = Sequence[InboundMessage]


def status_of(message: InboundMessage) -> Any:
    """The status header of a streamed message."""
    return transport_headers(message.extras).get(h.STATUS)


def is_open(message: InboundMessage) -> bool:
    """Whether the delivery leaves its stream open."""
    return bool(status_of(message) == names.STREAMING)


def with_transport(message: InboundMessage, **changes: Any) -> InboundMessage:
    """The message with other transport headers; underscores in a key stand for hyphens."""
    ai = dict(message.extras["ai"])
    ai["transport"] = dict(ai["transport"]) | {key.replace("_", "-"): value for key, value in changes.items()}
    return message._replace(extras={**message.extras, "ai": ai})


def grown(held: InboundMessage, append: InboundMessage) -> InboundMessage:
    """The message with an append in it: full contents, the append's version, and its extras."""
    return held._replace(
        action=names.UPDATE, version=append.version, data=(held.data or "") + append.data, extras=append.extras
    )


def history(deliveries: Deliveries) -> list[InboundMessage]:
    """Each message once, in its latest version with its full contents, oldest first. What is ephemeral is not kept."""
    latest: dict[str | None, InboundMessage] = {}
    for delivery in deliveries:
        held = latest.get(delivery.serial)
        if held is not None:
            latest[delivery.serial] = grown(held, delivery)
        elif not (isinstance(delivery.extras, dict) and delivery.extras.get("ephemeral")):
            latest[delivery.serial] = delivery
    return list(latest.values())


def late(deliveries: Deliveries, position: int) -> list[InboundMessage]:
    """What somebody sees live who joins at ``position``: the first append to a message brings all of it so far."""
    whole = {message.serial: message for message in history(deliveries[:position])}
    seen = []
    for delivery in deliveries[position:]:
        held = whole.pop(delivery.serial, None) if delivery.action == names.APPEND else None
        seen.append(delivery if held is None else grown(held, delivery))
    return seen


def _going_on(deliveries: Deliveries) -> Iterator[tuple[InboundMessage, Any]]:
    """Each delivery with the extras of its message as they were while it went on, which a closing append replaces."""
    extras: dict[str | None, Any] = {}
    for delivery in deliveries:
        yield delivery, extras.setdefault(delivery.serial, delivery.extras)


def chopped(deliveries: Deliveries, random: Random, *, whole: bool = False) -> list[InboundMessage]:
    """The same text in other pieces: each append cut at random places, or (``whole``) between all characters."""
    found: list[InboundMessage] = []
    for delivery, extras in _going_on(deliveries):
        text = delivery.data
        if delivery.action != names.APPEND or not isinstance(text, str):
            found.append(delivery)
            continue
        places = range(len(text) + 1)
        cuts = [*places] if whole else sorted(random.choices(places, k=random.randint(0, 3)))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        for number, piece in enumerate(pieces[:-1]):
            found.append(delivery._replace(version=f"{delivery.version}-{number:06d}", data=piece, extras=extras))
        found.append(delivery._replace(version=f"{delivery.version}-~", data=pieces[-1]))
    return found


def rolled_up(deliveries: Deliveries, random: Random, *, all_of_it: bool = False) -> list[InboundMessage]:
    """Appends of one stream merged, as an outbox or a channel merges them: never past another message's start."""
    found: list[InboundMessage] = []
    waiting: dict[str | None, InboundMessage] = {}
    for delivery in deliveries:
        if delivery.action != names.APPEND:
            found.extend(waiting.values())
            waiting.clear()
            found.append(delivery)
            continue
        held = waiting.pop(delivery.serial, None)
        merged = delivery if held is None else delivery._replace(data=held.data + delivery.data)
        if is_open(delivery) and (all_of_it or random.random() < 0.7):
            waiting[delivery.serial] = merged
        else:
            found.append(merged)
    return [*found, *waiting.values()]


def repeated(deliveries: Deliveries, random: Random) -> list[InboundMessage]:
    """Deliveries that come twice: at once, or again after a resumed connection replayed some."""
    found: list[InboundMessage] = []
    for position, delivery in enumerate(deliveries):
        found.append(delivery)
        if random.random() < 0.3:
            found.append(delivery)
        if random.random() < 0.2:
            found.extend(deliveries[random.randint(0, position) : position + 1])
    return [*found, *deliveries[random.randint(0, len(deliveries)) :]]


def restated(deliveries: Deliveries) -> list[InboundMessage]:
    """Each append as the update that states the whole message: what a reader sees whose appends cannot be merged."""
    found = []
    held: dict[str | None, InboundMessage] = {}
    for delivery in deliveries:
        before = held.get(delivery.serial)
        held[delivery.serial] = delivery if before is None else grown(before, delivery)
        found.append(held[delivery.serial])
    return found


def repaired(deliveries: Deliveries, random: Random) -> list[InboundMessage]:
    """Some appends failed, and an update repaired them: all text so far, with the stream going on."""
    found: list[InboundMessage] = []
    held: dict[str | None, InboundMessage] = {}
    broken: dict[str | None, InboundMessage] = {}
    for delivery, extras in _going_on(deliveries):
        before = held.get(delivery.serial)
        held[delivery.serial] = delivery if before is None else grown(before, delivery)
        if delivery.action == names.APPEND and is_open(delivery) and random.random() < 0.5:
            broken[delivery.serial] = held[delivery.serial]._replace(extras=extras)
            continue
        if delivery.action == names.APPEND:
            repair = broken.pop(delivery.serial, None)
            found.extend([] if repair is None else [repair])
        else:
            found.extend(broken.values())
            broken.clear()
        found.append(delivery)
    return [*found, *broken.values()]


def shuffled(deliveries: Deliveries, random: Random) -> list[InboundMessage]:
    """Messages in any order among each other; the deliveries of each one in theirs."""
    lanes: dict[str | None, list[InboundMessage]] = {}
    for delivery in deliveries:
        lanes.setdefault(delivery.serial, []).append(delivery)
    order = [serial for serial, lane in lanes.items() for _ in lane]
    random.shuffle(order)
    sources = {serial: iter(lane) for serial, lane in lanes.items()}
    return [next(sources[serial]) for serial in order]
