"""What one view shows of the tree: its nodes, their messages, and how far back it goes (session spec 6.2, 6.4).

Reading costs the same however long the conversation is, but for the copy of a list: a node that is new at the end, or
grew there, is laid out alone, and everything only when the structure changed otherwise.
"""

from __future__ import annotations

from typing import Final, Generic, NamedTuple, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage

from .branch_selection import Choices
from .branches import Segment
from .nodes import InputNode, Node
from .tree import Tree
from .wire_log import LogEntry

MessageT = TypeVar("MessageT")

DEFAULT_LIMIT: Final = 10
"""Messages that a load of older history shows, unless told otherwise."""


class Mark(NamedTuple):
    """What a window showed before a load, to tell what came into view by it."""

    ids: set[str]
    newest: str
    """The serial of the newest message known then: what came later did so by itself."""


class Window(Generic[MessageT]):
    """A view's part of the conversation.

    Older history that another view loaded is withheld until this one asks for it, node by node; within the oldest node
    shown, messages are hidden one by one. Messages that the application gave are always shown.
    """

    def __init__(self, tree: Tree[MessageT], choices: Choices[MessageT]) -> None:
        self._tree = tree
        self._choices = choices
        self.nodes: list[Node] = []
        """The nodes shown, in order."""
        self.keys: set[str] = set()
        self._version = -1
        self._visible: set[Node] = set()
        self._known: set[Node] = set(tree.nodes())
        self._withheld: set[Node] = set()
        self._waiting: list[Node] = []
        self._entries: list[CodecMessage[MessageT]] = []
        self._plain: list[MessageT] = []
        self._segments: list[tuple[Node, int, Segment]] = []
        self._places: dict[Node, list[int]] = {}
        self._cut = 0
        self._above: list[int] = []
        self._touched: set[Node] = set()
        self._laid: list[Node] = []
        self._was_plain = False
        self._is_laid_out = False
        self.refresh()

    # --- following the tree

    def refresh(self, *, reveal: bool = False, force: bool = False) -> bool:
        """Take a changed structure into account; whether other nodes are shown now.

        ``reveal`` shows what was not visible before even if it is older history: somebody selected it.
        """
        if self._version == self._tree.version and not force:
            return False
        grown = None if force else self._tree.grown_since(self._version)
        if grown is not None and all(map(self._follows_shown, grown)):
            self._version = self._tree.version
            self._grow(grown)
            return bool(grown)
        self._choices.pin(self.nodes)
        self._version = self._tree.version
        visible = self._tree.visible_nodes(self._choices.chosen)
        for node in visible:
            if node not in self._known:
                self._known.add(node)
                if node.is_older and not reveal:
                    self._withheld.add(node)
        return self._show(visible)

    def touch(self, key: str) -> None:
        """A node's messages changed."""
        node = self._tree.node(key)
        if node is not None:
            self._touched.add(node)

    def is_outdated(self, key: str) -> bool:
        """Whether a node that is shown shows other messages than it has, and nobody said so with :meth:`touch`."""
        node = self._tree.node(key)
        if node is None or node in self._touched or not self._is_laid_out:
            return False
        messages = self._tree.messages(node)
        segments = [self._segments[place][2] for place in self._places.get(node, ())]
        return any(each.sources == (node,) and each.messages != messages for each in segments)

    # --- reading

    def entries(self, *, hold: bool = False) -> list[CodecMessage[MessageT]]:
        """The messages shown, oldest first; a new list.

        ``hold`` keeps the first message shown the first one although older ones of its node came in.
        """
        self._settle(hold=hold)
        entries, cut = self._entries, self._cut
        return [*(entries[position] for position in self._above), *entries[cut:]] if self._above else entries[cut:]

    def messages(self, *, hold: bool = False) -> list[MessageT]:
        """As :meth:`entries`, without the ids."""
        self._settle(hold=hold)
        plain, cut = self._plain, self._cut
        return [*(plain[position] for position in self._above), *plain[cut:]] if self._above else plain[cut:]

    @property
    def has_waiting(self) -> bool:
        """Whether older messages are loaded that are not shown."""
        self._settle()
        return bool(self._waiting) or self._cut > len(self._above)

    # --- paging

    def mark(self) -> Mark:
        """What is shown now, of what the channel told."""
        return Mark({entry.id for entry in self.told()}, self._tree.newest_serial)

    def loaded_since(self, mark: Mark) -> int:
        """How many messages that paging counts are loaded, shown or not, and were not shown at ``mark``."""
        self._settle(hold=True)
        return len(self._fresh(self._counted(self._entries), mark))

    def release(self, count: int | None = None) -> bool:
        """Show the newest withheld nodes, enough to hold ``count`` messages; False when there are none."""
        if not self._waiting:
            return False
        self._settle(hold=True)
        left = count
        while self._waiting and (left is None or left > 0):
            node = self._waiting.pop()
            self._withheld.discard(node)
            left = None if left is None else left - len(self._tree.messages(node))
        self._show(self._tree.visible_nodes(self._choices.chosen))
        return True

    def show_since(self, mark: Mark, limit: int) -> list[CodecMessage[MessageT]]:
        """Show ``limit`` messages that were not shown at ``mark``; those that came into view, in order.

        They are more when history told where messages belong that came before it: those show whatever the limit.
        """
        self._settle(hold=True)
        entries, given = self._entries, self._tree.given_ids
        fresh = {entry.id for entry in self._fresh(self._counted(entries), mark)}
        others = [at for at, entry in enumerate(entries) if entry.id not in fresh and entry.id not in given]
        shown = [at for at in others if entries[at].id in mark.ids]
        begin = self._cut if shown else next(iter(others), len(entries))
        left = limit - sum(entry.id in fresh for entry in entries[begin:])
        while begin > 0 and left > 0:
            begin -= 1
            left -= entries[begin].id in fresh
        # What was shown stays so, even if it turned out to be older than what is shown above it.
        self._cut_at(min([begin, *shown[:1]]))
        return [entry for entry in entries[self._cut :] if entry.id in fresh]

    def show_all(self) -> bool:
        """Show everything that is loaded; False when it was shown already."""
        has_waiting = self.has_waiting
        self.release()
        self._settle(hold=True)
        self._cut_at(0)
        return has_waiting

    def hide_through(self, message_id: str) -> None:
        """Hide that message and everything older, but for what the application gave."""
        self._settle(hold=True)
        self._cut_at(self._position_of(message_id) + 1)

    def told(self) -> list[CodecMessage[MessageT]]:
        """The messages shown that the channel told, oldest first."""
        self._settle(hold=True)
        return self._told(self._entries[self._cut :])

    def told_since(self, mark: Mark) -> list[CodecMessage[MessageT]]:
        """The messages that the channel told, shown or not, and that were not shown at ``mark``; oldest first."""
        self._settle(hold=True)
        return self._fresh(self._told(self._entries), mark)

    # --- parts

    def _follows_shown(self, node: Node) -> bool:
        """Whether a node that comes last is visible for sure: what it follows is, or is not known."""
        if node.is_older:
            return False
        parent = None if node.parent is None else self._tree.node_of(node.parent)
        if parent is not None and parent not in self._visible:
            return False
        self._visible.add(node)
        return True

    def _grow(self, nodes: list[Node]) -> None:
        """Show nodes that come last."""
        is_plain = self._was_plain and not self._tree.has_versions_within_runs
        for node in nodes:
            self._known.add(node)
            self.nodes.append(node)
            self.keys.add(node.key)
            if self._is_laid_out and is_plain:
                self._laid.append(node)
                self._lay(Segment(self._tree.messages(node), (node,)))
        self._is_laid_out = self._is_laid_out and (is_plain or not nodes)

    def _lay(self, segment: Segment) -> None:
        for source in segment.sources:
            self._places.setdefault(source, []).append(len(self._segments))
        self._segments.append((segment.sources[0], len(self._entries), segment))
        self._entries.extend(segment.messages)
        self._plain.extend([entry.message for entry in segment.messages])

    def _show(self, visible: list[Node]) -> bool:
        if self._withheld and self._tree.given_ids:
            self._withheld.difference_update([node for node in visible if self._was_given(node)])
        nodes = [node for node in visible if node not in self._withheld]
        self._waiting = [node for node in visible if node in self._withheld]
        changed = nodes != self.nodes
        self.nodes = nodes
        self.keys = {node.key for node in nodes}
        self._visible = set(visible)
        self._is_laid_out = False
        return changed

    def _settle(self, *, hold: bool = False) -> None:
        self.refresh()
        if not self._is_laid_out:
            self._lay_out(self._unchanged(), hold=hold)
        elif self._touched:
            kept = self._patch()
            if kept is not None:
                self._lay_out(kept, hold=hold)

    def _patch(self) -> int | None:
        """Lay out the nodes that were touched; says from where on that is not enough, as there are other messages."""
        touched, self._touched = self._touched, set()
        for place in sorted({place for node in touched for place in self._places.get(node, ())}):
            node, start, segment = self._segments[place]
            fresh = self._tree.segment(node, self._choices.chosen)
            end = start + len(segment.messages)
            if fresh.sources != segment.sources or _ids(fresh.messages) != _ids(self._entries[start:end]):
                return place if self._was_plain else 0
            for position, message in enumerate(fresh.messages, start):
                self._entries[position] = message
                self._plain[position] = message.message
            self._segments[place] = (node, start, fresh)
        return None

    def _lay_out(self, kept: int, *, hold: bool) -> None:
        """Lay out everything but the first ``kept`` nodes: in a growing conversation, the last one."""
        start = self._segments[kept][1] if kept < len(self._segments) else len(self._entries)
        shown = self._entries[self._cut :] if (hold or self._cut) and self._cut >= start else None
        last_hidden = self._entries[self._cut - 1].id if self._cut else None
        self._touched.clear()
        self._forget(kept, start)
        self._laid[kept:] = self.nodes[kept:]
        for segment in self._tree.segments(self.nodes[kept:], self._choices.chosen):
            self._lay(segment)
        self._is_laid_out = True
        if shown is not None:
            self._cut_at(self._cut_before(shown, last_hidden))

    def _unchanged(self) -> int:
        """How many of the first nodes show what they showed before."""
        is_plain, self._was_plain = self._was_plain, not self._tree.has_versions_within_runs
        if not (is_plain and self._was_plain):
            return 0
        laid, nodes = self._laid, self.nodes
        count = len(laid)
        if nodes[:count] != laid:
            pairs = zip(laid, nodes, strict=False)
            count = next((at for at, (one, other) in enumerate(pairs) if one is not other), min(count, len(nodes)))
        # A node's list of messages is the same one until it has others, whatever the reason.
        changed = (
            place
            for place, (node, _, segment) in enumerate(self._segments[:count])
            if segment.messages is not node.log.messages()
        )
        return next(changed, count)

    def _forget(self, kept: int, start: int) -> None:
        """Drop what is laid out from that node, which starts there, on."""
        for _, _, segment in self._segments[kept:]:
            for source in segment.sources:
                self._places.pop(source, None)
        if not kept:
            self._places.clear()
        del self._segments[kept:], self._entries[start:], self._plain[start:]

    def _was_given(self, node: Node) -> bool:
        return any(message.id in self._tree.given_ids for message in self._tree.messages(node))

    def _cut_before(self, shown: list[CodecMessage[MessageT]], last_hidden: str | None) -> int:
        """Where to cut so that what was the first message shown stays it, or else the next one that is still there."""
        positions = {entry.id: position for position, entry in enumerate(self._entries)}
        given = self._tree.given_ids
        first = next((positions[each.id] for each in shown if each.id in positions and each.id not in given), None)
        if first is not None:
            return first
        if last_hidden is None:
            return 0
        return positions[last_hidden] + 1 if last_hidden in positions else min(self._cut, len(self._entries))

    def _cut_at(self, cut: int) -> None:
        self._cut = cut
        given = self._tree.given_ids
        self._above = [position for position in range(cut) if self._entries[position].id in given] if given else []

    def _position_of(self, anchor: str | None) -> int:
        if anchor is None:
            return len(self._entries)
        return next((at for at, entry in enumerate(self._entries) if entry.id == anchor), len(self._entries))

    def _counted(self, entries: list[CodecMessage[MessageT]]) -> list[CodecMessage[MessageT]]:
        given = self._tree.given_ids
        return [entry for entry in entries if entry.id not in given] if given else entries

    def _told(self, entries: list[CodecMessage[MessageT]]) -> list[CodecMessage[MessageT]]:
        return [entry for entry in entries if not self._is_given(entry.id)] if self._tree.given_ids else entries

    def _fresh(self, entries: list[CodecMessage[MessageT]], mark: Mark) -> list[CodecMessage[MessageT]]:
        """Those that were not shown at ``mark``, and did not come by themselves since."""
        unseen = [entry for entry in entries if entry.id not in mark.ids]
        first_entries: dict[Node, dict[str | None, LogEntry]] = {}
        return [entry for entry in unseen if not self._came_since(entry.id, mark.newest, first_entries)]

    def _came_since(self, message_id: str, newest: str, first_entries: dict[Node, dict[str | None, LogEntry]]) -> bool:
        node = self._tree.node_of(message_id)
        if node is None:
            return False
        entries = first_entries.get(node)
        if entries is None:
            by_id = {entry.envelope.message_id: entry for entry in reversed(node.log.entries)}
            entries = first_entries[node] = by_id
        entry = entries.get(message_id)
        return node.log.has_seeds if entry is None else not entry.is_older and entry.serial > newest

    def _is_given(self, message_id: str) -> bool:
        """Whether the application gave that message and the channel has not told it."""
        if message_id not in self._tree.given_ids:
            return False
        node = self._tree.node_of(message_id)
        return isinstance(node, InputNode) and node.is_given


def _ids(messages: list[CodecMessage[MessageT]]) -> list[str]:
    return [message.id for message in messages]
