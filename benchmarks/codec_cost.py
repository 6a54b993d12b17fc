"""What one delta costs: translate, encode, decode and fold, beside JSON of the same delta and LangChain itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk

from ai_transport_codecs.codec.contract import Codec, EncoderOptions, FoldMeta
from ai_transport_codecs.codec.operations import Append, Close, Operation, Publish, PublishBatch, Start
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage

from . import sources
from .timing import best_microseconds

try:
    import orjson
except ImportError:  # an optional peer
    orjson = None  # type: ignore[assignment]

HEADERS = {
    h.ROLE: "assistant",
    h.MESSAGE_ID: "0b0e7f0e-1a53-4b7f-9a3e-2f3f0c6f7a11",
    h.RUN_ID: "5d1b1f6e-6f0b-4f1e-8a41-9f0f3b1a2c22",
    h.RUN_CLIENT_ID: "user-1",
    h.PARENT: "9a0c2b44-1c1d-4d52-8d0c-7b1c5b3a3d33",
    h.INVOCATION_ID: "c8e2a5b0-7f5e-4a61-9b7d-0e6f4c5b4e44",
}

AnyCodec = Codec[Any, Any, Any, Any]


def encode_all(codec: AnyCodec, items: Sequence[Any]) -> list[Operation]:
    """Every operation that a source of ``items`` gives."""
    translator = codec.create_translator()
    encoder = codec.create_encoder(EncoderOptions(HEADERS))
    operations: list[Operation] = []
    for item in items:
        for event in translator.translate(item):
            operations.extend(encoder.encode_output(event))
    for event in translator.finish():
        operations.extend(encoder.encode_output(event))
    return operations


def encode_events(codec: AnyCodec, events: Sequence[Any]) -> None:
    """Encode ready-made output events."""
    encoder = codec.create_encoder(EncoderOptions(HEADERS))
    encode = encoder.encode_output
    for event in events:
        encode(event)


def translated(codec: AnyCodec, items: Sequence[Any]) -> list[Any]:
    """The output events of a source of ``items``."""
    translator = codec.create_translator()
    return [event for item in items for event in translator.translate(item)] + list(translator.finish())


def deliveries(operations: Sequence[Operation]) -> list[InboundMessage]:
    """What a live reader gets when each operation is one message."""
    found: list[InboundMessage] = []
    count = 0

    def create(message: OutboundMessage) -> str:
        serial = f"s{count:012d}"
        found.append(InboundMessage(names.CREATE, serial, serial, 0, message.name, message.data, message.extras))
        return serial

    for operation in operations:
        count += 1
        match operation:
            case Publish(message):
                create(message)
            case PublishBatch(messages):
                for message in messages:
                    create(message)
            case Start(stream, message):
                stream.serial = create(message)
            case Append(stream, data):
                extras = {"ai": {"transport": stream.transport, "codec": stream.codec}}
                found.append(_append(stream.serial, count, data, extras))
            case Close(stream, data, transport, codec):
                found.append(_append(stream.serial, count, data, {"ai": {"transport": transport, "codec": codec}}))
    return found


def _append(serial: str | None, count: int, data: str, extras: dict[str, Any]) -> InboundMessage:
    return InboundMessage(names.APPEND, serial, f"s{count:012d}", 0, None, data, extras)


def decode_and_fold(codec: AnyCodec, messages: Sequence[InboundMessage]) -> Any:
    """The projection that ``messages`` fold to, message by message as a session folds them."""
    decoder, projection = codec.create_decoder(), codec.init()
    for message in messages:
        meta = FoldMeta(message.serial or "", HEADERS[h.MESSAGE_ID])
        for event in decoder.decode(message).outputs:
            projection = codec.fold_output(projection, event, meta)
    return projection


def decode_fold_read(codec: AnyCodec, messages: Sequence[InboundMessage]) -> Any:
    """As :func:`decode_and_fold`, and the finished messages are read once."""
    return codec.get_messages(decode_and_fold(codec, messages))


def langchain_sum(chunks: Sequence[AIMessageChunk]) -> AIMessageChunk:
    """LangChain's own accumulation, chunk by chunk."""
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


def floors(count: int) -> dict[str, float]:
    """Microseconds for the JSON text of one delta event, by library."""
    events = [{"type": "text-delta", "id": "0", "delta": word} for word in sources.words(count)]
    dumps: dict[str, Callable[[Any], Any]] = {"json.dumps": json.dumps}
    if orjson is not None:
        dumps["orjson.dumps"] = orjson.dumps

    def run(dump: Callable[[Any], Any]) -> Callable[[], None]:
        def work() -> None:
            for event in events:
                dump(event)

        return work

    return {name: best_microseconds(run(dump), count) for name, dump in dumps.items()}


def delta_costs(codec: AnyCodec, items: Sequence[Any], count: int) -> dict[str, float]:
    """Microseconds per delta: ``translate+encode`` from framework items, ``encode`` from events, ``decode+fold``."""
    events = translated(codec, items)
    messages = deliveries(encode_all(codec, items))
    return {
        "translate+encode": best_microseconds(lambda: encode_all(codec, items), count),
        "encode": best_microseconds(lambda: encode_events(codec, events), count),
        "decode+fold": best_microseconds(lambda: decode_and_fold(codec, messages), count),
        "decode+fold+read": best_microseconds(lambda: decode_fold_read(codec, messages), count),
    }
