"""A run on the agent's side: output, steps, and how it ends (session spec 4)."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, TypeVar, get_args

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import AITransportError, InvalidArgumentError, StreamError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers

from .hooks import CancelRequest, RunHooks
from .nodes import InputNode
from .outcome import RunOutcome
from .pipe import PipeResult
from .publishing import to_the_end
from .run_core import SUSPENDED, RunCore
from .source import Source, discard
from .step import STEP_REASONS, Step

__all__ = ["CancelRequest", "EndReason", "Run", "RunHooks"]

MessageT = TypeVar("MessageT")
EndReason: TypeAlias = Literal["complete", "cancelled", "error"]

_END_REASONS: Final = frozenset(get_args(EndReason))
_MAX_ERROR_TEXT: Final = 1_000


class Run(RunCore[MessageT]):
    """One reply of the agent. Nothing is published before it is opened: by ``start()``, or ``load()`` when adopted.

    A run that was opened must be ended or suspended: readers show it as active until then. Afterwards it can still be
    read. What is done to it after that, or in the wrong order, raises InvalidArgumentError and publishes nothing.
    """

    # --- reading

    @property
    def messages(self) -> list[CodecMessage[MessageT]]:
        """This turn so far: what was asked, then what the run said. The unit to store in a database."""
        tree = self.session.tree
        node = tree.run(self.run_id)
        asked_id = self.trigger.anchor if node is None else node.parent
        asked = None if asked_id is None else tree.node_of(asked_id)
        found: dict[str, CodecMessage[MessageT]] = {}
        for each in (asked if isinstance(asked, InputNode) else None, node):
            for entry in tree.messages(each) if each is not None else ():
                found.setdefault(entry.id, entry)
        return list(found.values())

    # --- output

    async def pipe(self, source: Source) -> PipeResult:
        """Write what ``source`` streams as this run's output, until it ends, raises or the run is cancelled.

        A step of its own, which opens with the first item. Does not raise for a failing source or channel: the result
        says so, and ``on_error`` is told. Streams that are open when it ends so are closed as cancelled. The run stays
        open. Raises InvalidArgumentError before the run's start, after its end, and while a step is open or another
        pipe is running.
        """
        with self.piping():
            try:
                await self.ready("pipe")
                self.check_open("pipe")
                step = self.steps.create_implicit()
                self.steps.claim(step, "pipe")
            except BaseException:
                await discard(source)
                raise
            return await step.pipe_whole(source)

    def create_step(self, *, step_id: str | None = None, step_client_id: str | None = None) -> Step:
        """A step for output that may be attempted again; publishes nothing before its ``start``.

        Its id is ``step_id`` (a durable workflow gives the id of its activity), else that of the step before if it
        failed, else the next one. ``step_client_id`` is whom it is run for: by default the client of the step before,
        else the one whose input is answered. Raises InvalidArgumentError for an empty id.
        """
        if step_id == "":
            raise InvalidArgumentError("unable to create step; step_id must not be empty, leave it out to get one")
        return self.steps.create(step_id, step_client_id)

    def has_input(self) -> bool:
        """Whether there is something to answer: the trigger, before the first output; later, what users said since.

        Asking takes it up: the next pipe or send answers it, and is stamped with what it answers. So a loop of
        ``while run.has_input(): await run.pipe(...)`` answers everything. False once the run is cancelled.
        """
        if self.cancel_token.is_cancelled:
            return False
        return self.steers.take()

    # --- ending

    async def suspend(self) -> None:
        """Publish that the run waits for somebody's answer; a run created for that answer resumes it.

        A second call does nothing. When the run was ended elsewhere, nothing is published. Raises InvalidArgumentError
        before the run's start, after its end, and while a step is open; RunLifecycleError (104003) when it cannot be
        published. This object is over in any case.
        """
        await self.ready("suspend")
        if self._is_repeated("suspend", SUSPENDED):
            return
        active = self.steps.active
        if active is not None:
            raise InvalidArgumentError(
                f"unable to suspend; step {active.step_id!r} of run {self.run_id!r} is open, end it or await its pipe"
            )
        await self._terminate(SUSPENDED, "suspend", names.RUN_SUSPEND, {})

    async def end(self, reason: EndReason = "complete", error: BaseException | None = None) -> None:
        """Publish the run's end; ``error`` goes along, as code and text, when the reason is ``error``.

        A step that is open is ended before: as cancelled, failed or complete. A second call with the same reason does
        nothing. When the run was ended elsewhere, nothing is published. Raises InvalidArgumentError before the run's
        start, for another reason than these or than it ended with, and while a pipe runs that nobody cancelled;
        RunLifecycleError (104003) when the end cannot be published. This object is over in any case.
        """
        await self.ready("end")
        if reason not in _END_REASONS:
            raise InvalidArgumentError(
                f"unable to end; a run ends as complete, cancelled or error, not as {reason!r}: to wait, call suspend()"
            )
        if self._pipes and self.cancel_token.is_cancelled:
            await self.until_idle()
        if self._is_repeated("end", reason):
            return
        if self._pipes:
            raise InvalidArgumentError(
                f"unable to end; run {self.run_id!r} is being piped to: await that pipe, or cancel the run, first"
            )
        headers: Headers = {h.RUN_REASON: reason}
        if reason == "error" and error is not None:
            headers |= error_headers(error)
        await self._terminate(reason, "end", names.RUN_END, headers)

    async def finish(self, outcome: RunOutcome) -> None:
        """Suspend or end as :func:`~.outcome.run_outcome` found. Raises as these do."""
        if outcome.reason == "suspend":
            await self.suspend()
        else:
            await self.end(outcome.reason, outcome.error)

    async def close(self, reason: EndReason, error: BaseException | None = None) -> None:
        """As :meth:`end`, unless the run is not open, or over already. Waits for its pipes."""
        await self.until_idle()
        if self.is_open and not self.has_ended and not self.session.connection.is_closed:
            await self.end(reason, error)

    # --- parts

    def _is_repeated(self, operation: str, terminal: str) -> bool:
        """Whether this terminal was asked for before. Raises InvalidArgumentError when it cannot be now."""
        if self._terminal == terminal:
            return True
        if not self.is_open or self._terminal is not None:
            raise InvalidArgumentError(
                f"unable to {operation}{'' if operation == 'suspend' else f' as {terminal}'};"
                f" run {self.run_id!r} {self._state()}"
            )
        return False

    async def _terminate(self, terminal: str, operation: str, name: str, headers: Headers) -> None:
        self._terminal = terminal
        self.is_open = False
        try:
            await to_the_end(self._publish_terminal(terminal, operation, name, headers))
        finally:
            self.session.forget(self)

    async def _publish_terminal(self, terminal: str, operation: str, name: str, headers: Headers) -> None:
        if self.steps.active is not None:
            await self.steps.active.close_quietly(STEP_REASONS[terminal])
        if not self.status.is_terminal:
            own = self.trigger.lifecycle_headers(self.run_id, self.invocation_id)
            await self._publish(name, own | headers, operation)


def error_headers(error: BaseException) -> Headers:
    """What the end of a run says of the error that ended it (session spec 4.7)."""
    code = error.code if isinstance(error, AITransportError) else StreamError.default_code
    text = str(error) or type(error).__name__
    return {h.ERROR_CODE: str(int(code)), h.ERROR_MESSAGE: text[:_MAX_ERROR_TEXT]}
