"""A rollup with the timer that ends its window: appends of one connection to one channel, let out when it is time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol

from .records import Mutation
from .rollup import AppendRollup, Held, TicketT


class Handle(Protocol):
    """Something that was to be called, and need not be."""

    def cancel(self) -> object: ...


class Timers(Protocol):
    """The part of an event loop that knows the time, in seconds of its own."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[..., object], /) -> Handle: ...


class RollupWindow(Generic[TicketT]):
    """Gives ``let_out`` what is appended: at once, or merged once the window is over.

    ``timers`` is asked for whenever time matters.
    """

    __slots__ = ("_let_out", "_rollup", "_timer", "_timers")

    def __init__(
        self, rollup: AppendRollup[TicketT], let_out: Callable[[Held[TicketT]], None], timers: Callable[[], Timers]
    ) -> None:
        self._rollup = rollup
        self._let_out = let_out
        self._timers = timers
        self._timer: Handle | None = None

    def offer(self, mutation: Mutation, ticket: TicketT) -> None:
        """An append, which goes out now or is held."""
        timers = self._timers()
        now = timers.time()
        if self._rollup.holds(mutation, ticket, now):
            deadline = self._rollup.deadline
            if self._timer is None and deadline is not None:
                self._timer = timers.call_at(deadline, self._expire)
            return
        self.release()
        self._let_out(Held(mutation, (ticket,)))
        self._rollup.went_out(mutation.serial, now)

    def release(self) -> str | None:
        """Let out what is held; the serial of its message."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held = self._rollup.take()
        if held is None:
            return None
        self._let_out(held)
        return held.mutation.serial

    def _expire(self) -> None:
        self._timer = None
        serial = self.release()
        if serial is not None:
            self._rollup.went_out(serial, self._timers().time())
