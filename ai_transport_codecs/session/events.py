"""What a tree tells its listeners, and how it calls them (session spec 5.9)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from ai_transport_codecs.errors import AgentError
from ai_transport_codecs.wire.messages import InboundMessage

_log = logging.getLogger("ai_transport_codecs.session")

EventT = TypeVar("EventT")

Unsubscribe: TypeAlias = Callable[[], None]


class RunStatus(StrEnum):
    """Where a run stands. The last three are terminal: neither a start nor a resume revives a run."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    ERROR = "error"

    @property
    def is_terminal(self) -> bool:
        """Whether the run is over."""
        return self in _TERMINAL


_TERMINAL = frozenset({RunStatus.COMPLETE, RunStatus.CANCELLED, RunStatus.ERROR})


class StepStatus(StrEnum):
    """Where a step stands: ``active`` until the end of its newest attempt is known."""

    ACTIVE = "active"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AgentConnection(NamedTuple):
    """Who published a message of a run: the agent's client id, and its connection, as the channel vouches for them."""

    client_id: str | None
    connection_id: str | None


class RunEvent(NamedTuple):
    """A run started, was suspended, resumed or ended.

    ``serial`` is None for a local insert only. ``parent``, ``fork_of`` and ``regenerates`` are a start's; ``status``
    (the terminal one) and ``error`` an end's. ``live`` is false for a message that came from history, and when an
    event that waited for its run takes effect (it was announced before, when it arrived).
    """

    type: Literal["start", "suspend", "resume", "end"]
    run_id: str
    client_id: str = ""
    invocation_id: str = ""
    serial: str | None = None
    timestamp: int | None = None
    parent: str | None = None
    fork_of: str | None = None
    regenerates: str | None = None
    input_message_id: str | None = None
    input_client_id: str | None = None
    status: RunStatus | None = None
    error: AgentError | None = None
    live: bool = True
    agent: AgentConnection | None = None


class StepEvent(NamedTuple):
    """An attempt of a step started or ended; ``attempt`` is the serial of its ``ai-step-start``."""

    type: Literal["start", "end"]
    run_id: str
    step_id: str
    attempt: str
    client_id: str = ""
    invocation_id: str = ""
    status: StepStatus = StepStatus.ACTIVE
    agent: AgentConnection | None = None


class OutputEvent(NamedTuple):
    """What one delivery added to a node: the decoded events, with where they belong.

    ``key`` is the node's; ``run_id`` is the same for a run and None for an input node. ``replaced`` says that what was
    told of the message before no longer holds: ``outputs`` restate it from its start, or it is gone; without a
    ``message_id``, read the node anew. A delivery that decodes to nothing gives an event with nothing in it; a
    repeated one gives no event at all.
    """

    key: str
    run_id: str | None
    message_id: str | None
    input_message_id: str | None
    serial: str | None
    step_id: str | None = None
    step_start_serial: str | None = None
    steer_message_ids: tuple[str, ...] = ()
    outputs: Sequence[Any] = ()
    inputs: Sequence[Any] = ()
    live: bool = True
    replaced: bool = False


class Applied(NamedTuple):
    """What :meth:`~.tree.Tree.apply` made of a message.

    At most one of ``run``, ``step`` and ``output`` is set. ``key`` is the node it belongs to, None when it belongs to
    none that is known. ``output`` is None also for a repeated delivery and for output of a superseded attempt.
    """

    message: InboundMessage
    live: bool
    key: str | None = None
    run: RunEvent | None = None
    step: StepEvent | None = None
    output: OutputEvent | None = None


class _Subscription(Generic[EventT]):
    __slots__ = ("failures", "handler", "is_active")

    def __init__(self, handler: Callable[[EventT], None]) -> None:
        self.handler = handler
        self.is_active = True
        self.failures = 0

    def call(self, event: EventT) -> None:
        if not self.is_active:
            return
        try:
            self.handler(event)
        except Exception:  # a listener may raise anything, and must not stop the others
            self.failures += 1
            # A handler may fail on every token: the 1st, 2nd, 4th, 8th ... failure are logged.
            if self.failures & (self.failures - 1) == 0:
                _log.exception("an event handler raised (%d times so far); the others still run", self.failures)


class Signal(Generic[EventT]):
    """One kind of event and its handlers: called in the order they were added, each isolated from the others."""

    __slots__ = ("subscriptions",)

    def __init__(self) -> None:
        self.subscriptions: tuple[_Subscription[EventT], ...] = ()

    def subscribe(self, handler: Callable[[EventT], None]) -> Unsubscribe:
        """Call ``handler`` for each event from now on; the returned function ends that, also in mid-dispatch."""
        subscription = _Subscription(handler)
        self.subscriptions = (*self.subscriptions, subscription)

        def unsubscribe() -> None:
            subscription.is_active = False
            self.subscriptions = tuple(each for each in self.subscriptions if each is not subscription)

        return unsubscribe

    def emit(self, event: EventT) -> None:
        """Call every handler; what one raises is logged."""
        for subscription in self.subscriptions:
            subscription.call(event)


class Signals:
    """The events of one tree."""

    __slots__ = ("message", "output", "run", "update")

    def __init__(self) -> None:
        self.update: Signal[None] = Signal()
        self.run: Signal[RunEvent] = Signal()
        self.output: Signal[OutputEvent] = Signal()
        self.message: Signal[Applied] = Signal()
