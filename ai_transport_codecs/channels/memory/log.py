"""One channel's log: which messages it holds, in which version, and what happened in which order.

Nothing here waits, keeps time or knows who listens: operations go in with what they were given, and come out as
:class:`~.records.Entry` values, which are all that is needed to deliver them, to store them and to build the log anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT

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
    """One message of the log: its creation as it was, and what it says now."""

    __slots__ = ("action", "contents", "created", "extras", "name", "version")

    def __init__(self, created: Record) -> None:
        self.created = created
        self.action = names.CREATE
        self.name = created.name
        self.extras = created.extras
        self.contents = Contents(created.data)
        self.version = created.version

    def latest(self) -> Record:
        """The message in its latest version, in full."""
        return self.created._replace(
            action=self.action,
            name=self.name,
            data=self.contents.snapshot().data(),
            extras=self.extras,
            version=self.version,
        )

    def change(self, action: str, version: Version, name: str | None, data: Any, extras: Any) -> Record:
        """Do an append, update or delete; the record of it. An update says in full what it leaves as it was."""
        self.version = version
        self.name = name or self.name
        if extras is not ABSENT:
            self.extras = extras
        created, whole = self.created, None
        if action == names.APPEND:
            self.action = names.UPDATE
            self.contents = self.contents.grown(data)
            whole = Whole(self.name, self.contents.snapshot())
        else:
            self.action = action
            if data is ABSENT:
                data = self.contents.snapshot().data()
            self.contents = Contents(data)
            name = self.name
        return Record(
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
        )


class ChannelLog:
    """The log of the channel ``name``.

    ``retained`` is how many of the newest entries can be replayed to somebody who missed them; messages are kept
    without end. ``id_window`` is how long, in ms, a repeated message id is recognised.
    """

    def __init__(self, name: str, clock: SerialClock, *, retained: int = 10_000, id_window: int = 120_000) -> None:
        self.name = name
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
        self._create(entry)
        return Published([record.serial for record in records], entry)

    def mutate(self, action: str, mutation: Mutation, publisher: Publisher) -> Entry:
        """Append to, update or delete a message, as ``action`` (a ``message.*`` name) says.

        Raises ChannelError 40400 for a message that the log does not hold, 40013 for an append that does not fit.
        """
        stored = self.check(action, mutation)
        stamp = self._clock.next()
        version = Version(stamp.serial(), stamp.timestamp, publisher.client_id, mutation.description, mutation.metadata)
        record = stored.change(action, version, mutation.name, mutation.data, mutation.extras)
        return self._take(Entry(version.serial, publisher.connection_id, (record,)))

    def check(self, action: str, mutation: Mutation) -> Stored:
        """The message that ``mutation`` is about, when it can be done; raises as :meth:`mutate`."""
        stored = self._messages.get(mutation.serial)
        if stored is None:
            raise refusals.unknown_message(_DOING[action], self.name, mutation.serial)
        if action == names.APPEND and not stored.contents.takes(mutation.data):
            there = type(stored.contents.snapshot().data()).__name__
            raise refusals.cannot_concatenate(there, type(mutation.data).__name__)
        return stored

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take in the entries of an earlier life of this log, in their order; the clock goes on after them."""
        for entry in entries:
            self._clock.advance(entry.position)
            first = entry.records[0]
            if first.action == names.CREATE:
                for record in entry.records:
                    if record.id is not None:
                        self._ids.remember(record.id, record)
                self._create(entry)
            else:
                stored = self._messages[first.serial]
                record = stored.change(first.action, first.version, first.name, first.data, first.extras)
                self._take(entry._replace(records=(record,)))

    def _create(self, entry: Entry) -> None:
        kept = tuple(record for record in entry.records if not is_ephemeral(record))
        for record in kept:
            self._messages[record.serial] = Stored(record)
            self._order.append(record.serial)
        if kept:
            self._take(entry if len(kept) == len(entry.records) else entry._replace(records=kept))
        self.position = entry.position

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
    )
