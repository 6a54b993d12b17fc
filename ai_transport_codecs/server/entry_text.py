"""Entries of a log as text, to be kept: everything that it takes to build the log anew."""

from __future__ import annotations

import base64
import json
from enum import IntEnum
from typing import Any, Final

from ai_transport_codecs.channels.memory.records import Entry, Record, Version
from ai_transport_codecs.wire.absent import ABSENT

# ASCII, so that text with half a surrogate pair is kept as it is.
_dump: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class _Kind(IntEnum):
    """What stands in the place of a record's data."""

    JSON = 0
    BASE64 = 1
    NOTHING = 2


def dump_entry(entry: Entry) -> str:
    """The text of an entry."""
    return _dump([entry.position, entry.connection_id, [_record_fields(record) for record in entry.records]])


def load_entry(text: str) -> Entry:
    """The entry that :func:`dump_entry` wrote. Raises ValueError for any other text."""
    try:
        position, connection_id, records = json.loads(text)
        return Entry(position, connection_id, tuple(_record(*fields) for fields in records))
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not an entry: {error}") from error


def _record_fields(record: Record) -> list[Any]:
    data = record.data
    kind = _Kind.JSON
    if data is ABSENT:
        data, kind = None, _Kind.NOTHING
    elif isinstance(data, bytes):
        data, kind = base64.b64encode(data).decode("ascii"), _Kind.BASE64
    return [
        record.action,
        record.serial,
        list(record.version),
        record.timestamp,
        record.name,
        int(kind),
        data,
        record.extras,
        record.client_id,
        record.connection_id,
        record.id,
        record.encoding,
    ]


def _record(
    action: str,
    serial: str,
    version: list[Any],
    timestamp: int,
    name: str | None,
    kind: int,
    data: Any,
    extras: Any,
    client_id: str | None,
    connection_id: str,
    id: str | None,
    encoding: str | None,
) -> Record:
    kept = {_Kind.JSON: data, _Kind.NOTHING: ABSENT}.get(_Kind(kind))
    if kind == _Kind.BASE64:
        kept = base64.b64decode(data, validate=True)
    return Record(
        action,
        serial,
        Version(*version),
        timestamp,
        name,
        kept,
        extras,
        client_id,
        connection_id,
        id,
        encoding=encoding,
    )
