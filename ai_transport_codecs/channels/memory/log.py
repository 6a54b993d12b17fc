"""One channel's log: which messages it holds, in which version, and what happened in which order.

Nothing here waits, keeps time or knows who listens: operations go in with what they were given, and come out as
:class:`~.records.Entry` values, which are all that is needed to deliver them, to store them and to build the log anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.size import data_size

from . import refusals
from .contents import Contents
from .records import Draft, Entry, Mutation, Publisher, Record, Version, Whole
from .repeats import RepeatedIds
from .serials import SerialClock, Stamp, first_serial_of

_DOING: Final = {names.APPEND: "append", names.UPDATE: "update", names.DELETE: "delete"}


class Published(NamedTuple):
    """What became of a publish. ``entry`` is None when it was a repetition, answered with the first one's serials."""

    serials: list[str]
    entry: Entry | None


class Stored:
    """One message of the log: its creation as it was, what it says now, and what it said in between.

    ``versions`` are its creation and every update and delete, in full and in their order; appends are not among them
    (Ably protocol 6.3). ``size`` is that of its data, in bytes.
    """

    __slots__ = ("action", "contents", "created", "encoding", "extras", "name", "size", "version", "versions")

    def __init__(self, created: Record) -> None:
        self.created = created
        self.action = names.CREATE
        self.name = created.name
        self.extras = created.extras
        self.contents = Contents(created.data)
        self.encoding = created.encoding
        self.size = data_size(created.data)
        self.version = created.version
        self.versions = [created]

    def latest(self) -> Record:
        """The message in its latest version, in full."""
        return self.created._replace(
            action=self.action,
            name=self.name,
            data=self.contents.snapshot().data(),
            extras=self.extras,
            version=self.version,
            encoding=self.encoding,
        )

    def change(self, action: str, version: Version, mutation: Mutation) -> Record:
        """Do an append, update or delete; the record of it. An update says in full what it leaves as it was."""
        _, data, extras, name, *_ = mutation
        self.version = version
        self.name = name or self.name
        if extras is not ABSENT:
            self.extras = extras
        if data is not ABSENT:
            self.encoding = mutation.encoding
        created, whole = self.created, None
        if action == names.APPEND:
            self.action = names.UPDATE
            self.contents = self.contents.grown(data)
            self.size += data_size(data)
            whole = Whole(self.name, self.contents.snapshot())
        else:
            self.action = action
            if data is ABSENT:
                data = self.contents.snapshot().data()
            self.contents = Contents(data)
            self.size = data_size(data)
            name = self.name
        record = Record(
            action,
            created.serial,
            version,
            created.timestamp,
            name,
            data,
            self.extras,
            created.client_id,
            created.connection_id,
            created.id,
            whole,
            self.encoding,
        )
        if whole is None:
            self.versions.append(record)
        return record


def _nowhere(entry: Entry) -> None:
    """The journal of a log that is kept in memory only."""


class ChannelLog:
    """The log of the channel ``name``.

    ``retained`` is how many of the newest entries can be replayed to somebody who missed them; messages are kept
    without end. ``id_window`` is how long, in ms, a repeated message id is recognised. ``journal`` is told every entry
    that :meth:`restore` needs to build the log anew, once it is in the log.
    """

    def __init__(
        self,
        name: str,
        clock: SerialClock,
        *,
        retained: int = 10_000,
        id_window: int = 120_000,
        journal: Callable[[Entry], None] | None = None,
    ) -> None:
        self.name = name
        self._journal = journal or _nowhere
        self._clock = clock
        self._messages: dict[str, Stored] = {}
        self._order: list[str] = []
        self._entries: deque[Entry] = deque()
        self._retained = retained
        self._replayable_after = clock.origin
        self._ids = RepeatedIds(id_window)
        self.position = clock.origin
        """The channel serial of the newest entry; before there is one, a position before every serial."""

    # -- writing -------------------------------------------------------------------------------------------------------

    def publish(self, drafts: Sequence[Draft], publisher: Publisher) -> Published:
        """Put messages on the channel as one atomic step; a repetition of ids within the window changes nothing."""
        repeated = self._ids.find(drafts, self._clock)
        if repeated is not None:
            return Published(repeated, None)
        stamp = self._clock.next()
        records = tuple(_created(draft, index, stamp, publisher) for index, draft in enumerate(drafts))
        entry = Entry(records[-1].serial, publisher.connection_id, records)
        for draft, record in zip(drafts, records, strict=True):
            if draft.id:
                self._ids.remember(draft.id, record)
        self._journal(self._create(entry))
        return Published([record.serial for record in records], entry)

    def mutate(self, action: str, mutation: Mutation, publisher: Publisher) -> Entry:
        """Append to, update or delete a message, as ``action`` (a ``message.*`` name) says.

        Raises ChannelError 40400 for a message that the log does not hold, 40013 for an append that does not fit.
        """
        stored = self.check(action, mutation)
        stamp = self._clock.next()
        version = Version(stamp.serial(), stamp.timestamp, publisher.client_id, mutation.description, mutation.metadata)
        record = stored.change(action, version, mutation)
        entry = self._take(Entry(version.serial, publisher.connection_id, (record,)))
        self._journal(entry)
        return entry

    def check(self, action: str, mutation: Mutation) -> Stored:
        """The message that ``mutation`` is about, when it can be done; raises as :meth:`mutate`."""
        stored = self._messages.get(mutation.serial)
        if stored is None:
            raise refusals.unknown_message(_DOING[action], self.name, mutation.serial)
        if action == names.APPEND:
            _check_append(stored, mutation)
        return stored

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take in the entries that a journal was told, in their order; the clock goes on after them.

        Raises ValueError or KeyError for what no journal was told.
        """
        for entry in entries:
            self._clock.advance(entry.position)
            first = entry.records[0] if entry.records else None
            if first is None or first.action == names.CREATE:
                for record in entry.records:
                    if record.id is not None:
                        self._ids.remember(record.id, record)
                self._create(entry)
            else:
                stored = self._messages[first.serial]
                record = stored.change(first.action, first.version, _mutation_of(first))
                self._take(entry._replace(records=(record,)))

    def _create(self, entry: Entry) -> Entry:
        """Take in what a publish created; the entry without what is kept nowhere."""
        kept = tuple(record for record in entry.records if not is_ephemeral(record))
        for record in kept:
            self._messages[record.serial] = Stored(record)
            self._order.append(record.serial)
        if len(kept) != len(entry.records):
            entry = entry._replace(records=kept)
        if kept:
            self._take(entry)
        self.position = entry.position
        return entry

    def _take(self, entry: Entry) -> Entry:
        self.position = entry.position
        self._entries.append(entry)
        if len(self._entries) > self._retained:
            self._replayable_after = self._entries.popleft().position
        return entry

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, serial: str) -> Record | None:
        """The message of that serial in its latest version, or None."""
        stored = self._messages.get(serial)
        return None if stored is None else stored.latest()

    def versions(self, serial: str) -> list[Record] | None:
        """What the message of that serial was created as, updated and deleted to; None when there is none."""
        stored = self._messages.get(serial)
        return None if stored is None else list(stored.versions)

    def since(self, position: str) -> list[Entry] | None:
        """What happened after ``position``, oldest first; None when not all of it is held.

        Ephemeral messages are for those who were there, so they are not among it.
        """
        if not self._replayable_after <= position <= self.position:
            return None
        missed: list[Entry] = []
        for entry in reversed(self._entries):
            if entry.position <= position:
                break
            missed.append(entry)
        missed.reverse()
        return missed

    def page(
        self,
        limit: int,
        *,
        forwards: bool = False,
        beyond: str | None = None,
        through: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> tuple[list[Record], bool]:
        """Up to ``limit`` messages in their latest versions, in creation order or against it; and whether more follow.

        ``through`` leaves out what was created after that position; ``start`` and ``end`` bound the creation time, in
        ms, both included. ``beyond`` is the serial of the last message of the page before, which makes pages stable
        whatever is published in between.
        """
        order = self._order
        low = 0 if start is None else bisect_left(order, first_serial_of(start))
        high = len(order) if end is None else bisect_left(order, first_serial_of(end + 1))
        if through is not None:
            high = min(high, bisect_right(order, through))
        if beyond is not None and forwards:
            low = max(low, bisect_right(order, beyond))
        elif beyond is not None:
            high = min(high, bisect_left(order, beyond))
        high = max(low, high)
        chosen = order[low : min(high, low + limit)] if forwards else order[max(low, high - limit) : high][::-1]
        return [self._messages[serial].latest() for serial in chosen], len(chosen) < high - low


def is_ephemeral(record: Record) -> bool:
    """Whether the message is delivered to whoever is there, and kept nowhere."""
    extras: Any = record.extras
    return record.action == names.CREATE and type(extras) is dict and extras.get("ephemeral") is True


def _created(draft: Draft, index: int, stamp: Stamp, publisher: Publisher) -> Record:
    serial = stamp.serial(index)
    return Record(
        names.CREATE,
        serial,
        Version(serial, stamp.timestamp, draft.client_id),
        stamp.timestamp,
        draft.name,
        draft.data,
        draft.extras,
        draft.client_id,
        publisher.connection_id,
        draft.id or f"{publisher.connection_id}:{publisher.operation}:{index}",
        encoding=draft.encoding,
    )


def _mutation_of(record: Record) -> Mutation:
    """The operation that left a message like this."""
    return Mutation(record.serial, record.data, record.extras, record.name, encoding=record.encoding)


def _check_append(stored: Stored, mutation: Mutation) -> None:
    there = stored.contents
    if not there.takes(mutation.data):
        raise refusals.cannot_concatenate(type(there.snapshot().data()).__name__, type(mutation.data).__name__)
    if mutation.data is not ABSENT and not there.is_empty and mutation.encoding != stored.encoding:
        raise refusals.cannot_concatenate(_encoded(stored.encoding), _encoded(mutation.encoding))


def _encoded(encoding: str | None) -> str:
    return f"data encoded as {encoding!r}" if encoding else "data without an encoding"
