"""Recognising a publish that is tried again because only its acknowledgement was lost (Ably protocol 6.2)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from .records import Draft, Record
from .serials import SerialClock


class _Known(NamedTuple):
    serial: str
    forgotten_at: int


class RepeatedIds:
    """The message ids of the last ``window`` ms, with the serials they were given."""

    __slots__ = ("_known", "_window")

    def __init__(self, window: int) -> None:
        self._window = window
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def find(self, drafts: Sequence[Draft], clock: SerialClock) -> list[str] | None:
        """The serials that these messages got the first time; None when they are new, or have no ids."""
        if not self._known or drafts[0].id is None:
            return None
        self._forget(clock.now())
        known = [self._known.get(draft.id) if draft.id else None for draft in drafts]
        serials = [entry.serial for entry in known if entry is not None]
        return serials if serials and len(serials) == len(drafts) else None

    def remember(self, message_id: str, record: Record) -> None:
        """Note what was published under that id, and when."""
        self._forget(record.timestamp)
        self._known[message_id] = _Known(record.serial, record.timestamp + self._window)
        self._known.move_to_end(message_id)

    def _forget(self, now: int) -> None:
        while self._known:
            message_id, entry = next(iter(self._known.items()))
            if entry.forgotten_at > now:
                return
            del self._known[message_id]
