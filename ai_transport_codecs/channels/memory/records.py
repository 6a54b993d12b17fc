"""What a channel's log is made of: plain values, the same for the in-process channel and for a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ai_transport_codecs.channels.protocol import PresenceMember
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage

from .contents import Snapshot
from .json_values import copied


class Publisher(NamedTuple):
    """Who publishes: the connection, its identity, and which of the connection's operations it is."""

    connection_id: str
    client_id: str | None
    operation: int


class Draft(NamedTuple):
    """A message to publish. ``client_id`` only where the connection may speak for others, else the publisher's.

    ``encoding`` says what the data has been through that the channel cannot undo, such as encryption; here and below it
    is carried along.
    """

    name: str | None
    data: Any
    extras: Any = None
    id: str | None = None
    client_id: str | None = None
    encoding: str | None = None


class Mutation(NamedTuple):
    """An append, update or delete of the message ``serial``; what is ABSENT, or a name of None, is left as it is."""

    serial: str
    data: Any = ABSENT
    extras: Any = ABSENT
    name: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] | None = None
    encoding: str | None = None


class Version(NamedTuple):
    """The newest operation on a message: its serial, its time in ms, and who did it with which remarks."""

    serial: str
    timestamp: int
    client_id: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] | None = None


class Whole(NamedTuple):
    """What an appended message says in full, at the version of that append."""

    name: str | None
    snapshot: Snapshot


class Record(NamedTuple):
    """One message as one operation left it.

    ``timestamp``, ``client_id``, ``connection_id`` and ``id`` are of its creation. An append holds only what was sent
    with it, and in ``whole`` what that makes; every other action holds the full message.
    """

    action: str
    serial: str
    version: Version
    timestamp: int
    name: str | None
    data: Any
    extras: Any
    client_id: str | None
    connection_id: str
    id: str | None
    whole: Whole | None = None
    encoding: str | None = None

    def in_full(self) -> Record:
        """The record with the full message: an append becomes an update (Ably protocol 6.3)."""
        whole = self.whole
        if whole is None:
            return self
        return self._replace(action=names.UPDATE, name=whole.name, data=whole.snapshot.data(), whole=None)

    def message(self) -> InboundMessage:
        """The message as a subscriber gets it; its own copy, which it may change."""
        return InboundMessage(
            self.action,
            self.serial,
            self.version.serial,
            self.timestamp,
            self.name,
            copied(self.data),
            copied(self.extras),
            self.client_id,
            self.connection_id,
            self.id,
        )


class Entry(NamedTuple):
    """One step of the log: what one operation of one connection put on the channel, delivered as a unit.

    ``position`` is the channel serial of the step: the highest serial or version in it. Several records only come from
    an atomic publish; none are left of a publish that was ephemeral, when it is told to who keeps the log.
    """

    position: str
    connection_id: str
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Member(PresenceMember):
    """A member with what a wire tells besides: the id and time, in ms, of what it last did, and its data's encoding."""

    id: str = field(default="", compare=False)
    timestamp: int = field(default=0, compare=False)
    encoding: str | None = None
