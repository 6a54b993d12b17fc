"""Time that passes when a test says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class _Timer:
    def __init__(self, callback: Callable[..., object]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class ManualTimers:
    """The part of an event loop that knows the time, in seconds."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = count()
        self._due: list[tuple[float, int, _Timer]] = []

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[..., object], /) -> _Timer:
        timer = _Timer(callback)
        heapq.heappush(self._due, (when, next(self._order), timer))
        return timer

    @property
    def waiting(self) -> int:
        """How many are still to happen."""
        return sum(not timer.is_cancelled for _, _, timer in self._due)

    def advance(self, seconds: float) -> None:
        """Let that much time pass, and what is due happen when it is."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            when, _, timer = heapq.heappop(self._due)
            self._now = max(self._now, when)
            if not timer.is_cancelled:
                timer.callback()
        self._now = end
