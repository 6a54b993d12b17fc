"""Serials: the names of positions on a channel, which sort as plain strings (Ably protocol 6.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

_SERIAL: Final = re.compile(r"(?P<ms>\d{14})-(?P<seq>\d{3})@(?P<site>[^:@]+):(?P<index>\d{3})")
_LAST_MS: Final = 10**14 - 1
_PER_MS: Final = 1_000

MAX_INDEX: Final = 999
"""The highest index within one stamp: what bounds the messages of one publish."""


class Stamp(NamedTuple):
    """One moment on the channel's clock: ``timestamp`` in ms since the epoch, and what its serials begin with."""

    timestamp: int
    prefix: str

    def serial(self, index: int = 0) -> str:
        """The serial of the ``index``-th message published at this moment."""
        return f"{self.prefix}{index:03d}"


class SerialClock:
    """Gives out stamps that strictly increase as strings, whatever ``now`` does.

    ``now`` is asked for milliseconds since the epoch. When it stands still or goes back, stamps go on counting within
    the last millisecond, and beyond 999 of those borrow from the next one. ``after`` continues where an earlier clock
    stopped: every stamp is greater than that serial.

    Raises ValueError for a ``site`` that serials cannot hold, or an ``after`` that is no serial.
    """

    def __init__(self, now: Callable[[], int], site: str = "memory", *, after: str | None = None) -> None:
        if not site or ":" in site or "@" in site:
            raise ValueError(f"a site is a name without ':' and '@', not {site!r}")
        self._now = now
        self._site = site
        self._ms = 0
        self._seq = 0
        if after is not None:
            self.advance(after)

    @property
    def origin(self) -> str:
        """A position before every serial."""
        return f"{0:014d}-000@{self._site}:000"

    def now(self) -> int:
        """The present time in ms, never before a timestamp that was already given out."""
        return max(self._now(), self._ms)

    def next(self) -> Stamp:
        """The next stamp."""
        ms = self._now()
        if ms > self._ms:
            self._ms = min(ms, _LAST_MS)
            self._seq = 0
        elif self._seq + 1 < _PER_MS:
            self._seq += 1
        else:
            self._ms += 1
            self._seq = 0
        return Stamp(self._ms, f"{self._ms:014d}-{self._seq:03d}@{self._site}:")

    def advance(self, serial: str) -> None:
        """Make every further stamp greater than ``serial``. Raises ValueError when it is not one."""
        match = _SERIAL.fullmatch(serial)
        if match is None:
            raise ValueError(f"{serial!r} is not a serial")
        self._ms, self._seq = max((self._ms, self._seq), (int(match["ms"]), int(match["seq"])))


def is_serial(text: str) -> bool:
    """Whether ``text`` is written as serials are."""
    return _SERIAL.fullmatch(text) is not None


def first_serial_of(ms: int) -> str:
    """A string that sorts before every serial of that millisecond, and after those of earlier ones."""
    return f"{max(0, min(ms, _LAST_MS)):014d}"
