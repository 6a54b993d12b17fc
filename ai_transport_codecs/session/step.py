"""Steps of a run: brackets around output that may be attempted again (session spec 4.6)."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from ai_transport_codecs.errors import InvalidArgumentError

from .outbox import Outbox
from .pipe import Pipe, PipeResult
from .source import Source, discard
from .step_bracket import StepBracket

if TYPE_CHECKING:
    from .run_core import RunCore

_log = logging.getLogger("ai_transport_codecs.session")

StepReason: TypeAlias = Literal["complete", "failed", "cancelled"]

STEP_REASONS: Final[dict[str, StepReason]] = {"complete": "complete", "cancelled": "cancelled", "error": "failed"}
"""How a step ends whose pipe, or run, ended so (session spec 9)."""


class Step:
    """One attempt of a step; made by :meth:`~.run.Run.create_step`, which publishes nothing.

    ``start``, then any number of ``pipe`` and ``send``, then ``end``. As a context manager it starts, and ends as its
    body did: ``failed`` when that raised. Starting a step again whose last attempt failed, or that another process
    began under the same id, supersedes that attempt: readers hide what it wrote as soon as the new one starts.
    """

    __slots__ = ("_bracket", "_had_cancel", "_had_error", "_pipes", "_reason", "_run", "client_id", "step_id")

    def __init__(self, run: RunCore[Any], step_id: str, client_id: str) -> None:
        self.step_id = step_id
        self.client_id = client_id
        """Whom the step is run for."""
        self._run = run
        self._bracket: StepBracket | None = None
        self._reason: StepReason | None = None
        self._pipes = 0
        self._had_error = False
        self._had_cancel = False

    @property
    def is_open(self) -> bool:
        """Whether its start was published, and its end was not."""
        return self._bracket is not None and self._bracket.is_open

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None and self._reason is None:
            await self.end()
        elif self.is_open and not self._run.session.connection.is_closed:
            # What the body raised is the news; it must not be lost to a failure of ending the step.
            is_failure = isinstance(error, Exception) and not self._run.cancel_token.is_cancelled
            await self.close_quietly("failed" if is_failure else "cancelled")

    async def start(self) -> None:
        """Publish the start of this attempt. A second call does nothing.

        Raises InvalidArgumentError before the run's start and after its end, after this step's end, and while another
        step is open; the channel's error when it refuses, and then the step may be started again.
        """
        await self._run.ready("start step")
        if self._reason is not None:
            raise self._refusal(
                "start", "has ended; call create_step() for another one, with its id to attempt it anew"
            )
        if self.is_open:
            return
        self._run.check_open("start step")
        self._run.steps.claim(self, "start step")
        await self._open()

    async def pipe(self, source: Source) -> PipeResult:
        """Write what ``source`` streams; as :meth:`~.run.Run.pipe`, within this step.

        Raises InvalidArgumentError unless the step is open.
        """
        with self._run.piping():
            try:
                await self._run.ready("pipe")
                bracket = self._open_bracket("pipe")
                self._run.check_open("pipe")
            except BaseException:
                await discard(source)
                raise
            return await self._pipe(bracket, source)

    async def send(self, output: Any) -> None:
        """Write one output event of the codec, or one item of its framework, as a message of its own.

        Raises what the codec or the channel does, and InvalidArgumentError unless the step is open. Where the reference
        leaves a stream that such an event opens ``streaming`` for ever, ours is closed as cancelled (design D4).
        """
        await self._run.ready("send")
        bracket = self._open_bracket("send")
        self._run.check_open("send")
        try:
            await self._new_pipe(bracket).write_once(output)
        except Exception:
            self._had_error = True
            raise

    async def end(self, reason: StepReason | None = None) -> None:
        """Publish the end of this attempt. A second call with no other reason does nothing.

        Without a reason it is ``cancelled`` when the run or a pipe of the step was, ``failed`` when a pipe or a send
        did, else ``complete``. Raises InvalidArgumentError for another reason than these three or than the one it ended
        with, before the start, and while a pipe is under way; the channel's error when it refuses.
        """
        await self._run.ready("end step")
        if reason is not None and reason not in STEP_REASONS.values():
            raise self._refusal("end", f"ends as complete, failed or cancelled, not as {reason!r}")
        if self._reason is not None:
            if reason not in {None, self._reason}:
                raise self._refusal("end", f"has ended as {self._reason}, it cannot end as {reason} too")
            return
        if self._pipes and self._run.cancel_token.is_cancelled:
            await self._run.until_idle()
        if self._pipes:
            raise self._refusal("end", "is being piped to; await that pipe first")
        self._open_bracket("end")
        await self.close(reason or self._default_reason())

    # --- called by the run

    async def pipe_whole(self, source: Source) -> PipeResult:
        """The step as nothing but this one pipe: its first item starts the step (session spec 4.6)."""
        bracket = self._bracket = self._run.steps.bracket(self)
        reason = "cancelled"
        try:
            result = await self._pipe(bracket, source)
            reason = result.reason
        finally:
            await self.close_quietly(STEP_REASONS[reason])
        return result

    async def close(self, reason: StepReason) -> None:
        """End as ``reason``, whatever is under way. Raises the channel's error, and the step has ended all the same."""
        was_open = self.is_open
        self._reason = reason
        try:
            if self._bracket is not None:
                await self._bracket.close(reason)
        finally:
            self._run.steps.release(self, has_failed=was_open and reason == "failed")

    async def close_quietly(self, reason: StepReason) -> None:
        """As :meth:`close`; a failure is only logged, for the run's own end tells readers as much."""
        try:
            await self.close(reason)
        except Exception as error:
            _log.warning("the end of step %r could not be published: %s", self.step_id, error)

    # --- parts

    async def _open(self) -> None:
        bracket = self._bracket = self._run.steps.bracket(self)
        try:
            await bracket.open()
        finally:
            if not bracket.is_open:
                self._run.steps.release(self, has_failed=False)

    async def _pipe(self, bracket: StepBracket, source: Source) -> PipeResult:
        self._pipes += 1
        try:
            result = await self._new_pipe(bracket).run(source, self._run.cancel_token)
        finally:
            self._pipes -= 1
        self._had_error = self._had_error or result.reason == "error"
        self._had_cancel = self._had_cancel or result.reason == "cancelled"
        self._run.note_result(result)
        return result

    def _new_pipe(self, bracket: StepBracket) -> Pipe:
        run, session = self._run, self._run.session
        outbox = Outbox(session.connection.channel, policy=session.policy, retry=session.retry)
        headers = run.trigger.output_headers(run.run_id, run.invocation_id) | run.steers.stamp()
        return Pipe(
            session.codec,
            outbox,
            bracket,
            headers,
            hook=run.hooks.on_message,
            on_cancelled=run.hooks.on_cancelled,
            on_fault=lambda error: run.report_listener("on_cancelled", error),
        )

    def _default_reason(self) -> StepReason:
        if self._had_cancel or self._run.cancel_token.is_cancelled:
            return "cancelled"
        return "failed" if self._had_error else "complete"

    def _open_bracket(self, operation: str) -> StepBracket:
        if self._bracket is None or not self._bracket.is_open:
            state = "was not started, call start() first" if self._reason is None else "has ended, create another one"
            raise self._refusal(operation, state)
        return self._bracket

    def _refusal(self, operation: str, why: str) -> InvalidArgumentError:
        return InvalidArgumentError(f"unable to {operation}; step {self.step_id!r} of run {self._run.run_id!r} {why}")


class StepLine:
    """The steps of one run: their ids, whom they are run for, and that there is one at a time."""

    __slots__ = ("_active", "_client_id", "_count", "_failed_id", "_run")

    def __init__(self, run: RunCore[Any]) -> None:
        self._run = run
        self._count = 0
        self._active: Step | None = None
        self._client_id = ""
        self._failed_id: str | None = None

    @property
    def active(self) -> Step | None:
        """The step that is open or about to be."""
        return self._active

    def create(self, step_id: str | None = None, client_id: str | None = None) -> Step:
        """A step with that id; without, the id of the step before when that failed, else the next one."""
        return self._new(step_id or self._failed_id or self._next_id(), client_id)

    def create_implicit(self) -> Step:
        """The step of a pipe: always the next one."""
        return self._new(self._next_id(), None)

    def claim(self, step: Step, operation: str) -> None:
        """Make ``step`` the active one. Raises InvalidArgumentError while another one is."""
        if self._active is not None and self._active is not step:
            raise InvalidArgumentError(
                f"unable to {operation}; a step is already active ({self._active.step_id!r}) and run"
                f" {self._run.run_id!r} is already being piped to or stepped through: await or end that first"
            )
        self._active = step

    def release(self, step: Step, *, has_failed: bool) -> None:
        """``step`` is over, or was never opened."""
        if self._active is step:
            self._active = None
        self._failed_id = step.step_id if has_failed else None

    def bracket(self, step: Step) -> StepBracket:
        """The wire of a step's attempt."""
        run, session = self._run, self._run.session
        headers = run.trigger.run_headers(run.run_id, run.invocation_id)
        return StepBracket(
            session.connection.channel, session.tree, headers, step.step_id, step.client_id, session.retry
        )

    def _new(self, step_id: str, client_id: str | None) -> Step:
        self._client_id = client_id or self._client_id or self._known_client_id()
        return Step(self._run, step_id, self._client_id)

    def _known_client_id(self) -> str:
        """The last client that a step of the run names, else whoever published the trigger."""
        node = self._run.session.tree.run(self._run.run_id)
        named = [step.client_id for step in node.steps if step.client_id] if node is not None else []
        return named[-1] if named else self._run.trigger.input_client_id or ""

    def _next_id(self) -> str:
        step_id = f"{self._run.invocation_id}-step-{self._count}"
        self._count += 1
        return step_id
