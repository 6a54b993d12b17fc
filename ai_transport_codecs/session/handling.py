"""One run, answered by a handler: what :meth:`~.agent.AgentSession.serve` and web adapters have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.errors import OperationCancelledError

from .outcome import RunOutcome, as_stream_error

if TYPE_CHECKING:
    from .run import Run

STUBBORN: Final = 2.0
"""Seconds that a cancelled handler may take to clean up before its run is ended without it."""


async def run_handler(run: Run[Any], handler: Callable[[Any], Awaitable[Any]]) -> RunOutcome:
    """Call the handler of a run that was started; how the run is to end, for :func:`conclude`.

    What the handler returned or raised decides, else how its last pipe ended, else it is complete. When the run is
    cancelled, a pipe closes its streams, and what else the handler waits for is cancelled; a handler whose run was
    cancelled before it began is not called.

    Cancelling this cancels the run and its handler, ends the run as cancelled, and raises CancelledError.
    """
    if run.cancel_token.is_cancelled:
        return RunOutcome("cancelled")
    task: asyncio.Future[Any] = asyncio.ensure_future(handler(run))
    # A pipe notices the token itself and closes its streams first; whatever else is waited for is cancelled.
    stop_watching = run.cancel_token.on_cancel(lambda: None if run.is_piping else _cancel(task))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        run.cancel_token.cancel()
        _cancel(task)
        await asyncio.wait({task}, timeout=STUBBORN)
        await run.close("cancelled")
        raise
    finally:
        stop_watching()
    if run.is_piping:  # the handler left it behind
        run.cancel_token.cancel()
        await run.until_idle()
    return _outcome(run, task)


async def conclude(run: Run[Any], outcome: RunOutcome) -> None:
    """Publish how the run ends, unless the handler did. Raises RunLifecycleError (104003) when that cannot be."""
    if run.is_open and not run.has_ended and not run.session.connection.is_closed:
        await run.finish(outcome)


def _cancel(task: asyncio.Future[Any]) -> None:
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to ask for it
    task.cancel()


def _outcome(run: Run[Any], task: asyncio.Future[Any]) -> RunOutcome:
    """How a run ends whose handler is done."""
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
