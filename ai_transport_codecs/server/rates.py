"""How many messages per second are let through (Ably protocol 6.5)."""

from __future__ import annotations

from collections.abc import Callable


class RateLimit:
    """Lets ``limit`` through in a second, in one burst or spread; 0 lets everything through.

    ``time`` gives seconds that never go back.
    """

    def __init__(self, limit: int, time: Callable[[], float]) -> None:
        self.limit = limit
        self._time = time
        self._left = float(limit)
        self._counted_at = time()

    def takes(self, count: int) -> bool:
        """Whether so many more may go through now; they count if so."""
        if not self.limit:
            return True
        now = self._time()
        self._left = min(float(self.limit), self._left + (now - self._counted_at) * self.limit)
        self._counted_at = now
        if count > self._left:
            return False
        self._left -= count
        return True
