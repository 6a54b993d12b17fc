"""Invocations become runs: each input at most once, each run to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ai_transport_codecs.errors import AITransportError, InvalidArgumentError
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.nodes import RunNode
from ai_transport_codecs.session.opening import OpenableRun
from ai_transport_codecs.session.recent import Recent
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from . import faults
from .answering import Answering, Handler
from .claim import Claim, run_id_of
from .looking import find_input, find_run, is_open_answer
from .pool import Held, Pool
from .receipt import Receipt

_MAX_RECEIPTS: Final = 10_000
_STOP_TIMEOUT: Final = 5.0
"""Seconds that stopped runs may take to say that they ended."""

_POSTED: ContextVar[Mapping[str, Any]] = ContextVar("ai_transport_codecs_posted")


def posted() -> Mapping[str, Any]:
    """Within a handler: the body that the client posted, with what the application's front end added to it.

    Untrusted; what the user said is on the channel. Empty outside of a handler that an agent app called.
    """
    return _POSTED.get(MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an input is looked for, in seconds, and how many invocations may be under way."""

    wait: float
    max_open: int


class Job:
    """One invocation under way. ``receipt`` is settled as soon as it is known which run answers it."""

    def __init__(self, invocation: Invocation, body: Mapping[str, Any]) -> None:
        self.invocation = invocation
        self.body = body
        self.receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting any more; a failure is reported in any case.
        self.receipt.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.answering: Answering | None = None
        self.done = asyncio.Event()

    @property
    def key(self) -> str:
        return f"{self.invocation.session_name}\n{self.invocation.input_event_id}"

    def settle(self, receipt: Receipt) -> None:
        """Which run it is; the first word counts."""
        if not self.receipt.done():
            self.receipt.set_result(receipt)

    def fail(self, error: AITransportError) -> None:
        """There will be no run."""
        if not self.receipt.done():
            self.receipt.set_exception(error)


class Desk:
    """Takes invocations, and answers their inputs with ``handler`` in the background.

    The same invocation again gets the run that it got before: while it is under way, afterwards, and, since a channel
    tells which run answers which input, after a restart and in another process. Errors that no run carries go to
    ``on_error``.
    """

    def __init__(
        self, pool: Pool, handler: Handler, limits: Limits, *, on_error: Callable[[AITransportError], None]
    ) -> None:
        self._pool = pool
        self._handler = handler
        self._limits = limits
        self._on_error = on_error
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[asyncio.Task[None], Job] = {}
        self._receipts: Recent[Receipt] = Recent(_MAX_RECEIPTS)
        self._answering: dict[tuple[str, str], Job] = {}
        self._is_closing = False

    async def take(self, invocation: Invocation, body: Mapping[str, Any]) -> Receipt:
        """The run that answers the invocation's input, once its start is published. Cancelling this cancels no run.

        Raises InputEventNotFoundError (104010) when there is no such input, and what starting the run raises.
        """
        if self._is_closing:
            raise faults.closing()
        job = Job(invocation, body)
        known = self._receipts.get(job.key)
        if known is not None:
            return known
        earlier = self._jobs.get(job.key)
        if earlier is not None:
            return (await asyncio.shield(earlier.receipt))._replace(is_new=False)
        if len(self._jobs) >= self._limits.max_open:
            raise faults.busy(self._limits.max_open)
        self._jobs[job.key] = job
        task = asyncio.get_running_loop().create_task(self._work(job), name="ai-transport-invocation")
        self._tasks[task] = job
        task.add_done_callback(self._leave)
        return await asyncio.shield(job.receipt)

    async def close(self, *, grace: float, hand_off: bool) -> None:
        """Take nothing new; give what runs ``grace`` seconds to end, then end it cancelled, or suspend it."""
        self._is_closing = True
        await self._wait(grace)
        for task, job in list(self._tasks.items()):
            if job.answering is None:
                task.cancel()
            else:
                job.answering.stop(hand_off=hand_off)
        await self._wait(_STOP_TIMEOUT)
        for task in list(self._tasks):
            task.cancel()
        await self._wait(_STOP_TIMEOUT)
        await self._pool.close()

    # --- parts

    async def _wait(self, timeout: float) -> None:  # noqa: ASYNC109  # what is not done then is dealt with, not raised
        if self._tasks:
            await asyncio.wait([*self._tasks], timeout=timeout)

    def _leave(self, task: asyncio.Task[None]) -> None:
        # Here rather than in the task, which may be cancelled before it began.
        job = self._tasks.pop(task)
        del self._jobs[job.key]
        job.fail(faults.closing())
        if job.receipt.exception() is None:
            self._receipts.remember(job.key, job.receipt.result()._replace(is_new=False))

    async def _work(self, job: Job) -> None:
        try:
            async with self._pool.lease(job.invocation.session_name) as held:
                await self._serve(job, held)
        except Exception as error:
            failure = error if isinstance(error, AITransportError) else faults.unexpected()
            failure.__cause__ = failure.__cause__ or (None if failure is error else error)
            job.fail(failure)
            self._on_error(failure)

    async def _serve(self, job: Job, held: Held) -> None:
        trigger = await find_input(held.session, job.invocation.input_event_id, self._limits.wait)
        headers = transport_headers(trigger.extras)
        run_id = text_header(headers, h.RUN_ID)
        if run_id is not None:
            earlier = await self._continued(job, held, run_id, trigger)
        else:
            earlier = held.answer_to(text_header(headers, h.MESSAGE_ID) or "")
        if earlier is not None:
            job.settle(earlier)
            return
        # From here to the reservation nothing waits, so that nobody else comes to the same conclusion.
        run_id = run_id_of(job.invocation)
        run = held.session.create_run(job.invocation, run_id=run_id, on_error=self._on_error)
        place = (job.invocation.session_name, run.run_id)
        self._answering[place] = job
        try:
            await self._answer(job, run)
            if run.is_suspended and run.granted_cancel is not None:
                held.stops.take(run.granted_cancel)  # it was to stop, and waits all the same
        finally:
            del self._answering[place]
            job.done.set()

    async def _continued(self, job: Job, held: Held, run_id: str, trigger: InboundMessage) -> Receipt | None:
        """The run that ``trigger`` is said to, if there is nothing to resume it for; None to resume it now."""
        place = (job.invocation.session_name, run_id)
        while True:
            while (busy := self._answering.get(place)) is not None:
                # It is that run's to take up. If it is suspended without having done so, it is resumed after all.
                job.settle((await asyncio.shield(busy.receipt))._replace(is_new=False))
                await busy.done.wait()
            await held.stops.decided(run_id)
            node = await find_run(held.session, run_id, self._limits.wait)
            if place not in self._answering:
                break
        if node is None:
            raise InvalidArgumentError(
                f"the input {job.invocation.input_event_id!r} goes on with the run {run_id!r}, which is not on its"
                " channel; send a new message instead",
                status_code=409,
            )
        if is_open_answer(node, job.invocation.input_event_id):
            return None
        if node.status.is_terminal and (trigger.serial or "") > (node.end_serial or "") and not job.receipt.done():
            raise InvalidArgumentError(
                f"the run {run_id!r} had ended as {node.status} before it was answered; send a new message instead",
                status_code=409,
            )
        return _receipt_of(node)

    async def _answer(self, job: Job, run: OpenableRun[Any]) -> None:
        with Claim(run) as claim:
            try:
                await run.start()
                rival = await claim.rival()
            except BaseException:
                await run.close("cancelled")
                run.session.forget(run)
                raise
        if rival is not None:  # another process answers: its run, under the same id, is not to be touched
            run.session.forget(run)
            job.settle(rival)
            return
        job.answering = Answering(run, self._handler)
        job.settle(Receipt(run.run_id, run.invocation_id))
        _POSTED.set(MappingProxyType(dict(job.body)))
        try:
            outcome = await job.answering.answer()
        finally:
            run.session.forget(run)
        # A failed pipe was reported when it failed.
        if outcome.error is not None and (run.last_result is None or run.last_result.error is None):
            self._on_error(outcome.error)


def _receipt_of(node: RunNode) -> Receipt:
    return Receipt(node.run_id, node.last_resume_invocation_id or node.invocation_id, is_new=False)
