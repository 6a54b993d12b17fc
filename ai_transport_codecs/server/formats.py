"""JSON and msgpack: the two ways to write a frame or a body (Ably protocol 1)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgpack  # type: ignore[import-untyped]

from ai_transport_codecs.wire.json_text import parse_json

from . import refusals

Raw = str | bytes
"""What is sent: text for JSON, bytes for msgpack."""

_MOST: Final = 2**64 - 1
_LEAST: Final = -(2**63)


class Format(NamedTuple):
    """A way to write values. ``decode`` raises ChannelError 40000 for everything that is not one."""

    name: str
    content_type: str
    is_binary: bool
    encode: Callable[[Any], Raw]
    decode: Callable[[Raw], Any]


_dump_ascii: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_dump_text: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode
_HALF: Final = re.compile("[\ud800-\udfff]")


def _dump(value: Any) -> str:
    text = _dump_text(value)
    # Text from JavaScript may hold half a surrogate pair, which UTF-8 cannot carry but an escape can.
    return text if text.isascii() or not _HALF.search(text) else _dump_ascii(value)


def _parse(raw: Raw) -> Any:
    try:
        return parse_json(raw if isinstance(raw, str) else raw.decode())
    except ValueError as error:
        raise refusals.malformed("JSON", str(error)) from error


def _pack(value: Any) -> bytes:
    try:
        return _packed(value)
    except OverflowError:
        return _packed(_without_huge(value))


def _packed(value: Any) -> bytes:
    packed: Any = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogatepass")
    return bytes(packed)


def _unpack(raw: Raw) -> Any:
    if isinstance(raw, str):
        raise refusals.malformed("msgpack", "it came as text")
    try:
        return msgpack.unpackb(raw, raw=False, unicode_errors="surrogatepass")
    except Exception as error:  # of several kinds, some of them not ValueError
        raise refusals.malformed("msgpack", str(error) or type(error).__name__) from error


def _without_huge(value: Any) -> Any:
    """The value with integers that msgpack has no room for as floats, which is what JavaScript makes of them."""
    if isinstance(value, dict):
        return {key: _without_huge(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_huge(item) for item in value]
    is_huge = type(value) is int and not _LEAST <= value <= _MOST
    return float(value) if is_huge else value


JSON: Final = Format("json", "application/json", is_binary=False, encode=_dump, decode=_parse)
MSGPACK: Final = Format("msgpack", "application/x-msgpack", is_binary=True, encode=_pack, decode=_unpack)
