"""Messages as frames carry them, read without trust and written without surprise (Ably protocol 2 and 6)."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.json_text import dump_json, parse_json
from ai_transport_codecs.wire.messages import InboundMessage

from .protocol_numbers import MESSAGE_ACTIONS

_log = logging.getLogger("ai_transport_codecs.channels")

_MAX_STEPS: Final = 8
"""How many encodings may be wrapped around each other; real data has two."""


def read_messages(frame: Mapping[str, Any]) -> Iterator[InboundMessage]:
    """The messages of a frame. One that cannot be read is skipped, and the others are not (P16)."""
    items = frame.get("messages")
    if not isinstance(items, list):
        return
    for index, item in enumerate(items):
        try:
            yield read_message(item, frame, index)
        except (TypeError, ValueError, AttributeError) as error:
            _log.warning("a message on channel %r cannot be read, and is skipped: %s", frame.get("channel"), error)


def read_message(item: Any, frame: Mapping[str, Any], index: int = 0) -> InboundMessage:
    """One message, with what its frame says for all of them. Raises ValueError or TypeError for what is none."""
    if not isinstance(item, dict):
        raise TypeError(f"it is a {type(item).__name__}, and has to be an object")
    get = item.get
    number = get("action")
    action = MESSAGE_ACTIONS.get(0 if number is None else number)
    if action is None:
        raise ValueError(f"there is no action {number!r}")
    serial = _text(get("serial"))
    version = get("version")
    frame_id = _text(frame.get("id"))
    timestamp = get("timestamp") or frame.get("timestamp")
    return InboundMessage(
        action,
        serial,
        (_text(version.get("serial")) if isinstance(version, dict) else None) or serial,
        timestamp if type(timestamp) is int else None,
        # An append is of a message whose name is known; the platform does not repeat it.
        None if action == names.APPEND else _text(get("name")),
        _read_data(get("data"), get("encoding")) if "data" in item else ABSENT,
        get("extras"),
        _text(get("clientId")),
        _text(get("connectionId")) or _text(frame.get("connectionId")),
        _text(get("id")) or (f"{frame_id}:{index}" if frame_id else None),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _read_data(data: Any, encoding: Any) -> Any:
    if not encoding or not isinstance(encoding, str):
        return data
    steps = [step for step in encoding.split("/") if step]
    if len(steps) > _MAX_STEPS:
        raise ValueError(f"its data is encoded {len(steps)} times")
    while steps:
        step = steps.pop()
        if step == "base64":
            data = _from_base64(data)
        elif step == "json":
            data = parse_json(data.decode() if isinstance(data, bytes) else data)
        elif step == "utf-8":
            data = data.decode() if isinstance(data, bytes) else data
        else:
            raise ValueError(f"its data is encoded as {encoding!r}, and {step!r} cannot be read here")
    return data


def _from_base64(data: Any) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its data is not base64: {error}") from error


def write_data(data: Any, *, binary: bool) -> dict[str, Any]:
    """The fields ``data`` and ``encoding``, as far as they are needed."""
    if data is None or data is ABSENT:
        return {}
    if isinstance(data, str):
        return {"data": data}
    if isinstance(data, bytes):
        return {"data": data} if binary else {"data": base64.b64encode(data).decode(), "encoding": "base64"}
    return {"data": dump_json(data), "encoding": "json"}


def whole_characters(value: Any) -> Any:
    """``value`` with U+FFFD for each half of a surrogate pair that stands alone: msgpack cannot carry those."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_characters(item) for item in value]
    return value
