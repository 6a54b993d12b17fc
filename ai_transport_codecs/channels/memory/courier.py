"""What a server sends to one connection: in order, never within the call that caused it, and late if so wished."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from ai_transport_codecs.errors import AITransportError

Arrive: TypeAlias = Callable[[Any], bool | None]
"""What is to happen when an item arrives. True asks that whoever waits for it runs before the next item arrives."""


class Courier:
    """The way from the hub to one client. Items arrive in the order of :meth:`post`, ``latency`` seconds after it.

    They arrive from the event loop, so a listener never runs inside somebody's publish, and a publish never inside a
    listener.
    """

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._queue: deque[tuple[float, Arrive, Any]] = deque()
        self._handle: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def post(self, arrive: Arrive, item: Any) -> None:
        """Have ``arrive(item)`` called later. Needs a running event loop."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._latency if self._latency else 0.0
        self._queue.append((due, arrive, item))
        if self._handle is None or self._loop is not loop:
            self._schedule(loop)

    def clear(self) -> list[Any]:
        """Drop what is under way, as a cut wire does; the items that will not arrive."""
        lost = [item for _, _, item in self._queue]
        self._queue.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        return lost

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        due = self._queue[0][0]
        self._handle = loop.call_at(due, self._flush) if due > loop.time() else loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._handle = None
        queue, loop = self._queue, asyncio.get_running_loop()
        now = loop.time() if self._latency else 0.0
        try:
            while queue and queue[0][0] <= now:
                _, arrive, item = queue.popleft()
                if arrive(item):
                    break
        finally:
            if queue and self._handle is None:
                self._schedule(loop)


class Ack:
    """The acknowledgement of one operation; ``future`` is what the caller waits for."""

    __slots__ = ("_error", "_result", "future", "is_settled")

    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.is_settled = False
        self._result: Any = None
        self._error: AITransportError | None = None

    def settle(self, result: Any, error: AITransportError | None = None) -> None:
        """Decide what the caller will be told."""
        self._result, self._error, self.is_settled = result, error, True

    def arrive(self) -> None:
        """Tell the caller, if it still waits."""
        if self.future.done():
            return
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(self._result)

    def lose(self, error: AITransportError) -> None:
        """Tell the caller that it will never know."""
        if not self.future.done():
            self.future.set_exception(error)


class AckLine:
    """Sends acknowledgements in the order of their operations: one that is held holds those behind it.

    ``wakes_first``: whether a caller runs before anything else arrives at its connection.
    """

    def __init__(self, courier: Courier, *, wakes_first: bool) -> None:
        self._courier = courier
        self._arrive: Arrive = _arrive_alone if wakes_first else Ack.arrive
        self._waiting: deque[Ack] = deque()

    def open(self) -> Ack:
        """The place in the line of an operation that begins now."""
        ack = Ack()
        self._waiting.append(ack)
        return ack

    def settle(self, ack: Ack, result: Any, error: AITransportError | None = None) -> None:
        """Send the acknowledgement as soon as all before it are sent."""
        ack.settle(result, error)
        waiting = self._waiting
        while waiting and waiting[0].is_settled:
            self._courier.post(self._arrive, waiting.popleft())

    def clear(self) -> list[Ack]:
        """Forget those that are not sent; they are returned."""
        lost = list(self._waiting)
        self._waiting.clear()
        return lost


def _arrive_alone(ack: Ack) -> bool:
    ack.arrive()
    return True
