"""Values that are too large for one message: cut into pieces, and put together again by readers.

Ably limits each publish (65,536 bytes by default), and an update that repairs a message as well. So an image of some
hundred kilobytes, or the logprobs of a long answer, travels as several messages of its own, each of which fits by
itself, and not as one message that grows beyond what a repair could state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.json_text import dump_json, parse_json

from .json_values import slot_index
from .kinds import CHUNK, MAX_CHUNKS, MAX_PENDING, MAX_WHOLE
from .state import MessageState

_MAX_BYTES: Final = MAX_CHUNKS * MAX_WHOLE


def size_of(value: Any) -> int:
    """Bytes of a value as JSON. Raises InvalidArgumentError for what JSON cannot carry."""
    return len(_dump(value).encode("utf-8", "surrogatepass"))


def fitting(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event itself, or the pieces of one that is too large for a message.

    Raises InvalidArgumentError for one that is larger than readers would put together.
    """
    text = _dump(event)
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= MAX_WHOLE:
        yield event
        return
    if len(data) > _MAX_BYTES:
        raise InvalidArgumentError(
            f"codec 'openai-responses' cannot carry a value of {len(data)} bytes, in an event of type"
            f" {event['type']!r} for item {event.get('item_id')!r}; its limit is {_MAX_BYTES} bytes for one value:"
            " store it elsewhere and send a link"
        )
    name = hashlib.sha256(data).hexdigest()[:16]
    pieces = list(_cut(data))
    for index, piece in enumerate(pieces):
        yield {"type": CHUNK, "of": name, "index": index, "count": len(pieces), "text": piece}


def _dump(value: Any) -> str:
    try:
        return dump_json(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"codec 'openai-responses' cannot carry a value that is no JSON: {error}") from error


def _cut(data: bytes) -> Iterator[str]:
    """Pieces of at most :data:`MAX_WHOLE` bytes, cut between characters."""
    start = 0
    while start < len(data):
        end = min(start + MAX_WHOLE, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[start:end].decode("utf-8", "surrogatepass")
        start = end


def assemble(message: MessageState, event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event whose last missing piece an untrusted one is; None while others are missing.

    Of values that are never completed a message keeps the latest few.
    """
    name, text = event.get("of"), event.get("text")
    index, count = slot_index(event.get("index")), slot_index(event.get("count"))
    if not isinstance(name, str) or not isinstance(text, str) or index is None or count is None:
        return None
    if not index < count <= MAX_CHUNKS or len(text) > MAX_WHOLE:
        return None
    pieces = message.chunks.pop(name, {})
    pieces[index] = text
    if any(position not in pieces for position in range(count)):
        message.chunks[name] = pieces
        while len(message.chunks) > MAX_PENDING:
            del message.chunks[next(iter(message.chunks))]
        return None
    try:
        value = parse_json("".join(pieces[position] for position in range(count)))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
