"""The fast lane: a provider's bytes to wire operations, without the SDK and without a session."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from ai_transport_codecs.codec.contract import Encoder, EncoderOptions
from ai_transport_codecs.codec.define import TableCodec
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.wire.headers import MESSAGE_ID


def operations_from_sse(
    codec: TableCodec[Any, Any, Any, Any],
    pieces: Iterable[str | bytes | bytearray],
    headers: Mapping[str, str],
    mint_id: Callable[[], str],
) -> Iterator[Operation]:
    """The operations that write what ``pieces`` say, one encoder for each completion."""
    translator = codec.create_translator()
    translate, key_of = translator.translate, translator.message_key
    encoders: dict[str, Encoder] = {}
    for events in chain(map(translate, pieces), _once(translator.finish)):
        for event in events:
            key = key_of(event)
            encoder = encoders.get(key)
            if encoder is None:
                message_id = mint_id()
                options = EncoderOptions({**headers, MESSAGE_ID: message_id}, message_id=message_id)
                encoder = encoders[key] = codec.create_encoder(options)
            yield from encoder.encode_output(event)


def _once(produce: Callable[[], Iterable[Any]]) -> Iterator[Iterable[Any]]:
    """What ``produce`` gives, asked for only when its turn comes."""
    yield produce()


def mint_message_id() -> str:
    """A fresh id for a message."""
    return str(uuid.uuid4())
