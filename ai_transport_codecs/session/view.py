"""A window on the conversation: what to show, and where to write (session spec 3, 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, overload

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import AgentError, InvalidArgumentError, SessionClosedError

from .events import OutputEvent, RunEvent, RunStatus, Signal, Unsubscribe
from .nodes import Node, RunNode
from .sending import SendOptions
from .steps import StepInfo
from .tree import Tree

if TYPE_CHECKING:
    from .client import ClientSession
    from .handle import ClientRun

MessageT = TypeVar("MessageT")


class RunInfo(NamedTuple):
    """A run as a view shows it."""

    run_id: str
    status: RunStatus
    client_id: str
    invocation_id: str
    steps: list[StepInfo]
    error: AgentError | None


class View(Generic[MessageT]):
    """The conversation's visible branch, live. Made by its session; closes with it."""

    def __init__(self, session: ClientSession[MessageT]) -> None:
        self._session = session
        self._tree: Tree[MessageT] = session.tree
        self._updates: Signal[None] = Signal()
        self._runs: Signal[RunEvent] = Signal()
        self._nodes: list[Node] | None = None
        self._keys: frozenset[str] = frozenset()
        self._messages: list[CodecMessage[MessageT]] | None = None
        self._unsubscribe = [
            self._tree.on("update", self._on_structure),
            self._tree.on("output", self._on_output),
            self._tree.on("run", self._on_run),
        ]
        self.is_closed = False

    def get_messages(self) -> list[CodecMessage[MessageT]]:
        """The visible messages, oldest first, each with its ``codec-message-id``. A new list each time."""
        if self._messages is None:
            self._messages = self._tree.flatten(self._visible())
        return list(self._messages)

    @property
    def messages(self) -> list[MessageT]:
        """The visible messages alone."""
        return [entry.message for entry in self.get_messages()]

    def runs(self) -> list[RunInfo]:
        """The visible runs, oldest first."""
        return [
            RunInfo(node.run_id, node.status, node.client_id, node.invocation_id, node.steps, node.error)
            for node in self._visible()
            if isinstance(node, RunNode)
        ]

    async def send(
        self,
        value: Any,
        *,
        parent: str | None = None,
        fork_of: str | None = None,
        run_id: str | None = None,
        role: str = "user",
    ) -> ClientRun[MessageT]:
        """Send what the user says, and get the run that will answer it as soon as the channel has the message.

        ``value`` is a message of the codec's framework, text, an input event, or a list of these with at most one new
        message. It is shown at once, and taken back if sending fails. ``parent`` is the message it follows (by default
        the last visible one), ``fork_of`` the message it replaces, ``run_id`` the suspended run it continues.

        Raises InvalidArgumentError for what cannot be sent, before anything is published; SessionClosedError;
        ChannelNotReadyError (104007) while the channel is down; InsufficientCapabilityError (40160); SessionSendError
        (104005) when the channel refuses.
        """
        if self.is_closed:
            raise SessionClosedError("unable to send; view is closed, use another view of the session")
        # A message that a codec made of another one's parts has no place of its own in the tree.
        tail = next((entry.id for entry in reversed(self.get_messages()) if self._tree.node_of(entry.id)), None)
        values: Sequence[Any] = value if isinstance(value, list) else [value]
        return await self._session.send(values, SendOptions(parent, fork_of, run_id, role), tail)

    @overload
    def on(self, event: Literal["update"], handler: Callable[[], None]) -> Unsubscribe: ...
    @overload
    def on(self, event: Literal["run"], handler: Callable[[RunEvent], None]) -> Unsubscribe: ...
    def on(self, event: str, handler: Callable[..., None]) -> Unsubscribe:
        """Call ``handler()`` for each ``update`` of what is visible, or ``handler(event)`` for each visible ``run``'s.

        Handlers run within the delivery: they must not wait. What they raise is logged.
        """
        if event == "update":
            return self._updates.subscribe(lambda _: handler())
        if event == "run":
            return self._runs.subscribe(handler)
        raise InvalidArgumentError(f"a view has no event {event!r}; it has 'update' and 'run'")

    def close(self) -> None:
        """Stop updating; :meth:`get_messages` keeps the last state. Idempotent."""
        if self.is_closed:
            return
        self.get_messages()
        self.is_closed = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def _visible(self) -> list[Node]:
        if self._nodes is None:
            self._nodes = self._tree.visible_nodes()
            self._keys = frozenset(node.key for node in self._nodes)
        return self._nodes

    def _on_structure(self) -> None:
        self._nodes = self._messages = None
        self._updates.emit(None)

    def _on_output(self, event: OutputEvent) -> None:
        self._visible()
        if event.key in self._keys or event.input_message_id in self._keys:
            self._messages = None
            self._updates.emit(None)

    def _on_run(self, event: RunEvent) -> None:
        self._visible()
        if event.live and (event.run_id in self._keys or event.type == "start"):
            self._runs.emit(event)
