"""One run, answered by a handler: from its start to its end, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from ai_transport_codecs.errors import OperationCancelledError
from ai_transport_codecs.session.opening import OpenableRun
from ai_transport_codecs.session.outcome import RunOutcome, as_stream_error

Handler: TypeAlias = Callable[[Any], Awaitable[Any]]

_STUBBORN: Final = 2.0
"""Seconds that a cancelled handler may take to clean up before its run is ended without it."""


class Answering:
    """A run that was started, and its handler. The run is ended or suspended afterwards in any case."""

    def __init__(self, run: OpenableRun[Any], handler: Handler) -> None:
        self.run = run
        self._handler = handler
        self._hands_off = False

    def stop(self, *, hand_off: bool) -> None:
        """Stop the handler: the run is cancelled, or with ``hand_off`` suspended, for another process to resume."""
        if not self.run.cancel_token.is_cancelled:
            self._hands_off = hand_off
            self.run.cancel_token.cancel()

    async def answer(self) -> RunOutcome:
        """Call the handler, and publish how the run ended.

        As when serving: what the handler returned or raised decides, else its last pipe, else it is complete; what the
        handler did itself stays. Raises RunLifecycleError (104003) when the end cannot be published.
        """
        task: asyncio.Future[Any] = asyncio.ensure_future(self._handle())
        # A pipe notices the token itself and closes its streams first; whatever else is waited for is cancelled.
        stop_watching = self.run.cancel_token.on_cancel(lambda: None if self.run.is_piping else _cancel(task))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            self.run.cancel_token.cancel()
            task.cancel()
            await asyncio.wait({task}, timeout=_STUBBORN)
            await self.run.close("cancelled")
            raise
        finally:
            stop_watching()
        if self.run.is_piping:  # the handler left it behind
            self.run.cancel_token.cancel()
            await self.run.until_idle()
        outcome = self._outcome(task)
        if self.run.is_open and not self.run.has_ended and not self.run.session.connection.is_closed:
            await self.run.finish(outcome)
        return outcome

    async def _handle(self) -> Any:
        if self.run.cancel_token.is_cancelled:  # before it began: there is nothing to do but to say so
            return RunOutcome("cancelled")
        return await self._handler(self.run)

    def _outcome(self, task: asyncio.Future[Any]) -> RunOutcome:
        outcome = _outcome(self.run, task)
        return RunOutcome("suspend") if self._hands_off and outcome.reason == "cancelled" else outcome


def _cancel(task: asyncio.Future[Any]) -> None:
    task.cancel()


def _outcome(run: OpenableRun[Any], task: asyncio.Future[Any]) -> RunOutcome:
    if task.cancelled():
        return RunOutcome("cancelled")
    error = task.exception()
    if error is not None:
        if run.cancel_token.is_cancelled and isinstance(error, OperationCancelledError):
            return RunOutcome("cancelled")
        return RunOutcome("error", as_stream_error(error))
    returned = task.result()
    if isinstance(returned, RunOutcome):
        return returned
    result = run.last_result
    if result is None:
        return RunOutcome("cancelled" if run.cancel_token.is_cancelled else "complete")
    return RunOutcome(result.reason, None if result.error is None else as_stream_error(result.error))
