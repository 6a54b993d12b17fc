"""One client's attachment to a channel: what of the log it is delivered, and in which form."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .attach_params import AttachParams
from .records import Entry, Record


class Attachment:
    """Decides what one attachment gets of each entry; knows no channel, no client and no time.

    ``start`` is the channel serial at which it began: what was created later is delivered to it, what was created
    earlier is history. ``connection_id`` is whose echoes it may not want.

    An append to a message that was not delivered to this attachment is turned into an update with the full contents
    (Ably protocol 6.3). Continuing after a pause needs the same object, or a new one that starts anew.
    """

    __slots__ = ("_caught_up", "_full", "_mutes", "_subscribes", "connection_id", "start")

    def __init__(self, connection_id: str, start: str, params: AttachParams, modes: Collection[str]) -> None:
        self.connection_id = connection_id
        self.start = start
        self._mutes = not params.echo
        self._full = params.full
        self._subscribes = "SUBSCRIBE" in modes
        # Messages from before the start, or muted ones, of which a full version was delivered. All others that it
        # was delivered follow from the start, so this grows only with what is changed after the fact.
        self._caught_up: set[str] = set()

    def rewound(self, records: Iterable[Record]) -> list[Record]:
        """What it gets of these messages from before its start, which are in full."""
        chosen = list(records) if self._subscribes else []
        self._caught_up.update(record.serial for record in chosen)
        return chosen

    def deliveries(self, entry: Entry) -> Iterable[Record]:
        """What it gets of an entry that follows its start, or what it was delivered before."""
        if not self._subscribes or (self._mutes and entry.connection_id == self.connection_id):
            return ()
        return map(self._view, entry.records)

    def _view(self, record: Record) -> Record:
        serial = record.serial
        was_delivered = serial in self._caught_up or (
            serial > self.start and not (self._mutes and record.connection_id == self.connection_id)
        )
        if not was_delivered:
            self._caught_up.add(serial)
            return record.in_full()
        return record.in_full() if self._full else record
