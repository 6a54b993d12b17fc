"""One channel where it lives: its log, its members and who is attached. No waiting, no sockets, no tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from ai_transport_codecs.channels.protocol import PresenceEvent
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.size import data_size

from . import refusals
from .admission import admitted_drafts, admitted_mutation, admitted_presence_data
from .attach_params import Rewind
from .capability import Grant
from .log import ChannelLog, Published
from .presence_set import PresencePast, PresenceSet
from .records import Draft, Entry, Member, Mutation, Publisher, Record
from .serials import SerialClock

_VERBS: Final = {names.APPEND: "append", names.UPDATE: "update", names.DELETE: "delete"}


class Sink(Protocol):
    """Whoever is told what happens on a channel: the server's end of one attachment."""

    @property
    def modes(self) -> frozenset[str]: ...
    def take_entry(self, entry: Entry) -> None: ...
    def take_presence(self, event: PresenceEvent) -> None: ...


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What a channel allows. ``mutable``: appends, updates and deletes; sizes in bytes, times in ms.

    ``max_grown_size`` bounds what a message's data may become by appends; 0 for no bound.
    """

    mutable: bool = True
    max_message_size: int = 65_536
    max_grown_size: int = 0
    retained: int = 10_000
    id_window: int = 120_000


class HostedChannel:
    """The channel ``name``. Operations take effect at once; who calls them tells the attached, with ``announce``."""

    def __init__(
        self, name: str, clock: SerialClock, rules: ChannelRules, journal: Callable[[str, Entry], None] | None = None
    ) -> None:
        self.name = name
        self.rules = rules
        self.log = ChannelLog(
            name,
            clock,
            retained=rules.retained,
            id_window=rules.id_window,
            journal=None if journal is None else partial(journal, name),
        )
        self.presence = PresenceSet()
        self.presence_past = PresencePast()
        self._clock = clock
        self._sinks: dict[str, Sink] = {}

    # -- messages ------------------------------------------------------------------------------------------------------

    def publish(self, drafts: Sequence[Draft], publisher: Publisher, grant: Grant) -> Published:
        """Publish messages as one step. Raises ChannelError 40160, 40013, 40034, 40031 or 40009."""
        self._check_grant(grant, "publish", "publish")
        own = admitted_drafts(drafts, publisher.client_id, self.rules.max_message_size)
        return self.log.publish(own, publisher)

    def admit(self, action: str, mutation: Mutation, publisher: Publisher, grant: Grant) -> Mutation:
        """The mutation in a form for :meth:`mutate`, checked against everything that could refuse it.

        Raises ChannelError 93002, 40160, 40166, 40003, 40013, 40009 or 40400.
        """
        verb = _VERBS[action]
        own = admitted_mutation(mutation, verb, publisher.client_id, self.rules.max_message_size)
        if not self.rules.mutable:
            raise refusals.immutable(verb, self.name)
        stored = self.log.check(action, own)
        limit = self.rules.max_grown_size
        if limit and action == names.APPEND and stored.size + data_size(own.data) > limit:
            raise refusals.grown_too_large(limit)
        grant.check_mutation(verb, self.name, stored.created.client_id, publisher.client_id)
        return own

    def mutate(self, action: str, admitted: Mutation, publisher: Publisher) -> Entry:
        """Do what :meth:`admit` let in."""
        return self.log.mutate(action, admitted, publisher)

    def rewound(self, rewind: Rewind) -> list[Record]:
        """The messages that a rewind asks for, oldest first."""
        start = None if rewind.span is None else self._clock.now() - rewind.span
        records, _ = self.log.page(rewind.limit, start=start)
        return records[::-1]

    def announce(self, entry: Entry) -> None:
        """Tell everybody attached."""
        for sink in tuple(self._sinks.values()):
            sink.take_entry(entry)

    # -- who is attached -----------------------------------------------------------------------------------------------

    def attach(self, connection_id: str, sink: Sink) -> None:
        """Tell ``sink`` everything from now on."""
        self._sinks[connection_id] = sink

    def mute(self, connection_id: str) -> None:
        """Tell that connection nothing more; its members stay."""
        self._sinks.pop(connection_id, None)

    def detach(self, connection_id: str) -> None:
        """Tell that connection nothing more; its members leave."""
        self.mute(connection_id)
        for gone in self.presence.of_connection(connection_id):
            # An id that does not begin with the connection's says that the channel decided it (Ably protocol 8).
            leaving = Member(gone.client_id, connection_id, None, f"left:{connection_id}:0:0", self._clock.now())
            self._tell_presence(self.presence.remove(leaving))

    @property
    def sinks(self) -> list[Sink]:
        """Whoever is attached now."""
        return list(self._sinks.values())

    # -- presence ------------------------------------------------------------------------------------------------------

    def member(
        self, publisher: Publisher, data: Any, grant: Grant, *, id: str | None = None, encoding: str | None = None
    ) -> Member:
        """Whom :meth:`put_member` and :meth:`remove_member` take. Raises ChannelError 91000, 40160, 40013 or 40009."""
        client_id = self._member_id(publisher, grant)
        own = admitted_presence_data(data, self.rules.max_message_size)
        id = id or f"{publisher.connection_id}:{publisher.operation}:0"
        return Member(client_id, publisher.connection_id, own, id, self._clock.now(), encoding)

    def put_member(self, member: Member) -> None:
        """Enter or update presence, and tell everybody."""
        self._tell_presence(self.presence.put(member))

    def remove_member(self, member: Member) -> None:
        """Leave presence, and tell everybody."""
        self._tell_presence(self.presence.remove(member))

    def _member_id(self, publisher: Publisher, grant: Grant) -> str:
        if publisher.client_id is None or publisher.client_id == "*":
            raise refusals.anonymous_presence(self.name)
        self._check_grant(grant, "enter presence", "presence")
        return publisher.client_id

    def _tell_presence(self, event: PresenceEvent | None) -> None:
        if event is None:
            return
        self.presence_past.add(event)
        for sink in tuple(self._sinks.values()):
            sink.take_presence(event)

    def _check_grant(self, grant: Grant, doing: str, operation: str) -> None:
        if operation not in grant:
            raise refusals.denied(doing, self.name, operation)
