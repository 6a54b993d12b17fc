"""The nodes of a conversation tree: an input of a user, or a run that answers one (session spec 5.1).

A node belongs to its tree: read it, never change it. It stays the same object for the life of the tree (only a
forked run that turns out to be one already known is taken into that one), so what it says is always current.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from ai_transport_codecs.errors import AgentError

from .events import AgentConnection, RunStatus
from .lifecycle import RunProgress
from .steps import StepInfo, Steps
from .wire_log import Folding, WireLog

NO_SERIAL: Final = "\U0010ffff"
"""Sorts after every serial."""


class _BaseNode:
    """What both kinds have: identity, place, and the log whose fold is the node's projection."""

    __slots__ = ("fork_of", "is_older", "key", "log", "parent", "sequence", "serial")

    def __init__(self, key: str, sequence: int, folding: Folding) -> None:
        self.key = key
        self.parent: str | None = None
        """The raw ``codec-message-id`` of the message this node follows."""
        self.fork_of: str | None = None
        """The raw ``codec-message-id`` of the message this node was made instead of."""
        self.serial: str | None = None
        """The serial of its earliest message seen, which is its place among the nodes; None while only local."""
        self.sequence = sequence
        self.log = WireLog(folding)
        self.is_older = False
        """Whether it came with older history that a view asked for, rather than live or on connecting."""

    @property
    def projection(self) -> Any:
        """The codec's state of this node."""
        return self.log.projection

    @property
    def is_optimistic(self) -> bool:
        """Whether nothing of it came back from the channel yet."""
        return self.serial is None

    @property
    def order(self) -> tuple[str, int]:
        """Sorts nodes: by serial, those without one last, equal ones as inserted."""
        return (NO_SERIAL if self.serial is None else self.serial, self.sequence)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r} at {self.serial!r}>"


class InputNode(_BaseNode):
    """A message that a user sent; or one that the application gave the session to begin with, whoever said it."""

    __slots__ = ()
    kind: Final = "input"

    @property
    def is_given(self) -> bool:
        """Whether the application gave it, and the channel has not told it yet (see :meth:`~.tree.Tree.give`)."""
        return self.log.given is not None

    @property
    def message_id(self) -> str:
        """The ``codec-message-id`` of the input; the same as ``key``."""
        return self.key


class RunOrigin(NamedTuple):
    """What a message says about the run it belongs to. The better origin has the smaller ``rank``, then ``serial``."""

    rank: int
    serial: str
    parent: str | None = None
    fork_of: str | None = None
    regenerates: str | None = None
    client_id: str = ""
    invocation_id: str = ""


class RunNode(_BaseNode):
    """An agent's reply: its output, the inputs sent to it, its steps and its status."""

    __slots__ = (
        "agent",
        "agent_serial",
        "client_id",
        "fork_ids",
        "invocation_id",
        "is_sweep_queued",
        "last_activity",
        "origin",
        "own_serial",
        "progress",
        "regenerates",
        "start",
        "steps_seen",
    )
    kind: Final = "run"

    def __init__(self, key: str, sequence: int, folding: Folding) -> None:
        super().__init__(key, sequence, folding)
        self.regenerates: str | None = None
        """The ``codec-message-id`` of the message that this run is another version of."""
        self.client_id = ""
        """Who owns the run: the client whose input it answers ('' when anonymous)."""
        self.invocation_id = ""
        """The invocation that started the run; resumes do not change it."""
        self.agent: AgentConnection | None = None
        """Which agent started it, resumed it or opened a step of it last; None before, and for a local insert."""
        self.agent_serial = ""
        self.start: RunOrigin | None = None
        self.origin: RunOrigin | None = None
        self.own_serial: str | None = None
        self.fork_ids: set[str] = set()
        self.progress = RunProgress()
        self.steps_seen = Steps()
        self.last_activity = 0
        self.is_sweep_queued = False

    @property
    def run_id(self) -> str:
        """The run's id; for a fork that no agent has answered yet, the id of its input (session spec 5.6)."""
        return self.key

    def note_agent(self, serial: str | None, agent: AgentConnection | None) -> None:
        """An agent was at work on it, as the message with that serial says."""
        if agent is not None and serial is not None and serial >= self.agent_serial:
            self.agent, self.agent_serial = agent, serial

    @property
    def is_started(self) -> bool:
        """Whether the run's start was seen, on the channel or as a local insert."""
        return self.start is not None

    @property
    def status(self) -> RunStatus:
        """Where the run stands."""
        return self.progress.state.status

    @property
    def error(self) -> AgentError | None:
        """What the agent reported, when the status is ``error``."""
        return self.progress.state.error

    @property
    def end_serial(self) -> str | None:
        """The serial of the last suspend or end that took effect."""
        return self.progress.state.end_serial

    @property
    def last_resume_invocation_id(self) -> str | None:
        """The invocation that resumed the run last; None before."""
        return self.progress.state.last_resume_invocation_id

    @property
    def answered_by(self) -> str | None:
        """The client whose answer resumed the run last; None before, and for an anonymous one."""
        return self.progress.state.answered_by

    @property
    def steps(self) -> list[StepInfo]:
        """The steps, in the order of their first attempts."""
        return self.steps_seen.infos()


Node: TypeAlias = InputNode | RunNode
