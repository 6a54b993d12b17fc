"""The branch that a run answers: what to feed to its model (session spec 4.10, 6.4, 7.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import InvalidArgumentError

from .events import RunStatus
from .history import Hydrator
from .nodes import Node, RunNode
from .tree import Tree

MessageT = TypeVar("MessageT")
Order: TypeAlias = Callable[[list[CodecMessage[MessageT]]], list[CodecMessage[MessageT]]]

DEFAULT_LIMIT: Final = 10
"""Messages that :meth:`LeafView.load_older` shows, unless told otherwise."""


class LeafView(Generic[MessageT]):
    """The messages from the conversation's root down to the input that a run answers, and the run's own so far.

    Empty until that input was located. A turn on the way that did not complete (cancelled, failed, still running) is
    left out, with the input it answered. Unlike the reference's, which decides that when it is pinned, this view
    decides at each read: a turn that completes meanwhile shows at once (design D4).

    Everything that the session has loaded shows, also what it loaded for others, but for what :meth:`load_until` and
    :meth:`load_older` hide. What was said to the run and not answered yet comes last.
    """

    __slots__ = (
        "_anchor",
        "_hydrator",
        "_is_pinned",
        "_loading",
        "_order",
        "_replaced",
        "_run_id",
        "_seam",
        "_tree",
        "is_closed",
    )

    def __init__(self, tree: Tree[MessageT], hydrator: Hydrator, order: Order[MessageT] | None = None) -> None:
        self._tree = tree
        self._hydrator = hydrator
        self._order = order
        self._anchor: str | None = None
        self._run_id: str | None = None
        self._replaced: str | None = None
        self._is_pinned = False
        self._seam: str | None = None
        self._loading: asyncio.Lock | None = None
        self.is_closed = False

    def pin(self, anchor: str | None, run_id: str, replaced: str | None = None) -> None:
        """Set the message that the branch ends in, the run that answers it, and the message that either replaces."""
        self._anchor = anchor
        self._run_id = run_id
        self._replaced = replaced
        self._is_pinned = True

    # --- reading

    def get_messages(self) -> list[CodecMessage[MessageT]]:
        """The branch's messages, oldest first, as far as they were loaded and are not hidden. A new list each time."""
        messages = self._all()
        return messages[self._hidden(messages) :]

    @property
    def messages(self) -> list[MessageT]:
        """The messages alone."""
        return [entry.message for entry in self.get_messages()]

    def run_id_of(self, message_id: str) -> str | None:
        """The run that wrote a message; None for what a user said first, and for a message that is not here."""
        node = self._tree.node_of(message_id)
        return node.run_id if isinstance(node, RunNode) else None

    # --- loading

    def has_older(self) -> bool:
        """Whether there may be older messages; true before history was fetched."""
        return not self.is_closed and (self._hydrator.has_next or self._hidden(self._all()) > 0)

    async def load(self) -> None:
        """Fetch history until the branch reaches its root, and show all of it. Raises HistoryFetchError (104011)."""
        if not self.is_closed:
            async with self._turn():
                self._seam = None
                await self._hydrator.fold_until(lambda: False)

    async def load_older(self, limit: int = DEFAULT_LIMIT) -> list[CodecMessage[MessageT]]:
        """Show ``limit`` older messages, fewer only at the root; those, oldest first.

        Before the input was located it fetches until that is seen, for nothing shows before. Empty when the view is
        closed, or while it is loading already. Raises InvalidArgumentError for a limit below 1, HistoryFetchError
        (104011).
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise InvalidArgumentError(f"unable to load older messages; the limit is 1 or more, not {limit!r}")
        if self.is_closed or self._turn().locked():
            return []
        async with self._turn():
            before = self._all()
            hidden = self._hidden(before)
            # Not only the oldest one shown: it is left out if its turn turns out to have failed.
            shown = {entry.id for entry in before[hidden:]}
            await self._hydrator.fold_until(
                lambda: self.is_closed or (self._is_pinned and _first_of(shown, self._all()) >= limit)
            )
            messages = [] if self._is_over() else self._all()
            end = _first_of(shown, messages)
            start = max(0, end - limit)
            self._seam = messages[start - 1].id if start else None
            return messages[start:end]

    async def load_until(self, predicate: Callable[[CodecMessage[MessageT]], bool]) -> list[CodecMessage[MessageT]]:
        """Load history back to the newest message that ``predicate`` accepts, and show only what came after it.

        This joins the channel to a database: the message accepted is the newest one stored, and the list returned is
        what the database lacks, so the prompt is what is stored and then this. Messages loaded already are tried first,
        oldest first. When none is accepted everything is loaded and shown. Afterwards :meth:`load_older` goes on with
        the accepted message.

        Empty when the view is closed meanwhile. Raises HistoryFetchError (104011), and what ``predicate`` raises.
        """
        if self.is_closed:
            return []
        async with self._turn():
            shown = self.get_messages()
            found = next((entry for entry in shown if predicate(entry)), None)
            first = shown[0].id if shown else None
            while found is None:
                messages = self._all()
                older = messages[: _position(messages, first)]
                found = next((entry for entry in reversed(older) if predicate(entry)), None)
                if found is None:
                    first = messages[0].id if messages else None
                    if not self._hydrator.has_next or self.is_closed:
                        break
                    await self._fold_page()
            if self._is_over():
                return []
            self._seam = None if found is None else found.id
        return self.get_messages()

    def close(self) -> None:
        """Load nothing any more; what is loaded can still be read. Idempotent."""
        self.is_closed = True

    # --- parts

    def _is_over(self) -> bool:
        """Whether it was closed, asked again after waiting."""
        return self.is_closed

    def _turn(self) -> asyncio.Lock:
        if self._loading is None:
            self._loading = asyncio.Lock()
        return self._loading

    async def _fold_page(self) -> None:
        asked = 0

        def stop() -> bool:
            nonlocal asked
            asked += 1
            return asked > 1

        await self._hydrator.fold_until(stop)

    def _hidden(self, messages: list[CodecMessage[MessageT]]) -> int:
        """How many of them are hidden: all up to the seam."""
        if self._seam is None:
            return 0
        return next((position + 1 for position, each in enumerate(messages) if each.id == self._seam), 0)

    def _all(self) -> list[CodecMessage[MessageT]]:
        if not self._is_pinned:
            return []
        branch = self._branch()
        run = self._tree.run(self._run_id) if self._run_id else None
        messages: list[CodecMessage[MessageT]] = []
        for node in branch:
            if node is not run:
                messages.extend(self._until_replaced(self._tree.messages(node)))
        if run is not None:
            own = self._tree.messages(run)
            messages.extend(own if self._order is None else self._order(own))
        return messages

    def _until_replaced(self, messages: list[CodecMessage[MessageT]]) -> list[CodecMessage[MessageT]]:
        """What is made anew is not shown to the model that makes it, nor what came after it in its turn."""
        return messages if self._replaced is None else messages[: _position(messages, self._replaced)]

    def _branch(self) -> list[Node]:
        """The nodes from root to anchor."""
        branch: dict[str, Node] = {}
        message_id = self._anchor
        while message_id is not None:
            node = self._tree.node_of(message_id)
            if node is None or node.key in branch:  # not loaded, or crafted to be its own ancestor
                break
            branch[node.key] = node
            message_id = node.parent
        return self._without_unfinished([*branch.values()][::-1])

    def _without_unfinished(self, branch: list[Node]) -> list[Node]:
        dropped: set[str] = set()
        for index, node in enumerate(branch):
            if isinstance(node, RunNode) and node.key != self._run_id and not self._is_own_fork(node):
                if node.status is RunStatus.COMPLETE:
                    continue
                dropped.add(node.key)
                if index and not isinstance(branch[index - 1], RunNode):
                    dropped.add(branch[index - 1].key)
        return [node for node in branch if node.key not in dropped]

    def _is_own_fork(self, node: RunNode) -> bool:
        """Whether it is the fork that this run answers, before it is known under the run's id."""
        return self._anchor in node.fork_ids


def _position(messages: list[CodecMessage[MessageT]], first: str | None) -> int:
    """Where the message with that id is, or the end."""
    return next((position for position, each in enumerate(messages) if each.id == first), len(messages))


def _first_of(shown: set[str], messages: list[CodecMessage[MessageT]]) -> int:
    """Where the first message is that was shown, or the end."""
    return next((position for position, each in enumerate(messages) if each.id in shown), len(messages))
