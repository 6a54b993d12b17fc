"""A window on the conversation: what to show, and where to write (session spec 3, 6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import InvalidArgumentError, SessionClosedError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .branch_selection import BranchSelection, Choices, Versions
from .events import Applied, OutputEvent, RunEvent, Signal, Unsubscribe
from .nodes import InputNode, RunNode
from .paging import DEFAULT_LIMIT, Window
from .run_info import RunInfo, run_info
from .sending import SendOptions
from .tree import Tree

if TYPE_CHECKING:
    from .client import ClientSession
    from .handle import ClientRun

MessageT = TypeVar("MessageT")


class View(Generic[MessageT]):
    """The conversation's visible branch, live. Made by its session, and closed with it.

    Views of one session share the conversation and what is loaded of it; each has its own selection of branches and
    goes back in history as far as it was asked to. A new view shows everything that is loaded.
    """

    def __init__(self, session: ClientSession[MessageT]) -> None:
        self._session = session
        self._tree: Tree[MessageT] = session.tree
        self._hydrator = session.hydrator
        self._choices: Choices[MessageT] = Choices(self._tree)
        self._window: Window[MessageT] = Window(self._tree, self._choices)
        self._updates: Signal[None] = Signal()
        self._runs: Signal[RunEvent] = Signal()
        self._messages: Signal[InboundMessage] = Signal()
        self._loading = asyncio.Lock()
        self._is_muted = False
        self._owes_update = False
        self._unsubscribe = [
            self._tree.on("update", self._on_structure),
            self._tree.on("output", self._on_output),
            self._tree.on("run", self._on_run),
            self._hydrator.folded.subscribe(lambda _: self._on_folded()),
        ]
        self._unsubscribe_messages: Unsubscribe | None = None
        self._last: tuple[list[CodecMessage[MessageT]], list[MessageT]] = ([], [])
        self.is_closed = False

    # --- reading

    def get_messages(self) -> list[CodecMessage[MessageT]]:
        """The visible messages, oldest first, each with its ``codec-message-id``. A new list each time."""
        if self.is_closed:
            return list(self._last[0])
        return self._window.entries(hold=self._hydrator.is_loading_older)

    @property
    def messages(self) -> list[MessageT]:
        """The visible messages alone."""
        return list(self._last[1]) if self.is_closed else self._window.messages(hold=self._hydrator.is_loading_older)

    def runs(self) -> list[RunInfo]:
        """The visible runs, oldest first, also those of which only a part is shown."""
        self._catch_up()
        return [run_info(node) for node in self._window.nodes if isinstance(node, RunNode)]

    def run(self, run_id: str) -> RunInfo | None:
        """The run with that id, visible or not; None for an unknown one."""
        node = self._tree.run(run_id)
        return None if node is None else run_info(node)

    def run_of(self, message_id: str) -> RunInfo | None:
        """The run that a message belongs to; for an input, the run that answers it in this view.

        None for a message that is not known, or not answered. Looks at everything loaded, not only what is visible.
        """
        node = self._tree.node_of(message_id)
        run = self._choices.reply_to(node) if isinstance(node, InputNode) else node
        return None if run is None else run_info(run)

    # --- branches

    def branch_selection(self, message_id: str) -> BranchSelection[MessageT]:
        """The versions of a message, and which of them this view shows (session spec 6.3).

        An edited input, the first message of an answer that was regenerated, or a later message that was, has several.
        """
        versions = self._choices.versions(message_id)
        if versions is None:
            return BranchSelection((), 0, _no_choice)
        siblings = tuple(message for _, message in versions.members)
        return BranchSelection(siblings, versions.shown, lambda index: self._select(versions, index))

    def select_sibling(self, message_id: str, index: int) -> None:
        """Show the version at ``index`` (clamped) of a message; does nothing when it has no others."""
        self.branch_selection(message_id).select(index)

    # --- history

    def has_older(self) -> bool:
        """Whether :meth:`load_older` may show more. True on a channel whose history was never fetched."""
        return not self.is_closed and (self._window.has_waiting or self._hydrator.has_next)

    async def load_older(self, limit: int = DEFAULT_LIMIT) -> list[CodecMessage[MessageT]]:
        """Show ``limit`` older messages, fewer only when there are no more; those that came into view, oldest first.

        Exact to the message, even if that shows a part of a run; what is said meanwhile does not count. Where history
        branches, a load may tell where known messages belong: those that show by that are in the list too, which then
        is longer, and others may be on another branch. Empty while this view is loading, and when it is closed.

        Raises InvalidArgumentError (40003) for a limit that is not a positive integer, and before ``connect()``;
        HistoryFetchError (104011) when history cannot be fetched: what is shown is then as it was.
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise InvalidArgumentError(
                f"unable to load older messages; the limit is {limit!r}, pass a positive integer"
            )
        if self.is_closed or self._loading.locked():
            return []
        async with self._loading:
            with self._muted():
                mark = self._window.mark()
                while (short := limit - self._window.loaded_since(mark)) > 0:
                    if self._window.release(short):
                        continue
                    if not await self._fold("load_older", short):
                        break
                if self._is_gone():
                    return []
                shown = self._window.show_since(mark, limit)
            self._announce()
        return shown

    async def load_until(self, predicate: Callable[[CodecMessage[MessageT]], bool]) -> list[CodecMessage[MessageT]]:
        """Load history back to the newest message that ``predicate`` accepts, and show only what came after it.

        This joins the channel to a database: the message accepted is the newest one stored, and the list returned is
        what the database lacks. Messages visible now are tried first, oldest first. When none is accepted everything is
        loaded and shown. Afterwards :meth:`load_older` goes on with the accepted message.

        Raises as :meth:`load_older`, and what ``predicate`` raises. Empty when the view is closed meanwhile.
        """
        if self.is_closed:
            return []
        async with self._loading:
            with self._muted():
                found = next((entry for entry in self._window.told() if predicate(entry)), None)
                mark = self._window.mark()
                while found is None:
                    if not self._window.show_all():
                        if not await self._fold("load_until", 1):
                            break
                        continue
                    self._owes_update = True
                    older = self._window.told_since(mark)
                    found = next((entry for entry in reversed(older) if predicate(entry)), None)
                    mark.ids.update(entry.id for entry in older)
                if self._is_gone():
                    return []
                if found is not None:
                    self._window.hide_through(found.id)
                shown = self._window.told()
            self._announce()
        return shown

    # --- writing

    async def send(
        self,
        value: Any,
        *,
        parent: str | None = None,
        fork_of: str | None = None,
        run_id: str | None = None,
        role: str = "user",
        supersedes: str | None = None,
    ) -> ClientRun[MessageT]:
        """Send what the user says, and get the run that will answer it as soon as the channel has the message.

        ``value`` is a message of the codec's framework, text, an input event, or a list of these with at most one new
        message. It is shown at once, and taken back if sending fails. ``parent`` is the message it follows (by default
        the last visible one), ``fork_of`` the message it replaces, ``run_id`` the suspended run it continues,
        ``supersedes`` the run that the answer replaces (a tool result that is answered by a run of its own).

        Raises InvalidArgumentError for what cannot be sent, before anything is published; SessionClosedError;
        ChannelNotReadyError (104007) while the channel is down; InsufficientCapabilityError (40160); SessionSendError
        (104005) when the channel refuses.
        """
        self._check_open("send")
        return await self._send(value, SendOptions(parent, fork_of, run_id, role, supersedes), "send")

    async def edit(self, message_id: str, value: Any, *, role: str = "user") -> ClientRun[MessageT]:
        """Say something else in place of a message that is there: a new branch, which this view then shows.

        Other views, and other devices, keep showing what they show. Raises InvalidArgumentError for a message that is
        not known, and as :meth:`send`.
        """
        self._check_open("edit")
        if self._tree.position_of(message_id) is None:
            raise InvalidArgumentError(
                f"unable to edit; message not found in tree: {message_id!r}. Pass the id of a message that is loaded"
            )
        # The reference takes the parent from what is visible, and so makes an edit of the first visible message a
        # conversation of its own when older history is not loaded. The message's own parent makes it a sibling always.
        options = SendOptions(self._tree.predecessor_of(message_id), message_id, None, role)
        return await self._send(value, options, "edit")

    async def regenerate(self, message_id: str) -> ClientRun[MessageT]:
        """Ask for another version of an agent's message, which this view then shows.

        Raises InvalidArgumentError for a message that is not known, or is the user's, and as :meth:`send`.
        """
        self._check_open("regenerate")
        run, position = self._tree.node_of(message_id), self._tree.position_of(message_id)
        if position is None or not isinstance(run, RunNode):
            raise InvalidArgumentError(
                f"unable to regenerate; message not found in tree: {message_id!r} is not loaded, or is no answer of an"
                " agent. Pass the id of one of the agent's messages"
            )
        parent = self._tree.predecessor_of(message_id)
        if parent is None:
            raise InvalidArgumentError(
                f"unable to regenerate; parent user message not found: nothing comes before {message_id!r}"
            )
        # Regenerations of a regeneration are versions of the one original message (session spec 3.3).
        anchor = run.regenerates if position == 0 and run.regenerates is not None else message_id
        value = self._session.codec.create_regenerate(anchor, parent)
        turn = await self._send(value, SendOptions(parent), "regenerate")
        self._choices.clear_message(anchor)
        if position == 0:
            self._choices.clear_replies(run)
        self._reselect()
        return turn

    # --- events

    @overload
    def on(self, event: Literal["update"], handler: Callable[[], None]) -> Unsubscribe: ...
    @overload
    def on(self, event: Literal["run"], handler: Callable[[RunEvent], None]) -> Unsubscribe: ...
    @overload
    def on(self, event: Literal["message"], handler: Callable[[InboundMessage], None]) -> Unsubscribe: ...
    def on(self, event: str, handler: Callable[..., None]) -> Unsubscribe:
        """Call ``handler`` for each event of what is visible (session spec 6.5); the returned function ends that.

        ``update``: other messages are visible, or one changed (no argument). ``run``: a visible run started, was
        suspended, resumed or ended. ``message``: a channel message of a visible run, or of no run at all; but no fresh
        inputs. The last two are told of live messages only. Handlers run within the delivery: they must not wait. What
        they raise is logged. Raises InvalidArgumentError for another event.
        """
        if event == "update":
            return self._updates.subscribe(lambda _: handler())
        if event == "run":
            return self._runs.subscribe(handler)
        if event == "message":
            if self._unsubscribe_messages is None and not self.is_closed:
                self._unsubscribe_messages = self._tree.on("message", self._on_message)
                self._unsubscribe.append(self._unsubscribe_messages)
            return self._messages.subscribe(handler)
        raise InvalidArgumentError(f"a view has no event {event!r}; it has 'update', 'run' and 'message'")

    def close(self) -> None:
        """Stop updating, also if a load is under way; :meth:`get_messages` keeps the last state. Idempotent."""
        if self.is_closed:
            return
        self._last = self.get_messages(), self.messages
        self.is_closed = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._session.forget_view(self)

    # --- parts

    async def _send(self, value: Any, options: SendOptions, operation: str) -> ClientRun[MessageT]:
        # A message that a codec made of another one's parts has no place of its own in the tree.
        tail = next((entry.id for entry in reversed(self.get_messages()) if self._tree.node_of(entry.id)), None)
        values: Sequence[Any] = value if isinstance(value, list) else [value]
        turn = await self._session.send(values, options, tail, operation)
        node = self._tree.node(turn.input_message_id) if options.fork_of else None
        if node is not None and not self.is_closed:
            self._choices.choose_node(node)
            self._reselect()
        return turn

    def _is_gone(self) -> bool:
        """Whether the view was closed while something was awaited."""
        return self.is_closed

    def _check_open(self, operation: str) -> None:
        if self.is_closed:
            raise SessionClosedError(f"unable to {operation}; view is closed, use another view of an open session")

    async def _fold(self, operation: str, count: int) -> bool:
        """Fold history that holds about ``count`` messages; False when there is none, or the view is closed."""
        if self.is_closed or not self._hydrator.has_next:
            return False
        await self._session.connection.ready(operation)
        start = self._tree.message_count
        await self._hydrator.fold_until(lambda: self.is_closed or self._tree.message_count - start >= count, older=True)
        return True

    def _select(self, versions: Versions[MessageT], index: int) -> None:
        if not self.is_closed:
            self._choices.choose(versions, index)
            self._reselect()

    def _reselect(self) -> None:
        if not self.is_closed:
            self._window.refresh(reveal=True, force=True)
            self._announce()

    def _announce(self) -> None:
        if self._is_muted:
            self._owes_update = True
        elif not self.is_closed:
            self._owes_update = False
            self._updates.emit(None)

    @contextmanager
    def _muted(self) -> Iterator[None]:
        """Nothing is announced meanwhile; what would have been, is told afterwards if the work fails."""
        self._is_muted = True
        try:
            yield
        except BaseException:
            self._is_muted = False
            if self._owes_update:
                self._announce()
            raise
        self._is_muted = self._owes_update = False

    # --- following the tree

    def _catch_up(self) -> None:
        if not self.is_closed and self._window.refresh():
            self._owes_update = True

    def _on_structure(self) -> None:
        if self._hydrator.is_folding:
            return  # once for all that is folded, in _on_folded
        if self._window.refresh() or self._owes_update:
            self._announce()

    def _on_output(self, event: OutputEvent) -> None:
        keys = self._window.keys
        is_shown = event.key in keys
        if is_shown:
            self._window.touch(event.key)
        if is_shown or event.input_message_id in keys:
            if self._hydrator.is_folding:
                self._owes_update = True
            else:
                self._announce()

    def _on_folded(self) -> None:
        if self._window.refresh():
            self._owes_update = True
        if self._hydrator.is_loading_older:
            self._window.entries(hold=True)
        if self._owes_update:
            self._announce()

    def _on_run(self, event: RunEvent) -> None:
        # Streams that were open side by side are put in their order once the run stops: then it reads differently.
        if self._window.is_outdated(event.run_id):
            self._on_output(OutputEvent(event.run_id, event.run_id, None, None, None))
        if event.live and (event.run_id in self._window.keys or self._is_new_here(event)):
            self._runs.emit(event)

    def _is_new_here(self, event: RunEvent) -> bool:
        """Whether a run starts whose place is here, though it is not visible yet."""
        if event.type != "start":
            return False
        parent = None if event.parent is None else self._tree.node_of(event.parent)
        return parent is None or parent.key in self._window.keys

    def _on_message(self, applied: Applied) -> None:
        if not applied.live:
            return
        headers = transport_headers(applied.message.extras)
        run_id = text_header(headers, h.RUN_ID)
        is_foreign = run_id is None and text_header(headers, h.MESSAGE_ID) is None
        if is_foreign or run_id in self._window.keys:
            self._messages.emit(applied.message)


def _no_choice(_: int) -> None:
    """There is nothing to choose."""
