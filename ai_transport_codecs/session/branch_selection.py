"""Which versions a view shows where a conversation branches (session spec 6.3).

There are three places where it does: inputs that are edits of one another, runs that answer the same message, and runs
that are other versions of a message which is not the first of its run. By default the newest member is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage

from .branches import SiblingGroup, names_of
from .nodes import Node, RunNode
from .tree import Tree

MessageT = TypeVar("MessageT")


@dataclass(frozen=True, slots=True)
class BranchSelection(Generic[MessageT]):
    """The versions of one message, as a view saw them when it was asked, oldest first.

    ``index`` is the position of the version shown. A message without other versions is its own only sibling; of a
    message that is not known there are none, and ``index`` is 0.
    """

    siblings: tuple[CodecMessage[MessageT], ...]
    index: int
    _select: Callable[[int], None] = field(repr=False, compare=False)

    @property
    def has_siblings(self) -> bool:
        """Whether there is more than one version to choose from."""
        return len(self.siblings) > 1

    @property
    def selected(self) -> CodecMessage[MessageT] | None:
        """The version shown."""
        return self.siblings[self.index] if self.siblings else None

    def select(self, index: int) -> None:
        """Show the version at ``index`` (clamped) in the view that was asked, and only there.

        Does nothing when there are no other versions, or when the view is closed.
        """
        if self.has_siblings:
            self._select(min(max(index, 0), len(self.siblings) - 1))


class Versions(NamedTuple, Generic[MessageT]):
    """Where a conversation branches: the versions with the keys of their nodes, and the name of the place."""

    members: list[tuple[str, CodecMessage[MessageT]]]
    shown: int
    group: SiblingGroup | None
    anchor: str
    """The message that the runs are versions of; of a ``group``, its root."""


class Choices(Generic[MessageT]):
    """One view's choices: of a group's root, or of a regenerated message's id, the key of the node to show."""

    def __init__(self, tree: Tree[MessageT]) -> None:
        self._tree = tree
        self._chosen: dict[str, str] = {}

    @property
    def chosen(self) -> Mapping[str, str]:
        """What :meth:`~.tree.Tree.visible_nodes` and :meth:`~.tree.Tree.segments` take."""
        return self._chosen

    def versions(self, message_id: str) -> Versions[MessageT] | None:
        """The versions of a message; None for a message that is not known."""
        node = self._tree.node_of(message_id)
        messages = [] if node is None else self._tree.messages(node)
        position = next((index for index, each in enumerate(messages) if each.id == message_id), None)
        if node is None or position is None:
            return None
        anchored = self._anchored(node, message_id, position)
        if anchored is not None:
            return anchored
        group = self._tree.sibling_group(node) if position == 0 else None
        if group is None or node not in group.members or len(group.members) < 2:
            return Versions([(node.key, messages[position])], 0, None, message_id)
        members = [(each, self._first(each)) for each in group.members]
        shown = self._shown_member(group)
        return _versions([(each, message) for each, message in members if message is not None], shown, group)

    def choose(self, versions: Versions[MessageT], index: int) -> None:
        """Show that version."""
        self.clear(versions)
        self._chosen[versions.anchor] = versions.members[index][0]

    def choose_node(self, node: Node) -> None:
        """Show a node rather than its siblings."""
        group = self._tree.sibling_group(node)
        if group is not None:
            self._forget(group)
            self._chosen[group.root] = node.key

    def clear(self, versions: Versions[MessageT]) -> None:
        """Choose nothing there: the newest version is shown, whichever comes."""
        if versions.group is not None:
            self._forget(versions.group)
        self._chosen.pop(versions.anchor, None)

    def clear_replies(self, node: Node) -> None:
        """Choose nothing among the runs that answer the same message as this one."""
        group = self._tree.sibling_group(node)
        if group is not None:
            self._forget(group)

    def clear_message(self, message_id: str) -> None:
        """Choose nothing among the versions of a message that is not the first of its run."""
        self._chosen.pop(message_id, None)

    def pin(self, shown: Iterable[Node]) -> None:
        """Keep showing each of these inputs that has edits now, unless the user chose: others' edits move no view."""
        open_groups = [group for group in self._tree.contested_inputs() if not self._has_choice(group)]
        visible = set(shown) if open_groups else ()
        for group in open_groups:
            # Several were, if older history tells only now that they are edits of one message: the newest stays.
            pinned = next((member for member in reversed(group.members) if member in visible), None)
            if pinned is not None:
                self._chosen[group.root] = pinned.key

    def reply_to(self, node: Node) -> RunNode | None:
        """The run shown as the answer to an input: the chosen one, or else the newest."""
        replies = self._tree.reply_runs(node.key)
        if not replies:
            return None
        group = self._tree.sibling_group(replies[0])
        shown = None if group is None else self._shown_member(group)
        return shown if isinstance(shown, RunNode) else replies[-1]

    # --- parts

    def _anchored(self, node: Node, message_id: str, position: int) -> Versions[MessageT] | None:
        """The versions of a message that is not the first of its run, asked for by itself or by one of the others."""
        if not isinstance(node, RunNode):
            return None
        original, anchor = node, message_id
        if position == 0:
            target = None if node.regenerates is None else self._tree.node_of(node.regenerates)
            if not isinstance(target, RunNode) or node.regenerates is None:
                return None
            original, anchor = target, node.regenerates
        runs = self._tree.regenerators(anchor)
        if not runs or (position == 0 and node not in runs):
            return None
        first = next(each for each in self._tree.messages(original) if each.id == anchor)
        members = [(each, self._first(each)) for each in runs]
        chosen = self._tree.run(self._chosen.get(anchor, ""))
        shown: Node | None = chosen if chosen is original or chosen in runs else runs[-1]
        present = [(each, message) for each, message in members if message is not None]
        return _versions([(original, first), *present], shown, None, anchor)

    def _first(self, node: Node) -> CodecMessage[MessageT] | None:
        return next(iter(self._tree.messages(node)), None)

    def _shown_member(self, group: SiblingGroup) -> Node | None:
        for name in names_of(group):
            chosen = self._tree.node(self._chosen[name]) if name in self._chosen else None
            if chosen in group.members:
                return chosen
        return group.members[-1] if group.members else None

    def _has_choice(self, group: SiblingGroup) -> bool:
        return any(name in self._chosen for name in names_of(group))

    def _forget(self, group: SiblingGroup) -> None:
        for name in names_of(group):
            self._chosen.pop(name, None)


def _versions(
    members: list[tuple[Node, CodecMessage[MessageT]]],
    shown: Node | None,
    group: SiblingGroup | None,
    anchor: str = "",
) -> Versions[MessageT]:
    nodes = [node for node, _ in members]
    # A version that says nothing yet cannot be listed; the newest one that does stands for it.
    index = nodes.index(shown) if shown in nodes else max(len(nodes) - 1, 0)
    return Versions(
        [(node.key, message) for node, message in members], index, group, anchor if group is None else group.root
    )
