"""A channel in a list: what an agent's chunks look like on the wire, and what readers of it make of that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ai_transport_codecs.codec.contract import CodecMessage, Decoded, EncoderOptions, FoldMeta
from ai_transport_codecs.codec.operations import Append, Close, Operation, Publish, PublishBatch, Start
from ai_transport_codecs.codecs.vercel import CODEC, UIMessage, VercelProjection
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import MESSAGE_ID, ROLE, RUN_ID, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

HEADERS = {ROLE: "assistant", RUN_ID: "run-1", MESSAGE_ID: "m"}


class Log:
    """Every delivery that a reader sees who was there from the start, in order."""

    def __init__(self) -> None:
        self.deliveries: list[InboundMessage] = []
        self._serials = 0

    def write(self, operations: Iterable[Operation]) -> None:
        """Publish what an encoder asks for."""
        for operation in operations:
            match operation:
                case Publish(message):
                    self._create(message)
                case PublishBatch(messages):
                    for message in messages:
                        self._create(message)
                case Start(stream, message):
                    stream.serial = self._create(message)
                case Append(stream, data):
                    self._append(stream.append(data))
                case Close(stream, data, transport, codec):
                    self._append(stream.close(data, transport, codec))

    def _create(self, message: OutboundMessage) -> str:
        serial = self._serial()
        self.deliveries.append(
            InboundMessage(names.CREATE, serial, serial, 0, message.name, message.data, message.extras)
        )
        return serial

    def _append(self, mutation: OutboundMutation) -> None:
        self.deliveries.append(
            InboundMessage(names.APPEND, mutation.serial, self._serial(), 0, None, mutation.data, mutation.extras)
        )

    def _serial(self) -> str:
        self._serials += 1
        return f"{self._serials:08d}"


def published(chunks: Iterable[Any], message_id: str = "m", *, cancel: bool = False) -> list[InboundMessage]:
    """The deliveries of ready-made chunks, all of one message; with ``cancel``, open streams are cancelled at last."""
    log = Log()
    encoder = CODEC.create_encoder(EncoderOptions(headers=HEADERS | {MESSAGE_ID: message_id}))
    for chunk in chunks:
        log.write(encoder.encode_output(chunk))
    if cancel:
        log.write(encoder.cancel_streams())
    return log.deliveries


def piped(items: Iterable[Any]) -> list[InboundMessage]:
    """The deliveries of a source of ``items``, as a session writes them: one encoder for each message of the source."""
    log = Log()
    translator = CODEC.create_translator()
    encoders: dict[str, Any] = {}

    def write(events: Iterable[Any]) -> None:
        for event in events:
            key = translator.message_key(event)
            if key not in encoders:
                headers = HEADERS | {MESSAGE_ID: f"m{key}"}
                encoders[key] = CODEC.create_encoder(EncoderOptions(headers=headers))
            log.write(encoders[key].encode_output(event))

    for item in items:
        write(translator.translate(item))
    write(translator.finish())
    for encoder in encoders.values():
        log.write(encoder.cancel_streams())
    return log.deliveries


def said(value: Any, message_id: str = "u") -> list[InboundMessage]:
    """The deliveries of what a client sends."""
    log = Log()
    encoder = CODEC.create_encoder(EncoderOptions(headers={MESSAGE_ID: message_id}))
    log.write(encoder.encode_input(CODEC.to_input(value)))
    return log.deliveries


def decoded(deliveries: Iterable[InboundMessage]) -> list[Any]:
    """All events that a new decoder gives."""
    decoder = CODEC.create_decoder()
    return [event for delivery in deliveries for found in decoder.decode(delivery)[:2] for event in found]


def meta_of(delivery: InboundMessage) -> FoldMeta:
    message_id = transport_headers(delivery.extras).get(MESSAGE_ID)
    return FoldMeta(delivery.serial or "", message_id if isinstance(message_id, str) else None)


def fold(projection: VercelProjection, events: Decoded, meta: FoldMeta) -> VercelProjection:
    for event in events.inputs:
        projection = CODEC.fold_input(projection, event, meta)
    for event in events.outputs:
        projection = CODEC.fold_output(projection, event, meta)
    return projection


class Reader:
    """A reader that folds what it decoded in canonical order: by message, and within one in the order of arrival."""

    def __init__(self) -> None:
        self._decoder = CODEC.create_decoder()
        self._events: dict[str, list[tuple[FoldMeta, Decoded]]] = {}

    def read(self, deliveries: Iterable[InboundMessage]) -> Reader:
        for delivery in deliveries:
            events = self._decoder.decode(delivery)
            self._events.setdefault(delivery.serial or "", []).append((meta_of(delivery), events))
        return self

    @property
    def messages(self) -> list[UIMessage]:
        projection = CODEC.init()
        for serial in sorted(self._events):
            for meta, events in self._events[serial]:
                projection = fold(projection, events, meta)
        return projection.messages


def projected(deliveries: Iterable[InboundMessage]) -> VercelProjection:
    """What a reader holds who was there from the start, folding each event as it came."""
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    for delivery in deliveries:
        projection = fold(projection, decoder.decode(delivery), meta_of(delivery))
    return projection


def live(deliveries: Iterable[InboundMessage]) -> list[UIMessage]:
    """The messages of that reader."""
    return projected(deliveries).messages


def folded(
    chunks: Iterable[Any], message_id: str | None = "m", onto: VercelProjection | None = None
) -> VercelProjection:
    """What chunks amount to, folded without a wire between."""
    projection = CODEC.init() if onto is None else onto
    for chunk in chunks:
        projection = CODEC.fold_output(projection, chunk, FoldMeta("s", message_id))
    return projection


def answered(projection: VercelProjection, *inputs: Any) -> VercelProjection:
    """The same with what a client says of it."""
    for event in inputs:
        projection = CODEC.fold_input(projection, event, FoldMeta("s", "answer"))
    return projection


def messages(chunks: Iterable[Any]) -> list[Any]:
    """The messages that chunks amount to."""
    return [*folded(chunks).messages]


def parts(chunks: Iterable[Any]) -> list[Any]:
    """The parts of the one message that chunks amount to."""
    (message,) = folded(chunks).messages
    return [*message["parts"]]


def entries(projection: VercelProjection) -> list[CodecMessage[UIMessage]]:
    return [*CODEC.get_messages(projection)]


def history(deliveries: Sequence[InboundMessage]) -> list[InboundMessage]:
    """Each message once, in its latest version with its full contents, oldest first; ephemeral ones are not kept."""
    latest: dict[str, InboundMessage] = {}
    for delivery in deliveries:
        serial = delivery.serial or ""
        held = latest.get(serial)
        if held is not None:
            latest[serial] = whole(held, delivery)
        elif not delivery.extras.get("ephemeral"):
            latest[serial] = delivery
    return list(latest.values())


def whole(held: InboundMessage, append: InboundMessage) -> InboundMessage:
    """A message with one more append, in full."""
    data = (held.data or "") + append.data
    return held._replace(action=names.UPDATE, version=append.version, data=data, extras=append.extras)


def late(deliveries: Sequence[InboundMessage], position: int) -> list[InboundMessage]:
    """What a reader sees live who joins at ``position``: the first append to a message has all of it so far."""
    before = {message.serial: message for message in history(deliveries[:position])}
    seen = []
    for delivery in deliveries[position:]:
        held = before.pop(delivery.serial, None)
        seen.append(delivery if held is None or delivery.action != names.APPEND else whole(held, delivery))
    return seen
