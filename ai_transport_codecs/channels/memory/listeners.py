"""Callbacks of a channel. What one raises is logged and hurts nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from ai_transport_codecs.channels.protocol import Unsubscribe

_log = logging.getLogger("ai_transport_codecs.channels")

EventT = TypeVar("EventT")


class Listeners(Generic[EventT]):
    """Listeners in the order they were added; the same one may be added twice. Each is given an event of its own."""

    __slots__ = ("_listeners", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._listeners: dict[object, Callable[[EventT], None]] = {}

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Callable[[EventT], None]) -> Unsubscribe:
        """Call ``listener`` for each event from now on, until what is returned is called."""
        key = object()
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)

        return unsubscribe

    def tell(self, event: Callable[[], EventT]) -> None:
        """Call everyone with what ``event()`` makes."""
        for key, listener in tuple(self._listeners.items()):
            if key not in self._listeners:  # another listener unsubscribed it
                continue
            try:
                listener(event())
            except Exception:
                _log.exception("a %s listener raised; the others are called all the same", self._what)
