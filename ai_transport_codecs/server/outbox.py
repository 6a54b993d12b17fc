"""What waits to be sent on one socket: in order, bounded, and not before what it tells of is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .acks import AckRun, Reply
from .formats import Format, Raw
from .numbers import Action
from .refusals import error_info

_ACK_SIZE: Final = 64


class Parcel(NamedTuple):
    """Something to send, once the journal has come to ``mark``."""

    raw: Raw
    mark: int


class _Waiting:
    __slots__ = ("content", "mark", "size")

    def __init__(self, content: Raw | AckRun, mark: int, size: int) -> None:
        self.content = content
        self.mark = mark
        self.size = size


class Outbox:
    """The queue of one socket. ``mark`` gives the journal's newest entry, ``wake`` is called when there is something.

    A frame is put after what it tells of went to the journal, so it waits for everything that is in the journal then:
    nobody is told what a crash could still undo.
    """

    def __init__(self, wire: Format, mark: Callable[[], int], wake: Callable[[], None]) -> None:
        self._format = wire
        self._mark = mark
        self._wake = wake
        self._waiting: deque[_Waiting] = deque()
        self.size = 0
        """Bytes that wait."""

    def put(self, frame: Mapping[str, Any]) -> None:
        """Send a frame."""
        self.put_raw(self._format.encode(frame))

    def put_raw(self, raw: Raw) -> None:
        """Send what is encoded already."""
        self._add(raw, len(raw))

    def reply(self, msg_serial: int, reply: Reply) -> None:
        """Acknowledge or refuse an operation; acknowledgements that follow each other go out together."""
        if reply.error is not None:
            error = error_info(reply.error)
            self.put({"action": int(Action.NACK), "msgSerial": msg_serial, "count": 1, "error": error})
            return
        last = self._waiting[-1] if self._waiting else None
        if last is not None and isinstance(last.content, AckRun) and last.content.takes(msg_serial, reply.serials):
            last.mark = self._mark()
            last.size += _ACK_SIZE
            self.size += _ACK_SIZE
        else:
            self._add(AckRun(msg_serial, reply.serials), _ACK_SIZE)

    def take(self) -> Parcel | None:
        """The next one to send; None when nothing waits."""
        if not self._waiting:
            return None
        item = self._waiting.popleft()
        self.size -= item.size
        content = item.content
        return Parcel(self._acks(content) if isinstance(content, AckRun) else content, item.mark)

    def clear(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        self.size = 0

    def _add(self, content: Raw | AckRun, size: int) -> None:
        self._waiting.append(_Waiting(content, self._mark(), size))
        self.size += size
        self._wake()

    def _acks(self, run: AckRun) -> Raw:
        return self._format.encode(
            {"action": int(Action.ACK), "msgSerial": run.first, "count": len(run.results), "res": run.results}
        )
