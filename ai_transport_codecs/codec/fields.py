"""Typed header fields: how one property of an event travels as a header string (codec spec d.1).

A mistyped value is left out on write, and a malformed header reads as absent: nothing here raises for wire data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.headers import KIND, Headers
from ai_transport_codecs.wire.json_text import dump_json, parse_json


class HeaderField(NamedTuple):
    """One property: its key in the event and on the wire, and how to write and read it."""

    key: str
    write: Callable[[Any], str | None]
    """The header for a value, or None to leave it out."""
    read: Callable[[Any], Any]
    """The value of a header (ABSENT when there is none), or ABSENT."""


def text(key: str, default: str | None = None) -> HeaderField:
    """A string, written as it is; an absent header reads as ``default``, or as absent without one."""
    fallback = ABSENT if default is None else default
    return HeaderField(key, _write_text, lambda header: header if isinstance(header, str) else fallback)


def flag(key: str, *, default: bool | None = None) -> HeaderField:
    """A boolean, written ``"true"``/``"false"``; any other string reads as False, an absent header as ``default``."""
    fallback = ABSENT if default is None else default
    return HeaderField(
        key,
        # `1 == True` in Python, so the type decides (g.35).
        lambda value: ("true" if value else "false") if isinstance(value, bool) else None,
        lambda header: fallback if header is ABSENT else header == "true",
    )


def json(key: str) -> HeaderField:
    """Any JSON value but null, which is not written (yet null can be read); malformed text reads as absent."""
    return HeaderField(key, lambda value: None if value is None else dump_json(value), _read_json)


def choice(key: str, allowed: Iterable[str], fallback: str) -> HeaderField:
    """One of ``allowed``; not checked on write, and anything else reads as ``fallback``, absence too."""
    known = frozenset(allowed)
    return HeaderField(
        key, _write_text, lambda header: header if isinstance(header, str) and header in known else fallback
    )


def _write_text(value: Any) -> str | None:
    return str(value) if isinstance(value, str) else None


def _read_json(header: Any) -> Any:
    if not isinstance(header, str):
        return ABSENT
    try:
        return parse_json(header)
    except ValueError:
        return ABSENT


def headers_of(
    fields: Sequence[HeaderField], kind: str, source: Mapping[str, Any], only: Iterable[str] | None = None
) -> Headers:
    """The codec tier of one message: ``kind``, then each field that ``source`` has a value for."""
    headers: Headers = {KIND: kind}
    wanted = None if only is None else frozenset(only)
    for key, write, _ in fields:
        if wanted is None or key in wanted:
            header = write(source.get(key))
            if header is not None:
                headers[key] = header
    return headers


def values_of(fields: Sequence[HeaderField], headers: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that the headers carry; absent ones are not in the result."""
    values = {}
    for key, _, read in fields:
        value = read(headers.get(key, ABSENT))
        if value is not ABSENT:
            values[key] = value
    return values
