"""How a run ends, from how its last pipe ended and why the model stopped (session spec 9)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Final, Literal, NamedTuple, TypeAlias

from ai_transport_codecs.errors import AITransportError, OperationCancelledError, StreamError

from .pipe import PipeResult

OutcomeReason: TypeAlias = Literal["suspend", "complete", "cancelled", "error"]
FinishReason: TypeAlias = str | Awaitable[str | None] | None

_CALLS_TOOLS: Final = frozenset({"tool-calls", "tool_calls", "tool_use", "function_call"})
"""What providers say when a model stopped to have tools called."""


class RunOutcome(NamedTuple):
    """What to do with a run: :meth:`~.run.Run.finish` does it. ``error`` goes along when the reason is ``error``."""

    reason: OutcomeReason
    error: AITransportError | None = None


async def run_outcome(result: PipeResult, finish_reason: FinishReason = None) -> RunOutcome:
    """The outcome of a run whose last pipe ended as ``result``.

    A pipe that did not complete decides by itself. Otherwise ``finish_reason``, the model's word for why it stopped (or
    what is awaited for it), does: a call of tools that somebody else runs suspends the run, anything else completes it.
    When awaiting it raises, the run is ``cancelled`` by a cancellation and fails with any other error.

    Cancelling the task that awaits this cancels what it awaits, and raises CancelledError.
    """
    if result.reason != "complete":
        if inspect.isawaitable(finish_reason):
            _disregard(finish_reason)
        return RunOutcome(result.reason, None if result.error is None else _incomplete(result.error))
    try:
        word = await finish_reason if inspect.isawaitable(finish_reason) else finish_reason
    except (asyncio.CancelledError, OperationCancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return RunOutcome("cancelled")
    except Exception as error:
        return RunOutcome("error", _incomplete(error))
    return RunOutcome("suspend" if word in _CALLS_TOOLS else "complete")


def as_stream_error(cause: BaseException, doing: str = "") -> AITransportError:
    """An error of ours as it is, any other as StreamError (104008), the code under which clients get it."""
    if isinstance(cause, AITransportError):
        return cause
    return StreamError(f"{doing}{type(cause).__name__}: {cause}", cause=cause)


def _incomplete(cause: BaseException) -> AITransportError:
    return as_stream_error(cause, "unable to complete run; ")


def _disregard(awaitable: Awaitable[str | None]) -> None:
    """Nobody asks for it any more: a coroutine is closed, and what a future fails with is no news."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()
    elif isinstance(awaitable, asyncio.Future):
        awaitable.add_done_callback(lambda future: future.cancelled() or future.exception())
