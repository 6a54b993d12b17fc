"""Message data and its encoding: what arrives as text, bytes and a path of encodings, and what the log holds of it.

A path like ``json/utf-8/cipher+aes-128-cbc/base64`` says what was done to the data, first to last. The server undoes
what it can, from the end, and carries the rest along (Ably protocol 2).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, NamedTuple

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.json_text import dump_json, parse_json

from . import refusals

_MAX_STEPS: Final = 16


class Payload(NamedTuple):
    """Data as the log holds it, and what is left of its encoding."""

    data: Any
    encoding: str | None = None


def read_payload(data: Any, encoding: Any, doing: str) -> Payload:
    """What was sent, undone as far as the server can. Raises ChannelError 40003 or 40013 for what does not fit."""
    if encoding is None or encoding == "" or data is None or data is ABSENT:
        return Payload(data)
    if not isinstance(encoding, str):
        raise refusals.bad_field("a message", "encoding", f"it is a {type(encoding).__name__}, and has to be text")
    steps = encoding.split("/")
    if len(steps) > _MAX_STEPS:
        raise refusals.bad_field("a message", "encoding", f"it has more than {_MAX_STEPS} steps")
    while steps:
        undone = _undone(steps[-1], data, doing)
        if undone is ABSENT:
            break
        data = undone
        steps.pop()
    return Payload(data, "/".join(steps) or None)


def write_payload(data: Any, encoding: str | None, *, binary: bool) -> Payload:
    """What to send: data that the format can carry, and the encoding that says so."""
    if isinstance(data, bytes) and not binary:
        return Payload(base64.b64encode(data).decode("ascii"), f"{encoding}/base64" if encoding else "base64")
    if isinstance(data, dict | list):
        return Payload(dump_json(data), f"{encoding}/json" if encoding else "json")
    return Payload(data, encoding)


def _undone(step: str, data: Any, doing: str) -> Any:
    """The data before that step; ABSENT when the step cannot be undone here."""
    try:
        if step == "base64" and isinstance(data, str):
            return base64.b64decode(data, validate=True)
        if step == "utf-8" and isinstance(data, bytes):
            return data.decode("utf-8")
        if step == "json" and isinstance(data, str):
            value = parse_json(data)
            return value if isinstance(value, dict | list) else ABSENT
    except (ValueError, binascii.Error) as error:
        raise refusals.undecodable(doing, f"its data is not the {step} that its encoding says: {error}") from error
    return ABSENT
