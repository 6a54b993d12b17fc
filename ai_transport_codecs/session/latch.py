"""Something that happens once, and that any number of tasks may wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any


class Latch:
    """Awaitable, any number of times: returns once it is set, raises once it failed. The first outcome stays.

    Cancelling one who waits does nothing to the others. Needs no event loop before somebody waits.
    """

    __slots__ = ("_error", "_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._error: Exception | None = None
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    @property
    def is_settled(self) -> bool:
        """Whether it was set or failed."""
        return self._is_set or self._error is not None

    def set(self) -> None:
        """Let everybody through."""
        if not self.is_settled:
            self._is_set = True
            self._wake()

    def fail(self, error: Exception) -> None:
        """Raise ``error`` to everybody who waits, now or later."""
        if not self.is_settled:
            self._error = error
            self._wake()

    def __await__(self) -> Generator[Any, None, None]:
        if not self.is_settled:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                yield from waiter
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
