"""Which nodes there are, where each belongs, and which message ids each owns (session spec 5.1, 5.3, 5.6).

What it holds depends on the messages seen, not on the order in which they came: of two messages that disagree the one
with the better claim counts, then the one with the lower serial. So older history pages may follow newer ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ai_transport_codecs.codec.contract import CodecMessage

from .envelope import Envelope
from .events import RunEvent
from .nodes import NO_SERIAL, InputNode, Node, RunNode, RunOrigin
from .wire_log import Folding

# Who owns a message id, best claim first: the input whose own it is; a run that published it or was sent it; a run that
# it triggered; the fork that carries it, which gives way to the run that answers it. A message that the application
# gave belongs to nobody else as long as the channel has not told it: then its claim is gone.
OWN_INPUT: Final = 0
PUBLISHED: Final = 1
GIVEN: Final = 2
TRIGGER: Final = 3
FORK: Final = 4

# What tells where a run belongs, best first: its start; the local insert of its start; any other message.
STARTED: Final = 0
INSERTED: Final = 1
OBSERVED: Final = 2


class Claim(NamedTuple):
    """A node's claim to a message id."""

    strength: int
    serial: str
    node: Node


class Changes(NamedTuple):
    """What is new in an index: nodes that were made, and nodes that were there and have another order now."""

    made: list[Node]
    moved: list[Node]


class NodeIndex:
    """The nodes of a tree. ``version`` grows whenever something changes that a branch or its order depends on."""

    def __init__(self, folding: Folding) -> None:
        self.version = 0
        self.runs: dict[str, RunNode] = {}
        self.inputs: dict[str, InputNode] = {}
        self._superseded: set[str] = set()
        self._folding = folding
        self._sequence = 0
        self._claims: dict[str, Claim] = {}
        self._forks: dict[str, tuple[RunNode, RunOrigin]] = {}
        self._pointed_at: set[str] = set()
        self._given: dict[str, InputNode] = {}
        self.given_ids: set[str] = set()
        """The ids of all messages that the application gave, also of those that the channel told since."""
        self._made: dict[Node, None] = {}
        self._moved: dict[Node, None] = {}
        self._is_upset = False
        self.marks_older = False
        """Whether the nodes that are made now come with older history."""

    # --- reading

    def __iter__(self) -> Iterator[Node]:
        yield from self.runs.values()
        yield from self.inputs.values()

    def find(self, key: str) -> Node | None:
        """The node with that key."""
        return self.find_run(key) or self.inputs.get(key)

    def find_run(self, run_id: str) -> RunNode | None:
        """The run with that id; the id that a fork had before it was answered finds the run that answers it."""
        run = self.runs.get(run_id)
        if run is None and run_id in self._forks:
            run = self._forks[run_id][0]
        return run

    def owner(self, message_id: str | None) -> Node | None:
        """The node that a message belongs to (or, while that is unknown, the run it triggered)."""
        claim = self._claims.get(message_id) if message_id is not None else None
        return None if claim is None else claim.node

    def is_loaded(self, message_id: str | None) -> bool:
        """Whether the message itself was seen, rather than only a run that it triggered."""
        claim = None if message_id is None else self._claims.get(message_id)
        return claim is not None and claim.strength != TRIGGER

    @property
    def message_count(self) -> int:
        """About how many messages are known: enough to judge how much a page of history brought."""
        return len(self._claims)

    def superseded(self) -> set[Node]:
        """The runs that a fork replaced, by whichever of their ids it named them."""
        return {run for run in map(self.find_run, self._superseded) if run is not None}

    def take_changes(self) -> Changes | None:
        """What changed since this was asked last; None when nodes, their parents or their claims did otherwise."""
        changes = None if self._is_upset else Changes([*self._made], [*self._moved])
        self._made, self._moved, self._is_upset = {}, {}, False
        return changes

    # --- placing

    def place_input(self, message_id: str, envelope: Envelope, serial: str | None) -> InputNode:
        """The input node of a user's message, made or brought up to date."""
        self._let_go(message_id)
        node = self.inputs.get(message_id)
        is_new = node is None
        if node is None:
            node = self.inputs[message_id] = InputNode(message_id, self._next_sequence(), self._folding)
            self._note_made(node)
            self._claim(message_id, OWN_INPUT, serial, node)
        if is_new or (serial is not None and serial < (node.serial or NO_SERIAL)):
            before = node.parent, node.fork_of
            node.serial = serial
            node.parent, node.fork_of = envelope.parent, envelope.fork_of
            self._point_at(node, stays=before == (node.parent, node.fork_of))
        return node

    def place_run(self, run_id: str, envelope: Envelope, serial: str | None) -> RunNode:
        """The run that a message names, made or brought up to date."""
        self._let_go(envelope.message_id)
        node = self._get_or_create(run_id, envelope.input_message_id)
        origin = _observed(envelope, serial)
        if node.origin is None or origin[:2] < node.origin[:2]:
            node.origin = origin
        _note_serial(node, serial)
        self._claim(envelope.message_id, PUBLISHED, serial, node)
        self._claim(envelope.input_message_id, TRIGGER, serial, node)
        self._settle(node)
        return node

    def place_fork(self, fork_id: str, envelope: Envelope, serial: str | None) -> RunNode:
        """The run that a forked input belongs to: its own, until the run that answers it is known."""
        self._let_go(fork_id)
        origin = _observed(envelope, serial)
        held = self._forks.get(fork_id)
        if held is None:
            owner = self.owner(fork_id)
            node = owner if isinstance(owner, RunNode) else self._get_or_create(fork_id, None)
            node.fork_ids.add(fork_id)
        else:
            node, known = held
            origin = min(origin, known, key=_precedence)
        self._forks[fork_id] = (node, origin)
        self._is_upset = self._is_upset or held is None
        self._claim(fork_id, FORK, serial, node)
        if envelope.supersedes is not None and envelope.supersedes not in self._superseded:
            self._superseded.add(envelope.supersedes)
            self._upset()
        self._settle(node)
        return node

    def start(self, event: RunEvent) -> RunNode:
        """The run that a start event names, made or brought up to date; a start knows best where a run belongs."""
        node = self._get_or_create(event.run_id, event.input_message_id)
        start = RunOrigin(
            INSERTED if event.serial is None else STARTED,
            event.serial or NO_SERIAL,
            event.parent,
            event.fork_of,
            event.regenerates,
            event.client_id,
            event.invocation_id,
        )
        if node.start is None or start[:2] < node.start[:2]:
            node.start = start
        _note_serial(node, event.serial)
        self._claim(event.input_message_id, TRIGGER, event.serial, node)
        self._settle(node)
        return node

    def give(self, message: CodecMessage[Any], parent: str | None) -> None:
        """Begin with a message that is stored elsewhere; it gives way once the channel tells the same message."""
        node = InputNode(message.id, self._next_sequence(), self._folding)
        self._made[node] = None
        node.parent, node.serial = parent, ""  # before everything that the channel tells
        node.log.given = [message]
        self.inputs[message.id] = self._given[message.id] = node
        self.given_ids.add(message.id)
        self._claim(message.id, GIVEN, "", node)
        self._point_at(node)

    def remove(self, node: Node) -> None:
        """Forget a node. Messages that follow it become roots, as for readers who never saw it."""
        nodes: dict[str, RunNode] | dict[str, InputNode] = self.runs if isinstance(node, RunNode) else self.inputs
        nodes.pop(node.key, None)
        for message_id in [each for each, claim in self._claims.items() if claim.node is node]:
            del self._claims[message_id]
        for fork_id in [each for each, (run, _) in self._forks.items() if run is node]:
            del self._forks[fork_id]
        self._upset()

    # --- parts

    def _let_go(self, message_id: str | None) -> None:
        """The channel tells a message: what the application gave in its place has done its duty."""
        node = self._given.pop(message_id, None) if message_id is not None and self._given else None
        if node is not None and message_id is not None:
            del self.inputs[message_id]
            if self._claims[message_id].node is node:
                del self._claims[message_id]
            self._upset()

    def _next_sequence(self) -> int:
        self._sequence += 1
        self.version += 1
        return self._sequence

    def _note_made(self, node: Node) -> None:
        node.is_older = self.marks_older
        self._made[node] = None

    def _upset(self) -> None:
        """Something changed that is more than a node made, or moved."""
        self.version += 1
        self._is_upset = True

    def _get_or_create(self, run_id: str, input_message_id: str | None) -> RunNode:
        node = self.find_run(run_id)
        if node is None:
            node = self._try_adopt(run_id, input_message_id)
        if node is None:
            node = self.runs[run_id] = RunNode(run_id, self._next_sequence(), self._folding)
            self._note_made(node)
            self._is_upset = self._is_upset or run_id in self._superseded
        return node

    def _try_adopt(self, run_id: str, fork_id: str | None) -> RunNode | None:
        """The fork that this run answers, if it waits for its run, from now on under the run's id."""
        fork = self.runs.get(fork_id) if fork_id in self._forks and fork_id is not None else None
        if fork is None or fork.start is not None:
            return None
        del self.runs[fork.key]
        fork.key = run_id
        self.runs[run_id] = fork
        self._upset()
        return fork

    def _claim(self, message_id: str | None, strength: int, serial: str | None, node: Node) -> None:
        if message_id is None:
            return
        held = self._claims.get(message_id)
        claim = Claim(strength, serial or NO_SERIAL, node)
        if held is not None and held[:2] <= claim[:2]:
            return
        self._claims[message_id] = claim
        if message_id in self._pointed_at:
            self._upset()
        if isinstance(node, RunNode) and message_id in self._forks:
            self._move_fork(message_id, node)

    def _move_fork(self, fork_id: str, target: RunNode) -> None:
        """Give a fork's messages to the run that answers it, when that became known after both."""
        source, origin = self._forks[fork_id]
        if source is target or source.log.is_swept:
            return
        self._forks[fork_id] = (target, origin)
        self._is_upset = True
        source.fork_ids.discard(fork_id)
        target.fork_ids.add(fork_id)
        for entry in source.log.take_fork(fork_id):
            entry.node = target
            target.log.adopt(entry)
        if source.key == fork_id and source.start is None and source.own_serial is None:
            self.remove(source)
        else:
            self._settle(source)
        self._settle(target)

    def _settle(self, run: RunNode) -> None:
        """Bring what a run says about itself in line with all its messages."""
        before = run.order, run.parent, run.fork_of, run.regenerates
        forks = [self._forks[fork_id][1] for fork_id in run.fork_ids]
        fork = min(forks, key=_precedence) if forks else None
        origin = _merge(run.start, fork) or run.origin
        if origin is not None:
            run.parent, run.fork_of, run.regenerates = origin.parent, origin.fork_of, origin.regenerates
            run.client_id, run.invocation_id = origin.client_id, origin.invocation_id
        serials = [serial for serial in (run.own_serial, *(each.serial for each in forks)) if serial is not None]
        earliest = min(serials, default=NO_SERIAL)
        run.serial = None if earliest == NO_SERIAL else earliest
        if before != (run.order, run.parent, run.fork_of, run.regenerates):
            self._point_at(run, stays=before[1:] == (run.parent, run.fork_of, run.regenerates))

    def _point_at(self, node: Node, *, stays: bool = False) -> None:
        """A node has its place; ``stays`` says that it is the same one, but for the order."""
        self.version += 1
        if node not in self._made:
            self._moved[node] = None
            self._is_upset = self._is_upset or not stays
        self._pointed_at.update(each for each in (node.parent, node.fork_of) if each is not None)


def _precedence(origin: RunOrigin) -> tuple[int, str]:
    return origin[:2]


def _observed(envelope: Envelope, serial: str | None) -> RunOrigin:
    return RunOrigin(
        OBSERVED,
        serial or NO_SERIAL,
        envelope.parent,
        envelope.fork_of,
        envelope.regenerates,
        envelope.run_client_id or "",
        envelope.invocation_id or "",
    )


def _merge(start: RunOrigin | None, fork: RunOrigin | None) -> RunOrigin | None:
    """A run's start, completed by the fork that it answers."""
    if start is None or fork is None:
        return start or fork
    return start._replace(
        parent=start.parent or fork.parent,
        fork_of=start.fork_of or fork.fork_of,
        regenerates=start.regenerates or fork.regenerates,
        client_id=start.client_id or fork.client_id,
    )


def _note_serial(run: RunNode, serial: str | None) -> None:
    if serial is not None and serial < (run.own_serial or NO_SERIAL):
        run.own_serial = serial
