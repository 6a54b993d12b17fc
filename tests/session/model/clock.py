"""An event loop whose clock jumps to the next timer: delays cost no time, and each run of a scenario is the same."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Selects what is ready, and lets the clock jump instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop without waiting. A deadlock, which a real loop would sleep in for ever, raises."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds since the loop was made, in its own time."""
        return self._clock.now
