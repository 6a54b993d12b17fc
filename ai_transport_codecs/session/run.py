"""A run on the agent's side: start, pipe, end (session spec 4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage, MessageHook
from ai_transport_codecs.errors import (
    AITransportError,
    InvalidArgumentError,
    OperationCancelledError,
    RunLifecycleError,
    StreamError,
)
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.messages import InboundMessage

from .cancel import CancelToken
from .events import RunStatus
from .leaf_view import LeafView
from .outbox import Outbox
from .pipe import Pipe, PipeResult
from .publishing import publish_headers
from .source import Source
from .step import Step
from .trigger import NO_TRIGGER, Trigger, read_trigger

if TYPE_CHECKING:
    from .agent import AgentSession

_log = logging.getLogger("ai_transport_codecs.session")

MessageT = TypeVar("MessageT")
EndReason: TypeAlias = Literal["complete", "cancelled", "error"]

_MAX_ERROR_TEXT = 1_000
_STEP_REASONS = {"complete": "complete", "cancelled": "cancelled", "error": "failed"}


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A client asked to cancel a run; ``message.client_id`` says who."""

    run_id: str
    message: InboundMessage


@dataclass(slots=True)
class RunHooks:
    """What an application may attach to a run.

    ``on_cancel(request)``: whether to honour a cancel; without it every cancel is. ``on_error(error)``: what went wrong
    while piping. ``on_message(message)``: each outgoing output message, just before it is written.
    """

    on_cancel: Callable[[CancelRequest], Awaitable[bool]] | None = None
    on_error: Callable[[AITransportError], None] | None = None
    on_message: MessageHook | None = None


class Run(Generic[MessageT]):
    """One reply of the agent. Made by :meth:`AgentSession.create_run`; nothing is published before :meth:`start`.

    A run must be ended: readers show it as active until then.
    """

    def __init__(
        self, session: AgentSession[MessageT], input_event_id: str, run_id: str, invocation_id: str, hooks: RunHooks
    ) -> None:
        self._session = session
        self._hooks = hooks
        self.input_event_id = input_event_id
        self.run_id = run_id
        """The run's id; provisional until the trigger is located, which may name a run to continue."""
        self.invocation_id = invocation_id
        self.cancel_token = CancelToken()
        self.view: LeafView[MessageT] = LeafView(session.tree, session.hydrator)
        """The conversation up to the input this run answers: feed it to the model (call ``view.load()`` first)."""
        self.trigger: Trigger = NO_TRIGGER
        self.is_open = False
        self._has_started = False
        self._has_ended = False
        self._steps = 0
        self._step: Step | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._last_result: PipeResult | None = None

    @property
    def status(self) -> RunStatus:
        """The run's status in the session's tree; ``active`` while it is not there."""
        node = self._session.tree.run(self.run_id)
        return RunStatus.ACTIVE if node is None else node.status

    @property
    def messages(self) -> list[CodecMessage[MessageT]]:
        """The messages of this run so far."""
        node = self._session.tree.run(self.run_id)
        return [] if node is None else self._session.tree.messages(node)

    @property
    def has_ended(self) -> bool:
        """Whether :meth:`end` was called."""
        return self._has_ended

    @property
    def is_piping(self) -> bool:
        """Whether a pipe is under way."""
        return not self._idle.is_set()

    @property
    def last_result(self) -> PipeResult | None:
        """How the last pipe ended."""
        return self._last_result

    async def start(self) -> None:
        """Locate the input this run answers and publish the run's start. A second call does nothing.

        Looks for the input among live messages, then in history, and waits for it if need be (no deadline: use
        ``asyncio.timeout``). Raises OperationCancelledError (40033) when cancelled before, publishing nothing;
        RunLifecycleError (104003) when the start cannot be published.
        """
        session = self._session
        await session.connection.ready("start")
        if self._has_started:
            return
        self._check_not_cancelled()
        self._has_started = True
        if self.input_event_id:
            self._pin(await session.locate(self.input_event_id, self.cancel_token))
        if self.trigger.message_id is not None:
            deferred = session.cancels.take_deferred(self.trigger.message_id)
            if deferred is not None:
                await self.request_cancel(deferred)
        # Once it is published, readers wait for this run's end: a cancellation meanwhile must not lose that it is open.
        await _finish(self._open())

    async def _open(self) -> None:
        continues = self.trigger.continued_run_id is not None
        name = names.RUN_RESUME if continues else names.RUN_START
        make = self.trigger.lifecycle_headers if continues else self.trigger.start_headers
        await self._publish(name, make(self.run_id, self.invocation_id), "start")
        self.is_open = True
        if not continues:
            self._insert_locally()

    async def pipe(self, source: Source) -> PipeResult:
        """Write what ``source`` streams as this run's output, until it ends, raises or the run is cancelled.

        Does not raise for a failing source or channel: the result says so, and ``on_error`` is told. The run stays
        open. Raises InvalidArgumentError before :meth:`start`, after :meth:`end`, and while another pipe is running.
        """
        await self._session.connection.ready("pipe")
        self._check_open("pipe")
        if self._step is not None:
            raise InvalidArgumentError(
                f"unable to pipe; run {self.run_id!r} is already being piped to, await that pipe first"
            )
        step = self._step = self._next_step()
        session = self._session
        headers = self.trigger.output_headers(self.run_id, self.invocation_id)
        outbox = Outbox(session.connection.channel, policy=session.policy, retry=session.retry)
        pipe = Pipe(session.codec, outbox, step, headers, hook=self._hooks.on_message)
        self._idle.clear()
        reason = "cancelled"
        try:
            result = await pipe.run(source, self.cancel_token)
            reason = result.reason
        finally:
            try:
                await _finish(step.end(_STEP_REASONS[reason]))
            finally:
                self._step = None
                self._idle.set()
        self._last_result = result
        if result.error is not None:
            self._report(result.error)
        return result

    async def end(self, reason: EndReason = "complete", error: BaseException | None = None) -> None:
        """Publish the run's end; ``error`` goes along, as code and text, when the reason is ``error``.

        A second call does nothing. Raises InvalidArgumentError before :meth:`start`, RunLifecycleError (104003) when
        the end cannot be published.
        """
        await self._session.connection.ready("end")
        if self._has_ended:
            return
        if not self.is_open:
            raise InvalidArgumentError(f"unable to end; run {self.run_id!r} was not started, call start() first")
        self._has_ended = True
        self.is_open = False
        headers = self.trigger.lifecycle_headers(self.run_id, self.invocation_id) | {h.RUN_REASON: reason}
        if reason == "error" and error is not None:
            headers |= _error_headers(error)
        try:
            await self._publish(names.RUN_END, headers, "end")
        finally:
            self._session.forget(self)

    async def until_idle(self) -> None:
        """Wait until no pipe is under way."""
        await self._idle.wait()

    async def request_cancel(self, message: InboundMessage) -> None:
        """Cancel because a client asked, unless ``on_cancel`` says no. What that raises is the caller's to report."""
        if self._hooks.on_cancel is not None and not await self._hooks.on_cancel(CancelRequest(self.run_id, message)):
            return
        self.cancel_token.cancel()

    def _pin(self, message: InboundMessage) -> None:
        session = self._session
        self.trigger = trigger = read_trigger(message, session.tree)
        if trigger.continued_run_id is not None and trigger.continued_run_id != self.run_id:
            old_id, self.run_id = self.run_id, trigger.continued_run_id
            session.cancels.rename(self, old_id)
        if trigger.message_id is not None:
            session.cancels.bind_input(trigger.message_id, self)
        self.view.pin(trigger.anchor, self.run_id)

    def _insert_locally(self) -> None:
        """The agent's own tree knows the run at once, not only when the channel echoes its start."""
        trigger = self.trigger
        self._session.tree.start_run(
            self.run_id,
            client_id=trigger.client_id,
            invocation_id=self.invocation_id,
            parent=trigger.run_parent,
            fork_of=trigger.fork_of,
            regenerates=trigger.regenerates,
            input_message_id=trigger.message_id,
        )

    def _next_step(self) -> Step:
        step_id = f"{self.invocation_id}-step-{self._steps}"
        self._steps += 1
        session = self._session
        headers = self.trigger.run_headers(self.run_id, self.invocation_id)
        client_id = self.trigger.input_client_id or ""
        return Step(session.connection.channel, session.tree, headers, step_id, client_id, session.retry)

    async def _publish(self, name: str, headers: Headers, operation: str) -> None:
        try:
            await publish_headers(self._session.connection.channel, name, headers, self._session.retry)
        except Exception as error:
            raise RunLifecycleError(f"unable to {operation} run {self.run_id!r}; {error}", cause=error) from error

    def _check_open(self, operation: str) -> None:
        if not self.is_open:
            state = "has ended" if self._has_ended else "was not started, call start() first"
            raise InvalidArgumentError(f"unable to {operation}; run {self.run_id!r} {state}")
        if self.status.is_terminal:
            raise InvalidArgumentError(
                f"unable to {operation}; run {self.run_id!r} is already {self.status} (read-only), create a new run"
            )

    def _check_not_cancelled(self) -> None:
        if self.cancel_token.is_cancelled:
            raise OperationCancelledError(f"unable to start; run {self.run_id!r} was cancelled before start()")

    def _report(self, error: BaseException) -> None:
        wrapped = StreamError(f"unable to pipe response for run {self.run_id!r}; {error}", cause=error)
        _log.info("%s", wrapped)
        if self._hooks.on_error is not None:
            try:
                self._hooks.on_error(wrapped)
            except Exception:
                _log.exception("the on_error hook of run %r raised", self.run_id)


def _error_headers(error: BaseException) -> Headers:
    code = error.code if isinstance(error, AITransportError) else StreamError.default_code
    text = str(error) or type(error).__name__
    return {h.ERROR_CODE: str(int(code)), h.ERROR_MESSAGE: text[:_MAX_ERROR_TEXT]}


async def _finish(work: Any) -> None:
    """Let ``work`` finish even while the task is being cancelled: readers wait for what it publishes."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
