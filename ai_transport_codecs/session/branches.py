"""The branches of a conversation: siblings, the visible path, and its messages (session spec 5.7, 5.8, 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from ai_transport_codecs.codec.contract import CodecMessage

from .node_index import Changes, NodeIndex
from .nodes import InputNode, Node, RunNode

NO_SELECTIONS: Final[Mapping[str, str]] = {}
MAX_GROWN: Final = 1_000
"""Nodes whose coming last is remembered, for those who follow; who comes later computes everything anew."""
_NEAR_END: Final = 32
_order: Final = attrgetter("order")


class SiblingGroup(NamedTuple):
    """Nodes of which a view shows one, oldest first. ``root`` names the group in a view's selections."""

    root: str
    members: list[Node]


class Segment(NamedTuple):
    """What one visible node shows: its messages, or from a regenerated one on those of another version.

    ``sources`` are the nodes whose messages these are: when none of them changed, nor the structure, nor has this.
    """

    messages: list[CodecMessage[Any]]
    sources: tuple[Node, ...]


class Branches:
    """What can be seen of a tree, brought up to date when somebody reads it after the structure changed.

    A node that comes last, after something shown, and has no siblings is added to what is there; that is what happens
    as people talk. Any other change has everything computed anew.
    """

    def __init__(self, index: NodeIndex) -> None:
        self._index = index
        self._version = -1
        self._ordered: list[Node] = []
        self._superseded: set[Node] = set()
        self._groups: dict[Node, SiblingGroup] = {}
        self._replies: dict[str | None, list[RunNode]] = {}
        self._by_target: dict[str, list[RunNode]] = {}
        self._contested: list[SiblingGroup] = []
        self._followed: set[str | None] = set()
        self._grown: list[tuple[int, Node]] = []
        self._known_since = -1

    def runs(self) -> list[RunNode]:
        """All runs, in order."""
        self._refresh()
        return [node for node in self._ordered if isinstance(node, RunNode)]

    def group(self, node: Node) -> SiblingGroup | None:
        """The node's siblings: runs that follow the same message; inputs that are edits of one another."""
        self._refresh()
        return self._groups.get(node)

    @property
    def has_targets(self) -> bool:
        """Whether any run is another version of a message."""
        self._refresh()
        return bool(self._by_target)

    def contested(self) -> list[SiblingGroup]:
        """The inputs that have edits, with them: the groups of more than one input."""
        self._refresh()
        return self._contested

    def replies(self, message_id: str) -> list[RunNode]:
        """The runs that follow a message, except superseded ones."""
        self._refresh()
        return list(self._replies.get(message_id, ()))

    def visible(self, selections: Mapping[str, str]) -> list[Node]:
        """The path that the selections show: of each group the selected member, by default the newest."""
        self._refresh()
        path: dict[Node, None] = {}
        unanchored: set[Node] = set()
        chosen: dict[str, Node] = {}
        for node in self._ordered:
            if node in self._superseded:
                continue
            parent = self._index.owner(node.parent)
            if parent is not None and parent not in path and not _precedes(node, parent):
                if isinstance(node, RunNode) and not self._index.is_loaded(node.parent):
                    unanchored.add(node)  # its question is not loaded: nobody knows yet which branch it is on
                    continue
                # What follows such a run was shown before the run was known, and stays: a page of history that ends
                # in the middle of a run must not hide what is newer.
                if parent not in unanchored:
                    continue
            group = self._groups[node]
            if len(group.members) > 1:
                selected = chosen.get(group.root + node.kind)
                if selected is None:
                    selected = chosen[group.root + node.kind] = self._selected(group, selections)
                if selected is not node:
                    continue
            path[node] = None
        return list(path)

    def grown_since(self, version: int) -> list[Node] | None:
        """The nodes that came last, without siblings, since the index had that version; None if more has changed."""
        self._refresh()
        if version < self._known_since:
            return None
        start = len(self._grown)
        while start and self._grown[start - 1][0] > version:
            start -= 1
        return [node for _, node in self._grown[start:]]

    # --- flattening

    def regenerators(self, run: RunNode, position: int) -> list[RunNode]:
        """The runs that are other versions of the run's message at ``position``, which is not its first."""
        self._refresh()
        return self._regenerators(run.log.messages(), position)

    def flatten(self, nodes: Iterable[Node], selections: Mapping[str, str]) -> list[CodecMessage[Any]]:
        """The messages of these nodes; where a later message of a run was regenerated, the selected version's."""
        return [message for segment in self.segments(nodes, selections) for message in segment.messages]

    def segments(self, nodes: Iterable[Node], selections: Mapping[str, str]) -> list[Segment]:
        """What :meth:`flatten` shows, by the nodes that show it."""
        self._refresh()
        shown = list(nodes)
        nested = self._nested(shown) if self._by_target else ()
        return [self.segment(node, selections) for node in shown if node not in nested]

    def segment(self, node: Node, selections: Mapping[str, str]) -> Segment:
        """What one node shows."""
        self._refresh()
        if not self._by_target:
            return Segment(node.log.messages(), (node,))
        messages: list[CodecMessage[Any]] = []
        followed: dict[Node, None] = {}
        current: Node | None = node
        while current is not None:
            followed[current] = None
            own, current = current.log.messages(), None
            for position, message in enumerate(own):
                version = self._version_of(own, position, selections)
                if version is not None and version not in followed:
                    current = version
                    break
                messages.append(message)
        return Segment(messages, tuple(followed))

    def _nested(self, nodes: list[Node]) -> set[Node]:
        nested: set[Node] = set()
        for node in nodes:
            if isinstance(node, RunNode):
                messages = node.log.messages()
                for position in range(1, len(messages)):
                    nested.update(self._regenerators(messages, position))
        return nested

    def _regenerators(self, messages: list[CodecMessage[Any]], position: int) -> list[RunNode]:
        candidates = self._by_target.get(messages[position].id) if 0 < position < len(messages) else None
        if not candidates:
            return []
        return [run for run in candidates if run.parent == messages[position - 1].id]

    def _version_of(
        self, messages: list[CodecMessage[Any]], position: int, selections: Mapping[str, str]
    ) -> RunNode | None:
        """The run whose version of this message is shown, or None for the message itself."""
        versions = self._regenerators(messages, position)
        if not versions:
            return None
        selected = self._index.find_run(selections.get(messages[position].id, ""))
        if selected is None:
            return versions[-1]
        if selected in versions:
            return selected
        is_original = self._index.owner(messages[position].id) is selected
        return None if is_original else versions[-1]

    # --- groups

    def _selected(self, group: SiblingGroup, selections: Mapping[str, str]) -> Node:
        for root in names_of(group) if selections else ():
            selected = self._index.find(selections[root]) if root in selections else None
            if selected in group.members:
                return selected
        return group.members[-1]

    def _refresh(self) -> None:
        if self._version == self._index.version:
            return
        self._version = self._index.version
        changes = self._index.take_changes()
        if changes is None or not self._grow(changes):
            self._rebuild()

    def _grow(self, changes: Changes) -> bool:
        """Take a few nodes into account that came last; False when that is not all."""
        if not all(map(self._keeps_place, changes.moved)):
            return False
        return all(map(self._append, sorted(changes.made, key=_order)))

    def _keeps_place(self, node: Node) -> bool:
        """Whether a node that moved is still between its neighbours, and near the end."""
        ordered = self._ordered
        for at in range(len(ordered) - 1, max(-1, len(ordered) - 1 - _NEAR_END), -1):
            if ordered[at] is node:
                is_after = at == 0 or ordered[at - 1].order < node.order
                return is_after and (at + 1 == len(ordered) or node.order < ordered[at + 1].order)
        return False

    def _append(self, node: Node) -> bool:
        """Add a node that comes last; False when it does not, or belongs to others."""
        if self._ordered and node.order < self._ordered[-1].order:
            return False
        if isinstance(node, RunNode):
            if node.regenerates is not None or node.parent in self._followed:
                return False
            self._followed.add(node.parent)
            self._replies[node.parent] = [node]
        elif node.fork_of is not None:
            return False
        self._ordered.append(node)
        self._groups[node] = SiblingGroup(node.key, [node])
        if len(self._grown) >= MAX_GROWN:
            self._known_since = self._grown[MAX_GROWN // 2 - 1][0]
            del self._grown[: MAX_GROWN // 2]
        self._grown.append((self._version, node))
        return True

    def _rebuild(self) -> None:
        self._ordered = sorted([*self._index.runs.values(), *self._index.inputs.values()], key=_order)
        self._superseded = self._index.superseded()
        self._groups = {}
        self._group_runs()
        self._group_inputs()
        self._grown.clear()
        self._known_since = self._version

    def _group_runs(self) -> None:
        runs = [node for node in self._ordered if isinstance(node, RunNode)]
        self._replies, self._by_target = {}, {}
        for run in runs:
            if run not in self._superseded:
                self._replies.setdefault(run.parent, []).append(run)
                if run.regenerates is not None:
                    self._by_target.setdefault(run.regenerates, []).append(run)
        groups: dict[str | None, SiblingGroup] = {}
        for run in runs:
            if run.parent not in groups:
                members: list[Node] = [*self._replies.get(run.parent, ())]
                groups[run.parent] = SiblingGroup(members[0].key if members else run.key, members)
            self._groups[run] = groups[run.parent]
        self._followed = {run.parent for run in runs}

    def _group_inputs(self) -> None:
        roots: dict[InputNode, str] = {}
        groups: dict[tuple[str | None, str], SiblingGroup] = {}
        for node in self._ordered:
            if isinstance(node, InputNode):
                root = node.key if node.fork_of is None else self._edit_root(node, roots)
                group = groups.setdefault((node.parent, root), SiblingGroup(root, []))
                group.members.append(node)
                self._groups[node] = group
        self._contested = [group for group in groups.values() if len(group.members) > 1]

    def _edit_root(self, node: InputNode, roots: dict[InputNode, str]) -> str:
        """The key of the message that this one is, in the end, an edit of."""
        chain: dict[InputNode, None] = {}
        current = node
        while current not in roots:
            if current in chain:  # a loop of edits: name it by the same member, wherever it is entered
                looped = list(chain)
                root = min(each.key for each in looped[looped.index(current) :])
                break
            chain[current] = None
            target = None if current.fork_of is None else self._index.inputs.get(current.fork_of)
            if target is not None and target.parent == current.parent:
                current = target
                continue
            is_unseen = current.fork_of is not None and target is None and not self._index.is_loaded(current.fork_of)
            # Edits of a message that is not loaded yet are siblings already.
            root = current.fork_of if is_unseen and current.fork_of is not None else current.key
            break
        else:
            root = roots[current]
        for each in chain:
            roots[each] = root
        return root


def _precedes(node: Node, parent: Node) -> bool:
    """Whether ``node`` was given by the application, and what it follows was told by the channel only later."""
    return node.serial == "" and node.order < parent.order


def names_of(group: SiblingGroup) -> Iterator[str]:
    """The keys under which a choice in this group may have been made, its root first.

    The root was another one before an older sibling was loaded, or before a fork became known as a run.
    """
    yield group.root
    for member in group.members:
        yield member.key
        if isinstance(member, RunNode):
            yield from sorted(member.fork_ids)
