"""How many messages a connection may publish per second, shared fairly by all who publish through it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_WINDOW: Final = 1.0
_RESERVE: Final = 5
"""One in so many is kept for what cannot wait: the first words of a stream, and its end."""

_AGED: Final = 1.0
"""Seconds after which what can wait has waited long enough, and is served in its turn with what cannot."""

_LEAST_SHARE: Final = 8
"""When Ably refuses all the same, what is published sinks, at most to one in so many of the limit."""

_RECOVERY: Final = 10.0
"""Seconds in which it rises again."""


class Ticket:
    """A place in the queue for one write of ``cost`` messages."""

    __slots__ = ("_budget", "cost", "is_granted", "is_over", "is_urgent", "on_grant", "since")

    def __init__(
        self, budget: MessageBudget, cost: int, since: float, on_grant: Callable[[], None], *, is_urgent: bool
    ) -> None:
        self._budget = budget
        self.cost = cost
        self.since = since
        self.on_grant = on_grant
        self.is_urgent = is_urgent
        self.is_granted = False
        self.is_over = False

    def cancel(self) -> None:
        """Want it no more. What was granted counts as spent all the same. Idempotent."""
        if not self.is_over:
            self.is_over = True
            self._budget.cancelled(self)


class MessageBudget:
    """At most ``limit`` messages in any second, whoever sends them.

    What is urgent goes first and may use all of it. What is not is spread evenly over the second, in the order in which
    it asked, and leaves a fifth free, so that what is urgent seldom has to wait; who asks once for each stream at a
    time thus gets as much as every other stream. Nothing waits for ever: after a second the two kinds take turns.

    Needs a running event loop. Not safe for use from several threads.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a limit is at least 1 message per second, not {limit}")
        self.limit = limit
        self._urgent: deque[Ticket] = deque()
        self._patient: deque[Ticket] = deque()
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._last_patient = float("-inf")
        self._refused_at = float("-inf")
        self._share = 1.0
        self._timer: asyncio.TimerHandle | None = None

    def request(self, on_grant: Callable[[], None], *, cost: int = 1, is_urgent: bool = False) -> Ticket:
        """Ask for a write. If it is not granted at once, ``on_grant`` is called when it is."""
        now = asyncio.get_running_loop().time()
        ticket = Ticket(self, cost, now, on_grant, is_urgent=is_urgent)
        (self._urgent if is_urgent else self._patient).append(ticket)
        self._serve(now, asking=ticket)
        return ticket

    async def take(self, cost: int = 1, *, is_urgent: bool = False) -> None:
        """Wait for a write."""
        news = asyncio.Event()
        ticket = self.request(news.set, cost=cost, is_urgent=is_urgent)
        try:
            while not ticket.is_granted:
                await news.wait()
        except asyncio.CancelledError:
            ticket.cancel()
            raise

    def refused(self) -> None:
        """Ably says that it was too much: others publish through the connection too, or the limit is lower."""
        now = asyncio.get_running_loop().time()
        if now - self._refused_at >= _WINDOW:  # those that were under way together are one refusal
            self._share = max(1 / _LEAST_SHARE, self._current_share(now) / 2)
            self._refused_at = now

    def cancelled(self, ticket: Ticket) -> None:
        """The ticket is not wanted any more."""
        if not ticket.is_granted:
            queue = self._urgent if ticket.is_urgent else self._patient
            queue.remove(ticket)

    def _current_share(self, now: float) -> float:
        return min(1.0, self._share + (now - self._refused_at) / _RECOVERY)

    def _serve(self, now: float, asking: Ticket | None = None) -> None:
        """Grant what can be granted now, and come back when more can."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._urgent or self._patient:
            ticket = self._next(now)
            due = self._due(ticket, now)
            if due > now:
                self._timer = asyncio.get_running_loop().call_at(due, self._tick)
                return
            self._grant(ticket, now)
            if ticket is not asking:
                ticket.on_grant()

    def _tick(self) -> None:
        self._timer = None
        self._serve(asyncio.get_running_loop().time())

    def _next(self, now: float) -> Ticket:
        if not self._patient:
            return self._urgent[0]
        if not self._urgent:
            return self._patient[0]
        patient, urgent = self._patient[0], self._urgent[0]
        is_aged = now - patient.since >= _AGED and patient.since < urgent.since
        return patient if is_aged else urgent

    def _due(self, ticket: Ticket, now: float) -> float:
        """When there is room for it."""
        self._forget(now)
        limit = max(1, int(self.limit * self._current_share(now)))
        is_patient = not ticket.is_urgent and now - ticket.since < _AGED
        usable = max(1, limit - limit // _RESERVE) if is_patient else limit
        earliest = self._last_patient + _WINDOW / usable if is_patient else now
        return max(earliest, self._room_at(usable - ticket.cost, now))

    def _room_at(self, room: int, now: float) -> float:
        """When no more than ``room`` of the last second is left; all of it has to be over for what is larger."""
        left = self._sum
        if left <= max(0, room):
            return now
        for moment, cost in self._spent:
            left -= cost
            if left <= max(0, room):
                return moment + _WINDOW
        return now

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] + _WINDOW <= now:
            self._sum -= self._spent.popleft()[1]

    def _grant(self, ticket: Ticket, now: float) -> None:
        queue = self._urgent if ticket.is_urgent else self._patient
        queue.remove(ticket)
        if not ticket.is_urgent:
            self._last_patient = now
        self._spent.append((now, ticket.cost))
        self._sum += ticket.cost
        ticket.is_granted = True
