"""Serving: each input on a channel answered by a handler, as a run of its own or in the run it resumes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args

from ai_transport_codecs.errors import (
    AITransportError,
    InvalidArgumentError,
    OperationCancelledError,
    SessionClosedError,
)
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .answers import open_answers
from .events import RunStatus
from .handling import conclude, run_handler
from .hooks import OnCancel
from .invocation import Invocation
from .opening import AdoptedRun
from .orphans import GRACE, OrphanPolicy, Orphans
from .recent import Recent
from .run import Run
from .stopping import Stops
from .trigger import try_event_id

if TYPE_CHECKING:
    from .agent import AgentSession

_log = logging.getLogger("ai_transport_codecs.session")

MessageT = TypeVar("MessageT")
Handler: TypeAlias = Callable[[Run[MessageT]], Awaitable[Any]]
WhenBusy: TypeAlias = Literal["concurrent", "queue", "replace"]

_MAX_SEEN: Final = 10_000
"""Event ids remembered so that a redelivered input is not answered twice; the tree knows the older ones' runs."""


class _Answer(Generic[MessageT]):
    """One input being answered. ``is_replaced`` when a later one took its place before or while it was."""

    __slots__ = ("cancels", "done", "is_replaced", "run", "run_id")

    def __init__(self, run_id: str | None) -> None:
        self.run_id = run_id
        """The run that it resumes."""
        self.run: Run[MessageT] | None = None
        self.is_replaced = False
        self.cancels: list[InboundMessage] = []
        """Cancels that came after the input, for when the run is resumed."""
        self.done = asyncio.Event()

    def is_of(self, run_id: str) -> bool:
        """Whether it answers in that run."""
        return run_id == (self.run_id if self.run is None else self.run.run_id)

    def unheard_cancels(self) -> list[InboundMessage]:
        """Those that were to stop the run, which waits all the same: it was suspended, or never resumed."""
        granted = None if self.run is None else self.run.granted_cancel
        waits = self.run is not None and (self.run.is_suspended or not self.run.has_ended)
        return [*self.cancels, *([granted] if granted is not None and waits else [])]

    def replace(self) -> None:
        """Give way to a later input."""
        self.is_replaced = True
        if (
            self.run is not None and self.run.is_open
        ):  # before that, it is started first, so that its client hears of it
            self.run.cancel_token.cancel()


class Server(Generic[MessageT]):
    """Runs a handler for each new input of one session."""

    def __init__(
        self,
        session: AgentSession[MessageT],
        handler: Handler[MessageT],
        *,
        when_busy: WhenBusy = "concurrent",
        max_concurrent: int | None = None,
        orphans: OrphanPolicy = "end",
        on_cancel: OnCancel | None = None,
    ) -> None:
        _check_settings(when_busy, max_concurrent, orphans)
        self._session = session
        self._handler = handler
        self._when_busy = when_busy
        limit = 1 if when_busy == "queue" else max_concurrent
        self._turnstile = None if limit is None else asyncio.Semaphore(limit)
        self._seen: Recent[bool] = Recent(_MAX_SEEN)
        self._answers: dict[_Answer[MessageT], None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._orphans = Orphans(session, orphans, self._answer_orphan)
        self._on_cancel = on_cancel
        self._stops = Stops(
            session,
            self._orphans,
            on_cancel=on_cancel,
            hand_on=self._hand_on_cancel,
            on_kept=self._consider,
            spawn=self._spawn,
        )
        self._is_announced = asyncio.Event()

    async def run(self, *, backlog: bool) -> None:
        """Serve until cancelled or until the session is closed."""
        session = self._session
        endings = [
            session.on_input(self._on_input),
            self._stops.watch(),
            session.connection.on_close(self._stopped.set),
            session.on_reattached(lambda: self._rescue(backlog=backlog)),
            self._orphans.watch(lambda: self._look_for_orphans(patience=GRACE)),
        ]
        try:
            await self._orphans.announce()
            self._is_announced.set()
            if backlog:
                await self._answer_backlog("")
            self._look_for_orphans()
            await self._stopped.wait()
        finally:
            self._stopped.set()
            for ending in endings:
                ending()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- which inputs are answered

    def _on_input(self, message: InboundMessage) -> None:
        event_id = try_event_id(message)
        if event_id is None:
            return
        run_id = text_header(transport_headers(message.extras), h.RUN_ID)
        if run_id is None:
            self._answer(event_id, None)
        elif not self._is_answering(run_id):  # else it is a steer, and the run's to take up
            self._spawn(self._consider_unknown(run_id), "ai-transport-resume")

    def _rescue(self, *, backlog: bool) -> None:
        """Answer what was missed; who wants no backlog is not given what came before the gap."""
        since = "" if backlog else self._session.tree.newest_serial
        self._spawn(self._answer_backlog(since), "ai-transport-rescue")
        self._look_for_orphans(patience=GRACE)

    def _look_for_orphans(self, *, patience: float = 0) -> None:
        self._spawn(self._orphans.look(patience=patience), "ai-transport-orphans")

    def _answer_orphan(self, event_id: str, run: AdoptedRun[MessageT]) -> None:
        """Answer in a run that another process began and did not end, as a new attempt of its first step."""
        self._seen.remember(event_id, value=True)
        answer: _Answer[MessageT] = _Answer(run.run_id)
        self._answers[answer] = None
        self._spawn(self._serve_input(event_id, answer, [], run), f"ai-transport-run-{event_id}")

    async def _answer_backlog(self, since: str) -> None:
        """Answer what came after ``since`` and nobody answered: the newest input, and answers to suspended runs."""
        session = self._session
        try:
            await session.hydrator.fold_until(lambda: False)
        except AITransportError as error:
            session.connection.report(error)
        for run in session.tree.runs():
            self._consider(run.run_id, since)
        event_id = session.triggers.try_unanswered(since)
        if event_id is not None:
            self._answer(event_id, None)

    async def _consider_unknown(self, run_id: str) -> None:
        """As :meth:`_consider`, once it is known how the run stands."""

        def is_known() -> bool:
            node = self._session.tree.run(run_id)
            return node is not None and node.is_started

        try:
            await self._session.hydrator.fold_until(is_known)
        except AITransportError as error:
            self._session.connection.report(error)
        self._consider(run_id)

    def _consider(self, run_id: str, since: str = "") -> None:
        """Resume a suspended run if it was answered; one invocation at a time takes up all that was said to it."""
        node = self._session.tree.run(run_id)
        if node is None or node.status is not RunStatus.SUSPENDED or self._is_answering(run_id):
            return
        if self._stops.holds(run_id):
            return
        for answer in open_answers(node):
            event_id = answer.envelope.event_id
            if event_id is not None and answer.serial > since and self._answer(event_id, run_id):
                return

    def _is_answering(self, run_id: str) -> bool:
        """Whether that run is in progress in this session, or about to be resumed."""
        run = self._session.cancels.find(run_id)
        return (run is not None and not run.has_ended) or any(each.run_id == run_id for each in self._answers)

    def _answer(self, event_id: str, run_id: str | None) -> bool:
        """Answer an input, unless that was done: the parts of a message share its id, and it may be delivered again."""
        if self._stopped.is_set() or self._seen.get(event_id) or self._session.own_inputs.get(event_id):
            return False
        self._seen.remember(event_id, value=True)
        answer: _Answer[MessageT] = _Answer(run_id)
        earlier = [*self._answers] if self._when_busy == "replace" and run_id is None else []
        for each in earlier:
            each.replace()
        self._answers[answer] = None
        self._spawn(self._serve_input(event_id, answer, earlier), f"ai-transport-run-{event_id}")
        return True

    async def _hand_on_cancel(self, run_id: str, message: InboundMessage) -> bool:
        """Give a cancel to a run that is resumed here, now or soon; false when there is none."""
        while (answer := next((each for each in [*self._answers][::-1] if each.is_of(run_id)), None)) is not None:
            run = answer.run
            if run is not None and run.is_open:
                await run.request_cancel(message)
                return True
            if run is None or not run.has_ended:
                answer.cancels.append(message)
                return True
            await answer.done.wait()
        return False

    # --- answering one

    async def _serve_input(
        self,
        event_id: str,
        answer: _Answer[MessageT],
        earlier: list[_Answer[MessageT]],
        orphan: AdoptedRun[MessageT] | None = None,
    ) -> None:
        try:
            await self._is_announced.wait()  # or another process may take the run for one that was left behind
            for each in earlier:
                await each.done.wait()
            if self._turnstile is None:
                await self._serve_run(event_id, answer, orphan)
            else:
                async with self._turnstile:
                    await self._serve_run(event_id, answer, orphan)
        finally:
            del self._answers[answer]
            answer.done.set()
        for message in answer.unheard_cancels():
            self._stops.take(message)
        if answer.run is not None:
            # It may have been answered before it was suspended, as a device that saw the question early does.
            self._consider(answer.run.run_id)

    async def _serve_run(
        self, event_id: str, answer: _Answer[MessageT], orphan: AdoptedRun[MessageT] | None = None
    ) -> None:
        session = self._session
        try:
            run = orphan or session.create_run(Invocation(event_id, session.connection.channel.name))
        except SessionClosedError:
            return
        run.hooks.on_cancel = self._on_cancel
        answer.run = run
        try:
            await (run.load() if isinstance(run, AdoptedRun) else run.start())
            if answer.is_replaced:
                run.cancel_token.cancel()
            while answer.cancels:
                await run.request_cancel(answer.cancels.pop(0))
            await self._run_handler(run)
        except asyncio.CancelledError:
            await run.close("cancelled")
            session.forget(run)
            raise
        except OperationCancelledError as error:
            _log.info("an input was cancelled before its run started: %s", error)
            session.forget(run)
        except AITransportError as error:
            session.forget(run)
            if not session.connection.is_closed:
                session.connection.report(error)

    async def _run_handler(self, run: Run[MessageT]) -> None:
        outcome = await run_handler(run, self._handler)
        if outcome.reason == "error":
            _log.warning("run %r ended with an error: %r", run.run_id, outcome.error)
        await conclude(run, outcome)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _check_settings(when_busy: str, max_concurrent: int | None, orphans: str) -> None:
    if orphans not in get_args(OrphanPolicy):
        policies = ", ".join(map(repr, get_args(OrphanPolicy)))
        raise InvalidArgumentError(f"unable to serve; orphans is one of {policies}, not {orphans!r}")
    choices = get_args(WhenBusy)
    if when_busy not in choices:
        raise InvalidArgumentError(
            f"unable to serve; when_busy is one of {', '.join(map(repr, choices))}, not {when_busy!r}"
        )
    if max_concurrent is None:
        return
    if isinstance(max_concurrent, bool) or not isinstance(max_concurrent, int) or max_concurrent < 1:
        raise InvalidArgumentError(f"unable to serve; max_concurrent is 1 or more, not {max_concurrent!r}")
    if when_busy != "concurrent":
        raise InvalidArgumentError(
            f'unable to serve; max_concurrent goes with when_busy="concurrent", for {when_busy!r} it is one at a time'
        )
