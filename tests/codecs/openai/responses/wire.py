"""A channel in a list: what an agent's outputs look like on the wire, and what readers of it make of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ai_transport_codecs.codec.contract import EncoderOptions, FoldMeta
from ai_transport_codecs.codec.operations import Append, Close, Operation, Publish, PublishBatch, Start
from ai_transport_codecs.codecs.openai.responses import CODEC, ResponsesMessage, ResponsesProjection
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import MESSAGE_ID, codec_headers, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation


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


def write_all(items: Iterable[Any]) -> list[InboundMessage]:
    """What an agent that streams ``items`` to their end writes: one encoder per message, as a session has it."""
    log = Log()
    for _ in write_each(log, items):
        pass
    return log.deliveries


def write_each(log: Log, items: Iterable[Any]) -> Iterator[Any]:
    """The same, item by item, so that a caller can look at the log between them; then the end."""
    translator = CODEC.create_translator()
    encoders: dict[str, Any] = {}

    def write(events: Iterable[Any]) -> None:
        for event in events:
            key = translator.message_key(event)
            if key not in encoders:
                headers = {MESSAGE_ID: f"id-{len(encoders)}", "role": "assistant"}
                encoders[key] = CODEC.create_encoder(EncoderOptions(headers=headers))
            log.write(encoders[key].encode_output(event))

    for item in items:
        write(translator.translate(item))
        yield item
    write(translator.finish())


def write_events(events: Iterable[Any]) -> list[InboundMessage]:
    """What an encoder alone writes of output events, all of one message."""
    log, encoder = Log(), CODEC.create_encoder(EncoderOptions(headers={MESSAGE_ID: "id-0", "role": "assistant"}))
    for event in events:
        log.write(encoder.encode_output(event))
    return log.deliveries


def write_inputs(*inputs: Any, message_id: str = "u1") -> list[InboundMessage]:
    """What a client writes of inputs."""
    log, encoder = Log(), CODEC.create_encoder(EncoderOptions(headers={MESSAGE_ID: message_id, "role": "user"}))
    for each in inputs:
        log.write(encoder.encode_input(each))
    return log.deliveries


def events_of(deliveries: Iterable[InboundMessage]) -> list[Any]:
    """The events that a reader decodes."""
    decoder = CODEC.create_decoder()
    found: list[Any] = []
    for delivery in deliveries:
        decoded = decoder.decode(delivery)
        found += [*decoded.inputs, *decoded.outputs]
    return found


def live(deliveries: Iterable[InboundMessage]) -> ResponsesProjection:
    """What a reader holds who was there from the start, folding each event as it came."""
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    for delivery in deliveries:
        meta = FoldMeta(delivery.serial or "", transport_headers(delivery.extras).get(MESSAGE_ID))
        decoded = decoder.decode(delivery)
        for event in decoded.inputs:
            projection = CODEC.fold_input(projection, event, meta)
        for event in decoded.outputs:
            projection = CODEC.fold_output(projection, event, meta)
    return projection


def only(deliveries: Iterable[InboundMessage]) -> ResponsesMessage:
    """The one message that a live reader holds."""
    [message] = live(deliveries).messages
    return message


class Reader:
    """A reader that folds what it decoded in canonical order: by message, and within one in the order of arrival."""

    def __init__(self) -> None:
        self._decoder = CODEC.create_decoder()
        self._events: dict[str, list[tuple[FoldMeta, Any]]] = {}

    def read(self, deliveries: Iterable[InboundMessage]) -> Reader:
        for delivery in deliveries:
            decoded = self._decoder.decode(delivery)
            meta = FoldMeta(delivery.serial or "", transport_headers(delivery.extras).get(MESSAGE_ID))
            self._events.setdefault(delivery.serial or "", []).extend((meta, event) for event in decoded.outputs)
        return self

    @property
    def projection(self) -> ResponsesProjection:
        projection = CODEC.init()
        for serial in sorted(self._events):
            for meta, event in self._events[serial]:
                projection = CODEC.fold_output(projection, event, meta)
        return projection


def history(deliveries: Sequence[InboundMessage]) -> list[InboundMessage]:
    """Each message once, in its latest version with its full contents, oldest first."""
    latest: dict[str, InboundMessage] = {}
    for delivery in deliveries:
        serial = delivery.serial or ""
        held = latest.get(serial)
        if held is None:
            latest[serial] = delivery
        else:
            data = (held.data or "") + delivery.data
            latest[serial] = held._replace(
                action=names.UPDATE, version=delivery.version, data=data, extras=delivery.extras
            )
    return list(latest.values())


def late(deliveries: Sequence[InboundMessage], position: int) -> list[InboundMessage]:
    """What a reader sees live who joins at ``position``: the first append to a message has all of it so far."""
    whole = {message.serial: message for message in history(deliveries[:position])}
    seen = []
    for delivery in deliveries[position:]:
        held = whole.pop(delivery.serial, None)
        if held is None or delivery.action != names.APPEND:
            seen.append(delivery)
        else:
            data = (held.data or "") + delivery.data
            seen.append(held._replace(action=names.UPDATE, version=delivery.version, data=data, extras=delivery.extras))
    return seen


def joined(deliveries: Sequence[InboundMessage], position: int) -> ResponsesProjection:
    """What a reader ends with who joined at ``position`` and then loaded the history before it."""
    return Reader().read(late(deliveries, position)).read(history(deliveries[:position])).projection


def kind_of(delivery: InboundMessage) -> str:
    """The codec kind of a delivery."""
    return str(codec_headers(delivery.extras).get("kind"))


def without_own(deliveries: Iterable[InboundMessage]) -> list[InboundMessage]:
    """What a reference reader makes sense of: the messages of the reference's kinds."""
    return [delivery for delivery in deliveries if not kind_of(delivery).startswith("x-")]
