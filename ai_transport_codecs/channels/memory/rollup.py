"""Merging one connection's appends into fewer (Ably protocol 6.4)."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from ai_transport_codecs.wire.absent import ABSENT

from .records import Mutation

TicketT = TypeVar("TicketT")


class Held(NamedTuple, Generic[TicketT]):
    """Appends that became one. ``tickets`` stand for them, in their order; the last one is what the others became."""

    mutation: Mutation
    tickets: tuple[TicketT, ...]


class AppendRollup(Generic[TicketT]):
    """The appends of one connection to one channel, held for up to ``window`` seconds. Decides; whoever owns it waits.

    The first append to a message goes out at once and opens a window. Those to the same message within it are held,
    and become one: their data joined, everything else the newest's. The owner takes them out when ``deadline`` has
    come, and before it does anything else for that connection on that channel, so that nothing overtakes them.

    ``limit`` bounds what is held, in characters or bytes of data.
    """

    def __init__(self, window: float, limit: int) -> None:
        self._window = window
        self._limit = limit
        self._serial: str | None = None
        self._deadline = 0.0
        self._held: list[tuple[Mutation, TicketT]] = []
        self._size = 0
        self._kind: tuple[type, str | None] | None = None

    @property
    def deadline(self) -> float | None:
        """When what is held has to go out; None while nothing is."""
        return self._deadline if self._held else None

    def holds(self, mutation: Mutation, ticket: TicketT, now: float) -> bool:
        """Whether the append is held; otherwise it has to go out now, after what :meth:`take` gives."""
        if not self._fits(mutation, now):
            return False
        self._held.append((mutation, ticket))
        if mutation.data is not ABSENT:
            self._kind = _kind(mutation)
            self._size += _size(mutation)
        return True

    def went_out(self, serial: str, now: float) -> None:
        """An append to that message went out at that time: its window opens."""
        self._serial = serial
        self._deadline = now + self._window

    def take(self) -> Held[TicketT] | None:
        """What is held, as one append; None when nothing is. The window is over until :meth:`went_out`."""
        self._serial = None
        if not self._held:
            return None
        held, self._held, self._size, self._kind = self._held, [], 0, None
        return Held(_merged([mutation for mutation, _ in held]), tuple(ticket for _, ticket in held))

    def _fits(self, mutation: Mutation, now: float) -> bool:
        if mutation.serial != self._serial or now >= self._deadline or _size(mutation) + self._size > self._limit:
            return False
        if mutation.data is ABSENT:
            return True
        return _is_joinable(mutation) and (self._kind is None or self._kind == _kind(mutation))


def _is_joinable(mutation: Mutation) -> bool:
    return isinstance(mutation.data, str | bytes)


def _kind(mutation: Mutation) -> tuple[type, str | None]:
    return type(mutation.data), mutation.encoding


def _size(mutation: Mutation) -> int:
    return len(mutation.data) if isinstance(mutation.data, str | bytes) else 0


def _merged(appends: list[Mutation]) -> Mutation:
    newest = appends[-1]
    with_data = [append for append in appends if append.data is not ABSENT]
    data = type(with_data[0].data)().join([append.data for append in with_data]) if with_data else ABSENT
    given = [append.extras for append in appends if append.extras is not ABSENT]
    called = [append.name for append in appends if append.name is not None]
    return newest._replace(
        data=data,
        extras=given[-1] if given else ABSENT,
        name=called[-1] if called else None,
        encoding=with_data[-1].encoding if with_data else None,
    )
