"""Cancellation: the token a run carries, and the routing of ``ai-cancel`` messages to runs (session spec 4.8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from ai_transport_codecs.errors import OperationCancelledError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .events import Unsubscribe

_log = logging.getLogger("ai_transport_codecs.session")

MAX_DEFERRED: Final = 200
"""Cancels kept for inputs whose run does not exist yet; beyond that the oldest is forgotten."""


class CancelToken:
    """Whether a run was cancelled. Set once; handlers may poll it, wait for it or be called back.

    An application may make its own and give it to several runs, which it then cancels together.
    """

    __slots__ = ("_callbacks", "_event")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._callbacks: dict[object, Callable[[], None]] = {}

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody cancelled."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return once cancelled."""
        await self._event.wait()

    def raise_if_cancelled(self) -> None:
        """Raises OperationCancelledError (40033) once cancelled."""
        if self._event.is_set():
            raise OperationCancelledError("the run was cancelled; stop working on it")

    def on_cancel(self, callback: Callable[[], None]) -> Unsubscribe:
        """Call ``callback`` when cancelled, at once if it already was; the returned function ends that.

        What a callback raises is logged, and the others are called all the same.
        """
        if self._event.is_set():
            _call(callback)
            return _nothing
        key = object()
        self._callbacks[key] = callback
        return lambda: _forget(self._callbacks, key)

    def cancel(self) -> None:
        """Set the token. Doing so again changes nothing."""
        if self._event.is_set():
            return
        self._event.set()
        callbacks, self._callbacks = self._callbacks, {}
        for callback in callbacks.values():
            _call(callback)


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        _log.exception("a callback for a cancel raised; the run is cancelled all the same")


def _forget(callbacks: dict[object, Callable[[], None]], key: object) -> None:
    callbacks.pop(key, None)


def _nothing() -> None:
    """End a subscription that has had its one call."""


class _Cancellable(Protocol):
    run_id: str


RunT = TypeVar("RunT", bound=_Cancellable)


class CancelRouter(Generic[RunT]):
    """Which runs a cancel is for, when it may arrive before the run does. Cancels in history are never routed.

    Several objects may be one run: an answer that comes early makes another one while the first is still at work.
    A cancel of the run is for all of them.
    """

    def __init__(self) -> None:
        self._runs: dict[str, dict[RunT, None]] = {}
        self._by_input: dict[str, dict[RunT, None]] = {}
        self._deferred: dict[str, InboundMessage] = {}

    def register(self, run: RunT) -> None:
        """Make a run reachable by its id."""
        self._runs.setdefault(run.run_id, {})[run] = None

    def rename(self, run: RunT, run_id: str) -> None:
        """The run turned out to be another one's continuation: it takes that id, and is reachable by it only."""
        _drop(self._runs, run.run_id, run)
        run.run_id = run_id
        self.register(run)

    def bind_input(self, input_message_id: str, run: RunT) -> None:
        """Make a run reachable by the message it answers."""
        self._by_input.setdefault(input_message_id, {})[run] = None

    def take_deferred(self, input_message_id: str) -> InboundMessage | None:
        """The cancel that came for this input before its run, if any."""
        return self._deferred.pop(input_message_id, None)

    def unregister(self, run: RunT, input_message_id: str | None) -> None:
        """Forget a run that is over."""
        _drop(self._runs, run.run_id, run)
        if input_message_id is not None:
            self._deferred.pop(input_message_id, None)
            _drop(self._by_input, input_message_id, run)

    def runs(self) -> list[RunT]:
        """The registered runs, oldest first by their ids."""
        return [run for runs in self._runs.values() for run in runs]

    def find(self, run_id: str) -> RunT | None:
        """The registered run with that id; of several, the one that was registered last."""
        return next(reversed(self._runs.get(run_id, {})), None)

    def clear(self) -> None:
        """Forget everything: nothing can be cancelled any more."""
        self._runs.clear()
        self._by_input.clear()
        self._deferred.clear()

    def route(self, message: InboundMessage) -> list[RunT]:
        """The runs that a live cancel is for; kept for later when it names an input whose run does not exist yet."""
        headers = transport_headers(message.extras)
        input_id, run_id = text_header(headers, h.INPUT_MESSAGE_ID), text_header(headers, h.RUN_ID)
        if run_id is None and input_id is not None:
            runs = [*self._by_input.get(input_id, ())]
        else:
            runs = [*self._runs.get(run_id or "", ())]
        if not runs and input_id is not None:
            self._deferred.pop(input_id, None)
            if len(self._deferred) >= MAX_DEFERRED:
                del self._deferred[next(iter(self._deferred))]
            self._deferred[input_id] = message
        return runs


def _drop(groups: dict[str, dict[RunT, None]], key: str, run: RunT) -> None:
    group = groups.get(key, {})
    group.pop(run, None)
    if not group:
        groups.pop(key, None)


def cancel_extras(event_id: str, *, run_id: str | None = None, input_message_id: str | None = None) -> dict[str, Any]:
    """The extras of an ``ai-cancel`` message (session spec 2.4)."""
    transport = {h.EVENT_ID: event_id}
    if run_id:
        transport[h.RUN_ID] = run_id
    if input_message_id:
        transport[h.INPUT_MESSAGE_ID] = input_message_id
    return {"ai": {"transport": transport}}
