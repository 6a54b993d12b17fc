"""Messages as frames and bodies carry them, and as the log does (Ably protocol 2 and 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import Any, Final

from ai_transport_codecs.channels.memory.records import Draft, Entry, Mutation, Record
from ai_transport_codecs.wire.absent import ABSENT

from . import refusals
from .formats import Format, Raw
from .identity import Identity
from .numbers import CREATE, MESSAGE_ACTIONS, MUTATIONS, Action
from .payload import read_payload, write_payload

_MAX_REMARKS: Final = 16_384
"""The most characters of an operation's description and metadata."""


def action_of(message: Mapping[str, Any]) -> str | None:
    """What a published message does to another one (a ``message.*`` name); None when it is a new one.

    Raises ChannelError 40003 for everything that a client cannot publish.
    """
    action = message.get("action")
    if action is None or (action == CREATE and type(action) is int):
        return None
    name = MUTATIONS.get(action) if type(action) is int else None
    if name is None:
        raise refusals.bad_field("a message", "action", f"{action!r} is none of 0 (create), 1, 2 and 5")
    return name


def message_items(value: Any) -> list[Mapping[str, Any]]:
    """The messages of one publish. Raises ChannelError 40003 unless they are one or more objects."""
    if not isinstance(value, list) or not value:
        raise refusals.bad_field("a publish", "messages", "it has to be an array of at least one message")
    for item in value:
        if not isinstance(item, dict):
            raise refusals.bad_field("a publish", "messages", f"one of them is a {type(item).__name__}")
    return value


def read_draft(message: Mapping[str, Any], identity: Identity) -> Draft:
    """A message to publish. Raises ChannelError 40003, 40012 or 40013."""
    payload = read_payload(message.get("data"), message.get("encoding"), "publish")
    return Draft(
        message.get("name"),
        payload.data,
        message.get("extras"),
        message.get("id"),
        identity.speaker(message.get("clientId")),
        payload.encoding,
    )


def read_mutation(message: Mapping[str, Any], action: str) -> Mutation:
    """An append, update or delete. Raises ChannelError 40003 or 40013."""
    doing = action.removeprefix("message.")
    get = message.get
    data = get("data")
    payload = read_payload(ABSENT if data is None else data, get("encoding"), doing)
    extras = get("extras")
    description, metadata = _remarks(get("version"), doing)
    return Mutation(
        get("serial") or "",
        payload.data,
        ABSENT if extras is None else extras,
        get("name"),
        description,
        metadata,
        payload.encoding,
    )


def _remarks(version: Any, doing: str) -> tuple[str | None, dict[str, str] | None]:
    if version is None:
        return None, None
    if not isinstance(version, dict):
        raise refusals.bad_field(f"the {doing}", "version", "it has to be an object")
    description, metadata = version.get("description"), version.get("metadata")
    if description is not None and not isinstance(description, str):
        raise refusals.bad_field(f"the {doing}", "description", "it has to be text")
    if metadata is not None and not _is_text_map(metadata):
        raise refusals.bad_field(f"the {doing}", "metadata", "it has to be an object of texts")
    size = len(description or "") + sum(len(key) + len(text) for key, text in (metadata or {}).items())
    if size > _MAX_REMARKS:
        raise refusals.bad_field(f"the {doing}", "version", f"its remarks are longer than {_MAX_REMARKS} characters")
    return description, None if metadata is None else dict(metadata)


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(text, str) for key, text in value.items()
    )


def write_record(record: Record, *, binary: bool) -> dict[str, Any]:
    """The message as clients get it, without what it does not have: no field is ever null."""
    message: dict[str, Any] = {
        "action": MESSAGE_ACTIONS[record.action],
        "serial": record.serial,
        "timestamp": record.timestamp,
        "version": _write_version(record),
    }
    if record.id:
        message["id"] = record.id
    if record.client_id is not None:
        message["clientId"] = record.client_id
    if record.connection_id:
        message["connectionId"] = record.connection_id
    if record.name is not None:
        message["name"] = record.name
    if record.extras is not None and record.extras is not ABSENT:
        message["extras"] = record.extras
    if record.data is not None and record.data is not ABSENT:
        data, encoding = write_payload(record.data, record.encoding, binary=binary)
        message["data"] = data
        if encoding is not None:
            message["encoding"] = encoding
    return message


def _write_version(record: Record) -> dict[str, Any]:
    serial, timestamp, client_id, description, metadata = record.version
    version: dict[str, Any] = {"serial": serial, "timestamp": timestamp}
    if client_id is not None:
        version["clientId"] = client_id
    if description is not None:
        version["description"] = description
    if metadata is not None:
        version["metadata"] = metadata
    return version


def message_frame(channel: str, entry: Entry, records: Iterable[Record], *, binary: bool) -> dict[str, Any]:
    """The frame that delivers what is to be seen of an entry."""
    messages = [write_record(record, binary=binary) for record in records]
    first = entry.records[0]
    frame: dict[str, Any] = {
        "action": int(Action.MESSAGE),
        "channel": channel,
        "channelSerial": entry.position,
        "timestamp": first.version.timestamp,
        "messages": messages,
    }
    if entry.connection_id:
        frame["connectionId"] = entry.connection_id
    return frame


class SharedFrames:
    """Frames that deliver an entry, encoded once in each format for all who get it as it is."""

    def __init__(self) -> None:
        self._entry: Entry | None = None
        self._encoded: dict[str, Raw] = {}

    def encoded(self, wire: Format, channel: str, entry: Entry, records: Sequence[Record]) -> Raw:
        """The frame that delivers these records of an entry; an entry is told to everybody before the next one is."""
        is_whole = len(records) == len(entry.records) and all(map(is_, records, entry.records))
        if not is_whole:
            return wire.encode(message_frame(channel, entry, records, binary=wire.is_binary))
        if self._entry is not entry:
            self._entry, self._encoded = entry, {}
        raw = self._encoded.get(wire.name)
        if raw is None:
            raw = wire.encode(message_frame(channel, entry, records, binary=wire.is_binary))
            self._encoded[wire.name] = raw
        return raw
