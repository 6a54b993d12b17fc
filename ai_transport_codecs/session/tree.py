"""The conversation tree: a channel's messages, live and from history, as nodes that a view reads (session spec 5).

Synchronous and without I/O. Whatever order a channel's messages are applied in (older history pages after newer ones,
live messages before or after either, any of them repeated), the same messages and statuses come out, as long as the
versions of each single message come in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Generic, Literal, TypeVar, overload

from ai_transport_codecs.codec.contract import Codec, CodecMessage
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.messages import InboundMessage

from .applier import Applier
from .branches import NO_SELECTIONS, Branches, Segment, SiblingGroup
from .events import Applied, OutputEvent, RunEvent, RunStatus, StepEvent, Unsubscribe
from .nodes import Node, RunNode

MessageT = TypeVar("MessageT")

DEFAULT_REORDER_WINDOW_MS: Final = 120_000


class Tree(Generic[MessageT]):
    """One channel's conversation, folded by one codec.

    Nodes are keyed by run id (runs) or ``codec-message-id`` (inputs); in the rare case that one is both, the run wins.
    ``reorder_window_ms`` is how long, in channel time, a finished run can still take older messages into their place.

    Bounds, against what others may publish: 10,000 event ids (their messages without data), 10,000 deleted messages
    never seen before, 500 unknown runs with 200 messages each, 10,000 steps of a run, 1,000 local events of a node.
    Nothing that is on the wire raises here, and problems with it are logged once per kind.
    """

    def __init__(
        self,
        codec: Codec[Any, Any, Any, MessageT],
        *,
        reorder_window_ms: int = DEFAULT_REORDER_WINDOW_MS,
    ) -> None:
        self._applier = Applier(codec, reorder_window_ms)
        self._index = self._applier.index
        self._branches = Branches(self._index)

    # --- writing

    def apply(self, message: InboundMessage, *, live: bool = True) -> Applied:
        """Take one delivery into account, tell the listeners, and say what it was. Never raises.

        Events come in this order: ``run`` or ``output``, then ``update`` if the structure changed, then ``message``.
        ``live`` is handed on in the events: whether the message came by subscription rather than from history.
        """
        return self._applier.apply(message, live=live)

    def insert_optimistic(self, inputs: Sequence[Any], headers: Mapping[str, str]) -> Node | None:
        """Show inputs that are about to be published with these transport headers; the node they show in.

        They stay until the first message of the channel with the same ``codec-message-id`` takes their place, or until
        :meth:`discard_optimistic`. None, and nothing shown, when the headers do not say where they belong.
        """
        return self._applier.insert_optimistic(inputs, headers)

    def discard_optimistic(self, message_id: str) -> None:
        """Take back inputs whose publish failed; their node too, when nothing else is known of it."""
        self._applier.discard_optimistic(message_id)

    def give(self, messages: Sequence[CodecMessage[MessageT]]) -> None:
        """Begin with stored messages, as a chain in which each follows the one before it (session spec 12).

        They come before everything that the channel tells. A message of the channel with the same id takes its place.
        Raises InvalidArgumentError when an id is empty, occurs twice or belongs to a message that is known already.
        """
        ids = [message.id for message in messages]
        known = next((each for each in ids if not each or self.node_of(each) is not None), None)
        if known is None and len(set(ids)) < len(ids):
            known = next(each for position, each in enumerate(ids) if each in ids[:position])
        if known is not None:
            raise InvalidArgumentError(
                f"unable to begin with these messages; the id {known!r} is empty, or occurs twice: each message needs"
                " its own codec-message-id"
            )
        self._applier.give(messages)

    def delete(self, key: str) -> None:
        """Remove a node from the tree. What follows it becomes a root, as for a reader who never saw the node."""
        self._applier.delete(key)

    def start_run(
        self,
        run_id: str,
        *,
        client_id: str = "",
        invocation_id: str = "",
        parent: str | None = None,
        fork_of: str | None = None,
        regenerates: str | None = None,
        input_message_id: str | None = None,
        serial: str | None = None,
    ) -> RunNode:
        """Insert a run that this process just started, without waiting for its start to come back (session spec 4.4).

        ``serial`` is that of the published start, if known. The echo is told as a second ``run`` event.
        """
        event = RunEvent(
            type="start",
            run_id=run_id,
            client_id=client_id,
            invocation_id=invocation_id,
            serial=serial,
            parent=parent,
            fork_of=fork_of,
            regenerates=regenerates,
            input_message_id=input_message_id,
        )
        return self._applier.start_run(event)

    def seed_step(
        self, run_id: str, step_id: str, start_serial: str, *, client_id: str = "", invocation_id: str = ""
    ) -> None:
        """Note an attempt of a step that this process just started, by its acknowledged serial (session spec 4.6)."""
        self._applier.seed_step(StepEvent("start", run_id, step_id, start_serial, client_id, invocation_id))

    # --- reading

    @property
    def version(self) -> int:
        """Grows whenever the structure changes: nodes, their order, their parents, what supersedes what."""
        return self._index.version

    @property
    def given_ids(self) -> AbstractSet[str]:
        """The ids of the messages that the tree began with (:meth:`give`)."""
        return self._index.given_ids

    @property
    def newest_serial(self) -> str:
        """The greatest serial of all messages seen; '' before the first."""
        return self._applier.newest_serial

    @property
    def message_count(self) -> int:
        """About how many messages are known: enough to judge how much a page of history brought."""
        return self._index.message_count

    def unsettled_since(self) -> str:
        """The serial from which on messages may still change or have changed: all before belong to runs that are over.

        It is the earliest serial of a run that is still active, or else :attr:`newest_serial`.
        """
        active = [run.serial for run in self._index.runs.values() if run.status is RunStatus.ACTIVE and run.serial]
        return min([*active, self.newest_serial])

    def mark_older(self, *, older: bool) -> None:
        """Whether what is applied from now on is older history that some view asked for (``Node.is_older``)."""
        self._index.marks_older = older

    def nodes(self) -> list[Node]:
        """All nodes, in no particular order."""
        return list(self._index)

    def run(self, run_id: str) -> RunNode | None:
        """The run with that id. The input id of a fork finds the run that answers it."""
        return self._index.find_run(run_id)

    def runs(self) -> list[RunNode]:
        """All runs, also superseded and hidden ones, in order."""
        return self._branches.runs()

    def node(self, key: str) -> Node | None:
        """The node with that key."""
        return self._index.find(key)

    def node_of(self, message_id: str) -> Node | None:
        """The node that a message belongs to; for a trigger that is not loaded (or shows nothing), its run."""
        return self._index.owner(message_id)

    def siblings(self, key: str) -> list[Node]:
        """The nodes of which a view shows one, oldest first; with the node itself unless it is superseded.

        Runs are siblings when they follow the same message, inputs when they are edits of one another.
        """
        node = self._index.find(key)
        group = None if node is None else self._branches.group(node)
        return [] if group is None else list(group.members)

    def group_root(self, key: str) -> str | None:
        """The key under which a view's selections name the node's siblings: the oldest run, or the edited input.

        The input may be one that is not loaded yet. None for an unknown key.
        """
        node = self._index.find(key)
        group = None if node is None else self._branches.group(node)
        return None if group is None else group.root

    def position_of(self, message_id: str) -> int | None:
        """Where a message is among its node's; None for one that is not known."""
        node = self._index.owner(message_id)
        messages = [] if node is None else node.log.messages()
        return next((position for position, each in enumerate(messages) if each.id == message_id), None)

    def predecessor_of(self, message_id: str) -> str | None:
        """The message that another one follows: the one before in its node, or the one that its node follows."""
        node, position = self._index.owner(message_id), self.position_of(message_id)
        if node is None:
            return None
        return node.log.messages()[position - 1].id if position else node.parent

    def sibling_group(self, node: Node) -> SiblingGroup | None:
        """The node's :meth:`siblings` with their root; None for a node that was removed."""
        return self._branches.group(node)

    def contested_inputs(self) -> list[SiblingGroup]:
        """The groups of inputs that are edits of one another."""
        return self._branches.contested()

    def reply_runs(self, message_id: str) -> list[RunNode]:
        """The runs that answer a message, oldest first, without superseded ones."""
        return self._branches.replies(message_id)

    def regenerators(self, message_id: str) -> list[RunNode]:
        """The runs that are other versions of a message which is not the first of its run, oldest first."""
        run = self._index.owner(message_id)
        if not isinstance(run, RunNode):
            return []
        ids = [message.id for message in run.log.messages()]
        return self._branches.regenerators(run, ids.index(message_id)) if message_id in ids else []

    def find_by_event_id(self, event_id: str) -> InboundMessage | None:
        """The first input seen with that ``event-id``, without its data."""
        return self._applier.event_ids.get(event_id)

    def inputs_seen(self) -> list[InboundMessage]:
        """The first message of each event id, without its data, in the order in which they were seen."""
        return self._applier.event_ids.values()

    def visible_nodes(self, selections: Mapping[str, str] = NO_SELECTIONS) -> list[Node]:
        """The nodes that a view with these selections (group root to key of the chosen member) shows, in order.

        By default the newest member of each group. A node whose parent is known but not shown is hidden, and so is a
        run whose input is not loaded; a node whose parent is not known at all is a root.
        """
        return self._branches.visible(selections)

    def grown_since(self, version: int) -> list[Node] | None:
        """The nodes that came last, without siblings, since then; None when the structure changed otherwise too."""
        return self._branches.grown_since(version)

    def messages(self, node: Node) -> list[CodecMessage[MessageT]]:
        """The node's messages, oldest first: the same list, not to be changed, until its projection changes."""
        return node.log.messages()

    def flatten(
        self, nodes: Iterable[Node], selections: Mapping[str, str] = NO_SELECTIONS
    ) -> list[CodecMessage[MessageT]]:
        """The messages of visible nodes, in order; from a regenerated message on, those of the selected version.

        ``selections`` maps the id of a message that is not the first of its run to the id of the run to show instead
        (or of the run itself, to show the original); by default the newest version is shown (session spec 6.2).
        """
        return self._branches.flatten(nodes, selections)

    @property
    def has_versions_within_runs(self) -> bool:
        """Whether a message was asked for anew; else each node shows its own messages and no others."""
        return self._branches.has_targets

    def segments(self, nodes: Iterable[Node], selections: Mapping[str, str] = NO_SELECTIONS) -> list[Segment]:
        """What :meth:`flatten` shows, by the nodes that show it."""
        return self._branches.segments(nodes, selections)

    def segment(self, node: Node, selections: Mapping[str, str] = NO_SELECTIONS) -> Segment:
        """What one visible node shows."""
        return self._branches.segment(node, selections)

    # --- events

    @overload
    def on(self, event: Literal["update"], handler: Callable[[], None]) -> Unsubscribe: ...
    @overload
    def on(self, event: Literal["run"], handler: Callable[[RunEvent], None]) -> Unsubscribe: ...
    @overload
    def on(self, event: Literal["output"], handler: Callable[[OutputEvent], None]) -> Unsubscribe: ...
    @overload
    def on(self, event: Literal["message"], handler: Callable[[Applied], None]) -> Unsubscribe: ...
    def on(self, event: str, handler: Callable[..., None]) -> Unsubscribe:
        """Call ``handler`` synchronously for each event, in the order of subscription; what it raises is logged.

        ``update``: the structure changed (no argument). ``run``: a lifecycle event, also of a run that is not known
        yet. ``output``: a delivery's events were folded. ``message``: a message was applied, whatever it was.
        Raises InvalidArgumentError for another event.
        """
        signals = self._applier.signals
        if event == "update":
            return signals.update.subscribe(lambda _: handler())
        if event == "run":
            return signals.run.subscribe(handler)
        if event == "output":
            return signals.output.subscribe(handler)
        if event == "message":
            return signals.message.subscribe(handler)
        raise InvalidArgumentError(f"a tree has no event {event!r}; it has 'update', 'run', 'output' and 'message'")
