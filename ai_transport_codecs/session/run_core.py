"""What a run is made of, apart from what an application does with it (session spec 4.2 to 4.9)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import (
    AgentError,
    AITransportError,
    InvalidArgumentError,
    OperationCancelledError,
    RunLifecycleError,
    SessionClosedError,
    StreamError,
)
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.messages import InboundMessage

from .cancel import CancelToken
from .events import RunStatus, Unsubscribe
from .hooks import CancelRequest, RunHooks, listener_error
from .latch import Latch
from .leaf_view import LeafView
from .pipe import PipeResult
from .publishing import publish_headers
from .steer_agent import Steers, order_steers, unanswered_inputs
from .step import StepLine
from .trigger import NO_TRIGGER, Trigger, read_trigger

if TYPE_CHECKING:
    from .agent import AgentSession

_log = logging.getLogger("ai_transport_codecs.session")

MessageT = TypeVar("MessageT")

SUSPENDED = "suspended"


class RunCore(ABC, Generic[MessageT]):
    """A run's identity, its trigger, its state, and the ways in which the session and its steps reach it."""

    _opening_verb: ClassVar[str] = "start"

    def __init__(
        self,
        session: AgentSession[MessageT],
        input_event_id: str | None,
        run_id: str,
        invocation_id: str,
        hooks: RunHooks,
    ) -> None:
        self.session = session
        self.hooks = hooks
        self.run_id = run_id
        """The run's id; provisional until the trigger is located, which may name a run to continue."""
        self.invocation_id = invocation_id
        self.cancel_token = CancelToken()
        """Whether the run was cancelled: by a client, by the application, or because the session ends."""
        self.granted_cancel: InboundMessage | None = None
        """The client's cancel that was honoured last."""
        self.trigger: Trigger = NO_TRIGGER
        self.view: LeafView[MessageT] = LeafView(session.tree, session.hydrator, self._order_steers)
        """The conversation up to the input this run answers, and the run itself: feed it to the model."""
        self.steers = Steers()
        self.steps = StepLine(self)
        self.is_open = False
        """Whether it may be written to: it was started or loaded, and neither ended nor suspended."""
        self._located = Latch()
        self._terminal: str | None = None
        self._has_begun = False
        self._pipes = 0
        self._idle: asyncio.Event | None = None
        self._last_result: PipeResult | None = None
        self.input_event_id = ""
        self._unfollow: Unsubscribe | None = None
        self.cancel_token.on_cancel(self._reject_as_cancelled)
        if input_event_id is not None:
            self.expect(input_event_id)

    # --- reading

    @property
    def located(self) -> Latch:
        """Awaitable: returns once the input that this run answers was seen, live or in history.

        Passive: nothing is fetched for it, and there is no deadline. Raises OperationCancelledError (40033) once the
        run is cancelled, SessionClosedError (104004) once the session is closed.
        """
        return self._located

    @property
    def channel_name(self) -> str:
        """The name of the channel, which is that of the conversation."""
        return self.session.connection.channel.name

    @property
    def status(self) -> RunStatus:
        """The run's status in the session's tree; ``active`` while it is not there."""
        node = self.session.tree.run(self.run_id)
        return RunStatus.ACTIVE if node is None else node.status

    @property
    def error(self) -> AgentError | None:
        """What readers are told, when the status is ``error``."""
        node = self.session.tree.run(self.run_id)
        return None if node is None else node.error

    @property
    def has_ended(self) -> bool:
        """Whether it was ended or suspended by this object."""
        return self._terminal is not None

    @property
    def is_suspended(self) -> bool:
        """Whether it was suspended by this object."""
        return self._terminal == SUSPENDED

    @property
    def is_piping(self) -> bool:
        """Whether a pipe is under way."""
        return self._pipes > 0

    @property
    def last_result(self) -> PipeResult | None:
        """How the last pipe ended."""
        return self._last_result

    async def until_idle(self) -> None:
        """Wait until no pipe is under way."""
        while self._pipes:
            if self._idle is None:
                self._idle = asyncio.Event()
            await self._idle.wait()

    # --- called by the session and by steps

    def expect(self, event_id: str) -> None:
        """The input to answer is the one with that event id; '' for a run that answers none."""
        self.input_event_id = event_id
        if not event_id:
            self.take_trigger(NO_TRIGGER)
            self._located.set()
            return
        found = self.session.tree.find_by_event_id(event_id)
        if found is not None:
            self.pin(found)
        else:
            self.session.triggers.wait_for(event_id, self)

    def pin(self, message: InboundMessage) -> None:
        """``message`` is the input to answer."""
        if not self._located.is_settled:
            self.take_trigger(read_trigger(message, self.session.tree))
            self._located.set()

    def take_trigger(self, trigger: Trigger) -> None:
        """Answer that input."""
        self.trigger = trigger
        if trigger.continued_run_id is not None and self._follows_trigger:
            self.session.cancels.rename(self, trigger.continued_run_id)
        if trigger.message_id is not None:
            self.session.cancels.bind_input(trigger.message_id, self)
        self.view.pin(trigger.anchor, self.run_id, trigger.regenerates or trigger.fork_of)

    @property
    def _follows_trigger(self) -> bool:
        """Whether the trigger decides which run this is."""
        return True

    def follow(self, token: CancelToken) -> None:
        """Be cancelled by ``token`` too."""
        self._unfollow = token.on_cancel(self.cancel_token.cancel)

    def release(self) -> None:
        """The run is over: nothing is expected of it any more."""
        self.view.close()
        if self._unfollow is not None:
            self._unfollow()

    def reject_located(self, error: Exception) -> None:
        """The input can not be located any more."""
        self._located.fail(error)

    def steer(self, message_id: str, *, live: bool) -> None:
        """An input for this run was folded into the tree."""
        if not self.is_open:
            return
        if live:
            self.steers.add(message_id)
            self._tell_of_steer()
        else:
            self._seed_steers()

    @staticmethod
    def closed_error() -> SessionClosedError:
        """What tells those who wait that the session is gone."""
        return SessionClosedError("unable to locate the input; the session was closed, create a new one")

    async def request_cancel(self, message: InboundMessage) -> None:
        """Cancel because a client asked, unless ``on_cancel`` says no; what that raises is reported, and no cancel."""
        if self.hooks.on_cancel is not None:
            try:
                if not await self.hooks.on_cancel(CancelRequest(self.run_id, message)):
                    return
            except Exception as error:
                self.report_listener("on_cancel", error)
                return
        self.granted_cancel = message
        self.cancel_token.cancel()

    def report_listener(self, hook: str, error: Exception) -> None:
        """A hook raised: tell ``on_error``, or without one the session (session spec 8.2)."""
        failure = listener_error(hook, self.run_id, error)
        if self.hooks.on_error is None:
            self.session.connection.report(failure)
        else:
            self._tell(failure)

    def note_result(self, result: PipeResult) -> None:
        """A pipe ended."""
        self._last_result = result
        if result.error is not None:
            failure = StreamError(
                f"unable to pipe response for run {self.run_id!r}; {result.error}", cause=result.error
            )
            _log.info("%s", failure)
            self._tell(failure)

    @contextlib.contextmanager
    def piping(self) -> Iterator[None]:
        """While a pipe is under way."""
        self._pipes += 1
        try:
            yield
        finally:
            self._pipes -= 1
            if not self._pipes and self._idle is not None:
                self._idle.set()
                self._idle = None

    async def ready(self, operation: str) -> None:
        """Wait until the session is connected; raises what keeps ``operation`` from being done."""
        await self.session.connection.ready(operation)

    def check_open(self, operation: str) -> None:
        """Raises InvalidArgumentError unless the run may be written to."""
        if not self.is_open:
            raise InvalidArgumentError(f"unable to {operation}; run {self.run_id!r} {self._state()}")
        if self.status.is_terminal:
            raise self._read_only(operation)

    @abstractmethod
    async def close(self, reason: Literal["complete", "cancelled", "error"]) -> None:
        """End the run as ``reason`` when its pipes are done, unless it is not open, or over already."""

    # --- parts

    def _reject_as_cancelled(self) -> None:
        self._located.fail(
            OperationCancelledError(f"unable to locate the input of run {self.run_id!r}; the run was cancelled")
        )

    def _begin(self, operation: str) -> bool:
        """The first of ``start`` and ``load`` does something; a cancelled run is refused each time."""
        if self._has_begun:
            return False
        if self.cancel_token.is_cancelled:
            raise OperationCancelledError(
                f"unable to {operation}; run {self.run_id!r} was cancelled before {operation}(), nothing was published"
            )
        self._has_begun = True
        return True

    def _opened(self) -> None:
        self.is_open = True
        self._seed_steers()

    def _seed_steers(self) -> None:
        """Find out what was said to the run before it was opened, or what history tells of it."""
        node = self.session.tree.run(self.run_id)
        if node is None or not self.is_open:
            return
        unanswered = (entry.envelope.message_id for entry in unanswered_inputs(node))
        if self.steers.seed(each for each in unanswered if each is not None and each != self.trigger.message_id):
            self._tell_of_steer()

    def _tell_of_steer(self) -> None:
        if self.hooks.on_steer is not None:
            try:
                self.hooks.on_steer()
            except Exception as error:
                self.report_listener("on_steer", error)

    def _order_steers(self, messages: list[CodecMessage[MessageT]]) -> list[CodecMessage[MessageT]]:
        node = self.session.tree.run(self.run_id)
        return messages if node is None else order_steers(messages, node, self.steers.unanswered)

    async def _publish(self, name: str, headers: Headers, operation: str) -> None:
        try:
            await publish_headers(self.session.connection.channel, name, headers, self.session.retry)
        except Exception as error:
            raise RunLifecycleError(
                f"unable to {operation} run {self.run_id!r}; {error}. Readers do not know of it: try again with a new"
                " run, or adopt this one",
                cause=error,
            ) from error

    def _state(self) -> str:
        """Why it cannot be written to."""
        if self._terminal == SUSPENDED:
            return "was suspended, a run created for the answer resumes it"
        if self._terminal is not None:
            return f"has ended as {self._terminal}, create a new run"
        return f"was not {self._opening_verb}ed, call {self._opening_verb}() first"

    def _read_only(self, operation: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"unable to {operation}; run {self.run_id!r} is already {self.status} (read-only), create a new run"
        )

    def _tell(self, error: AITransportError) -> None:
        if self.hooks.on_error is not None:
            try:
                self.hooks.on_error(error)
            except Exception:
                _log.exception("the on_error hook of run %r raised", self.run_id)
