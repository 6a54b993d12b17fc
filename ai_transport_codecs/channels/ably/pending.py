"""What was sent and not yet acknowledged, by its number: takes the place of ably-python's list (P1, P2, P4, P7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from .sdk import ably_error


class PendingWrites:
    """As ably-python's ``PendingMessageQueue``, but each acknowledgement settles what has its number, and only that.

    The original completes the head of a list and counts on from there: one entry that should not be there, or two in
    the wrong order, give every later write somebody else's result. It also searches the list for each write.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Any, float]] = {}
        self._newest_settled = -1
        self._settled_at = float("-inf")

    @property
    def messages(self) -> PendingWrites:
        """All of it; ably-python asks this whether something is in it, and for a list of it."""
        return self

    def __contains__(self, message: Any) -> bool:
        known = self._waiting.get(message.message.get("msgSerial"))
        return known is not None and known[0] is message

    def __iter__(self) -> Iterator[Any]:
        return iter([message for message, _ in self._waiting.values()])

    def __len__(self) -> int:
        return len(self._waiting)

    def count(self) -> int:
        return len(self._waiting)

    def push(self, message: Any) -> None:
        """Wait for the acknowledgement of ``message``; what had its number before will get none any more."""
        serial = message.message["msgSerial"]
        if message in self:
            return
        self.forget(
            serial, ably_error("the message was superseded before it was acknowledged", status_code=503, code=80003)
        )
        self._newest_settled = min(self._newest_settled, serial - 1)  # a new connection counts from the start
        self._waiting[serial] = message, asyncio.get_running_loop().time()

    def forget(self, serial: int, error: BaseException | None = None) -> None:
        """Wait no longer for that number."""
        known = self._waiting.pop(serial, None)
        if known is not None and error is not None:
            _fail(known[0], error)

    def waiting_since(self) -> float | None:
        """The loop's time since when the next acknowledgement could have come; None when none is waited for.

        A server that is behind acknowledges one after the other, however long ago each was sent. One that has come to
        later numbers has left the oldest out.
        """
        for serial, (_, since) in self._waiting.items():
            return since if self._newest_settled > serial else max(since, self._settled_at)
        return None

    def complete_messages(
        self, serial: int, count: int, res: Sequence[Any] | None, err: BaseException | None = None
    ) -> None:
        """Settle the ``count`` messages from ``serial`` on; numbers that nobody waits for are nobody's."""
        if count > len(self._waiting):
            numbers = sorted(number for number in self._waiting if serial <= number < serial + count)
        else:
            numbers = [number for number in range(serial, serial + count) if number in self._waiting]
        if numbers:
            self._newest_settled, self._settled_at = numbers[-1], asyncio.get_running_loop().time()
        for number in numbers:
            message, _ = self._waiting.pop(number)
            if err is not None:
                _fail(message, err)
            elif message.future is not None and not message.future.done():
                index = number - serial
                message.future.set_result(res[index] if res is not None and index < len(res) else None)

    def complete_all_messages(self, err: BaseException) -> None:
        """Fail everything."""
        failed, self._waiting = self._waiting, {}
        for message, _ in failed.values():
            _fail(message, err)

    def clear(self) -> None:
        """Know nothing any more; ably-python has put it elsewhere."""
        self._waiting = {}


def _fail(message: Any, error: BaseException) -> None:
    if message.future is not None and not message.future.done():
        message.future.set_exception(error)
        message.future.exception()  # seen: whoever sent it may have been told already, by the socket
