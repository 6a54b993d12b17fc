"""How a run ends, from its last pipe and the model's word (session spec 9)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.errors import ChannelError, OperationCancelledError, StreamError
from ai_transport_codecs.session.outcome import RunOutcome, run_outcome
from ai_transport_codecs.session.pipe import PipeResult

COMPLETE = PipeResult("complete")


async def word(value: Any) -> Any:
    if isinstance(value, BaseException):
        raise value
    return value


@pytest.mark.parametrize("finish", ["tool-calls", "tool_calls", "tool_use", "function_call"])
async def test_a_model_that_wants_tools_called_suspends(finish: str) -> None:
    assert await run_outcome(COMPLETE, finish) == await run_outcome(COMPLETE, word(finish)) == RunOutcome("suspend")


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "", None])
async def test_any_other_word_completes(finish: str | None) -> None:
    assert await run_outcome(COMPLETE, finish) == await run_outcome(COMPLETE, word(finish)) == RunOutcome("complete")
    assert await run_outcome(COMPLETE) == RunOutcome("complete")


async def test_a_pipe_that_did_not_complete_decides_alone() -> None:
    assert await run_outcome(PipeResult("cancelled"), "tool-calls") == RunOutcome("cancelled")
    error = ValueError("hung up")
    outcome = await run_outcome(PipeResult("error", error), word(RuntimeError("of the finish reason")))
    assert outcome.reason == "error"
    assert isinstance(outcome.error, StreamError)
    assert str(outcome.error) == "unable to complete run; ValueError: hung up"
    assert (outcome.error.code, outcome.error.status_code, outcome.error.cause) == (104008, 500, error)


async def test_an_error_of_ours_stays_what_it_is() -> None:
    error = ChannelError("too large", code=40009, status_code=413)
    assert (await run_outcome(PipeResult("error", error))).error is error


async def test_a_finish_reason_that_raises() -> None:
    for error in (asyncio.CancelledError(), OperationCancelledError("stop")):
        assert await run_outcome(COMPLETE, word(error)) == RunOutcome("cancelled")
    outcome = await run_outcome(COMPLETE, word(KeyError("reason")))
    assert (outcome.reason, str(outcome.error)) == ("error", "unable to complete run; KeyError: 'reason'")


async def test_a_finish_reason_that_nobody_asks_for_is_no_news() -> None:
    future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    assert await run_outcome(PipeResult("cancelled"), future) == RunOutcome("cancelled")
    future.set_exception(RuntimeError("never retrieved"))
    await asyncio.sleep(0)


async def test_who_awaits_the_outcome_can_be_cancelled() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return "stop"

    task = asyncio.create_task(run_outcome(COMPLETE, never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
