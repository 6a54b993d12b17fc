"""Finds connections that only look alive, and has them made again (P3, P4)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from .pending import PendingWrites
from .sdk import ably_error, abort_socket

_log = logging.getLogger("ai_transport_codecs.channels")

_INTERVAL: Final = 1.0
_LOOKS: Final = 2
"""How many times in a row a connection has to look dead: while it changes hands it may, for a moment."""


class Watchdog:
    """Looks at a connection every second.

    It is dead when the client says that it is connected and has no socket that is read, or when an acknowledgement is
    overdue by ``patience`` seconds.
    """

    def __init__(self, manager: Any, pending: PendingWrites, *, patience: float) -> None:
        self._manager = manager
        self._pending = pending
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0

    def start(self) -> None:
        """Look from now on. Idempotent."""
        if self._timer is None:
            self._wait()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self, *, is_sure: bool = False) -> None:
        """Have the connection made again if it is dead; ``is_sure`` when there is other evidence that it is."""
        if self._manager.state.value != "connected":
            self._looks = 0
            return
        reason = self._why_dead()
        self._looks = 0 if reason is None else self._looks + 1
        if reason is not None and (is_sure or self._looks >= _LOOKS):
            self.revive(reason)

    def revive(self, reason: str) -> None:
        """Give the connection up, fail what is open, and connect again."""
        manager = self._manager
        if manager.state.value != "connected":
            return
        _log.warning("the connection to Ably is given up, and made again: %s", reason)
        self._looks = 0
        transport = manager.transport
        manager.deactivate_transport(ably_error(reason, status_code=503, code=80003))
        if transport is not None and not transport.is_disposed:
            abort_socket(transport)
            manager.disconnect_transport_task = asyncio.ensure_future(transport.dispose())

    def _why_dead(self) -> str | None:
        transport = self._manager.transport
        if transport is None or transport.is_disposed:
            return "the client believes to be connected, and has no socket"
        if transport.read_loop is not None and transport.read_loop.done():
            return "nobody reads the socket any more"
        since = self._pending.waiting_since()
        if since is not None and asyncio.get_running_loop().time() - since > self._patience:
            return f"an acknowledgement did not come within {self._patience:g} s"
        return None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._tick)

    def _tick(self) -> None:
        self._wait()
        self.look()
