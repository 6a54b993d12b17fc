"""One socket as the protocol sees it: frames go out through it, and it can be ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ai_transport_codecs.errors import AITransportError

from .acks import AckLine, Reply
from .faults import Faults
from .formats import Format, Raw
from .numbers import Action
from .outbox import Outbox, Parcel
from .refusals import error_info, too_slow


class Link:
    """The way to one client, for as long as its socket lives. Whoever holds the socket sends what :meth:`take` gives.

    ``wake`` is called when there is something to take, ``ended`` when nothing more will come; ``abort`` cuts the
    socket. ``limit`` bounds what waits, in bytes.
    """

    def __init__(
        self,
        wire: Format,
        *,
        mark: Callable[[], int],
        wake: Callable[[], None],
        ended: Callable[[], None],
        abort: Callable[[], None],
        limit: int,
        faults: Faults,
    ) -> None:
        self.format = wire
        self.connection_id: str | None = None
        """The connection that it serves, once it serves one."""
        self.is_ended = False
        """Whether the socket is to be closed once everything is sent."""
        self.is_overrun = False
        """Whether more waited than may: what the client was to get is gone."""
        self._outbox = Outbox(wire, mark, wake)
        self._ended = ended
        self._abort = abort
        self._limit = limit
        self._faults = faults
        self._acks = AckLine(self._reply, lambda: faults.holds_acks)

    @property
    def acks(self) -> AckLine:
        """The replies to what came through this socket."""
        return self._acks

    def flush_acks(self) -> None:
        """Send the replies that are decided, and were not sent."""
        self._acks.flush()

    def cut(self) -> None:
        """Cut the socket without a word."""
        self.is_ended = True
        self._outbox.clear()
        self._abort()
        self._ended()

    @property
    def room(self) -> int:
        """How much of what is past may be sent at once: half of what is free, so that there is room for what is new."""
        return (self._limit - self._outbox.size) // 2

    def send(self, frame: Mapping[str, Any]) -> None:
        """Send a frame."""
        self.send_raw(frame["action"], self.format.encode(frame))

    def send_raw(self, action: int, raw: Raw) -> None:
        """Send a frame of that action that is encoded already."""
        if self.is_ended or self._faults.drops(action):
            return
        self._outbox.put_raw(raw)
        self._check_size()

    def end(self, frame: Mapping[str, Any] | None = None) -> None:
        """Send a last frame, if any, and close."""
        if self.is_ended:
            return
        if frame is not None:
            self._outbox.put(frame)
        self.is_ended = True
        self._ended()

    def take(self) -> Parcel | None:
        """What to send next."""
        return self._outbox.take()

    def _reply(self, msg_serial: int, reply: Reply) -> None:
        if self.is_ended or self._faults.drops(Action.ACK if reply.error is None else Action.NACK):
            return
        self._outbox.reply(msg_serial, reply)
        self._check_size()

    def _check_size(self) -> None:
        size = self._outbox.size
        if size > self._limit:
            self._outbox.clear()
            self.is_overrun = True
            self.end(disconnected(too_slow(size)))


def disconnected(error: AITransportError) -> dict[str, Any]:
    """The frame that ends a socket, and lets the client come back."""
    return {"action": int(Action.DISCONNECTED), "error": error_info(error)}


def failed(error: AITransportError) -> dict[str, Any]:
    """The frame that ends a connection for good."""
    return {"action": int(Action.ERROR), "error": error_info(error)}
