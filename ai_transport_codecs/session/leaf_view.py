"""The branch that a run answers: what to feed to its model (session spec 4.10)."""

from __future__ import annotations

from typing import Generic, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage

from .events import RunStatus
from .history import Hydrator
from .nodes import Node, RunNode
from .tree import Tree

MessageT = TypeVar("MessageT")


class LeafView(Generic[MessageT]):
    """The messages from the conversation's root down to the input that a run answers, and the run's own so far.

    A turn on the way that did not complete (cancelled, failed, still running) is left out, with the input it answered.
    """

    def __init__(self, tree: Tree[MessageT], hydrator: Hydrator) -> None:
        self._tree = tree
        self._hydrator = hydrator
        self._anchor: str | None = None
        self._run_id: str | None = None

    def pin(self, anchor: str | None, run_id: str) -> None:
        """Set the message that the branch ends in, and the run that answers it."""
        self._anchor = anchor
        self._run_id = run_id

    async def load(self) -> None:
        """Fetch history until the branch reaches its root. Raises HistoryFetchError."""
        await self._hydrator.fold_until(lambda: False)

    def get_messages(self) -> list[CodecMessage[MessageT]]:
        """The branch's messages, oldest first, as far as they were loaded."""
        messages: list[CodecMessage[MessageT]] = []
        for node, until in self._branch():
            for entry in self._tree.messages(node):
                messages.append(entry)
                if entry.id == until:
                    break
        run = self._tree.run(self._run_id) if self._run_id else None
        if run is not None and all(node is not run for node, _ in self._branch()):
            messages.extend(self._tree.messages(run))
        return messages

    def _branch(self) -> list[tuple[Node, str]]:
        """The nodes from root to anchor, each with the message that the next one follows."""
        branch: list[tuple[Node, str]] = []
        seen: set[str] = set()
        message_id = self._anchor
        while message_id is not None:
            node = self._tree.node_of(message_id)
            if node is None or node.key in seen:  # not loaded, or crafted to be its own ancestor
                break
            seen.add(node.key)
            branch.append((node, message_id))
            message_id = node.parent
        branch.reverse()
        return self._without_unfinished(branch)

    def _without_unfinished(self, branch: list[tuple[Node, str]]) -> list[tuple[Node, str]]:
        dropped: set[str] = set()
        for index, (node, _) in enumerate(branch):
            if isinstance(node, RunNode) and node.key != self._run_id and node.status is not RunStatus.COMPLETE:
                dropped.add(node.key)
                if index and not isinstance(branch[index - 1][0], RunNode):
                    dropped.add(branch[index - 1][0].key)
        return [entry for entry in branch if entry[0].key not in dropped]
