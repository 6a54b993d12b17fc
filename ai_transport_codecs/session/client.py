"""The client's side of a session: send, see, cancel (session spec 3)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ai_transport_codecs.channels.protocol import ChannelProvider, ChannelStateChange, Presence
from ai_transport_codecs.codec.contract import Codec, CodecMessage
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import AITransportError, InvalidArgumentError
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .cancel import cancel_extras
from .connection import Connection
from .continuity import Continuity
from .events import RunEvent, RunStatus, Unsubscribe
from .first_load import FirstLoad
from .handle import ClientRun
from .history import PAGE_SIZE, Hydrator
from .lifecycle import try_run_event
from .nodes import RunNode
from .publishing import publish_extras
from .recent import Recent
from .retry import RetryPolicy
from .sending import Sender, SendItem, SendOptions, plan_send, send_error
from .steer import Steer, Steers
from .tree import DEFAULT_REORDER_WINDOW_MS, Tree
from .turn_filter import TurnFilter, turn_filter
from .view import View

MessageT = TypeVar("MessageT")

_SEND_RETRY = RetryPolicy(attempts=4)
_MAX_OWN_RUNS = 10_000


class ClientSession(Generic[MessageT]):
    """A device on a conversation's channel.

    ``client`` is a connection to an engine, ``codec`` a codec's name or the codec itself; used as a context manager it
    connects and closes. With ``history`` (the default) connecting also loads the conversation so far; without,
    :meth:`View.load_older` loads it by the page.

    ``messages`` are what the application has stored of the conversation, oldest first. They show at once, each
    following the one before. When they are given as :class:`CodecMessage`, with the ids they have on the channel,
    connecting loads only what came after the last of them, and a message that the channel tells again is shown once.
    When they have no ids nothing is loaded on connecting: join them to the channel with :meth:`View.load_until`.

    ``client_id`` is who sends, when the connection itself does not say it (an anonymous or wildcard client).

    Raises UnknownCodecError, MissingExtraError and their siblings when the codec cannot be had, InvalidArgumentError
    for ``messages`` with the same id twice and for a ``client_id`` that is not the connection's.
    """

    def __init__(
        self,
        client: ChannelProvider | Any,
        channel_name: str,
        *,
        codec: str | Codec[Any, Any, Any, MessageT],
        history: bool = True,
        messages: Sequence[CodecMessage[MessageT] | MessageT] = (),
        client_id: str | None = None,
        channel_modes: Sequence[str] | None = None,
        history_page_size: int = PAGE_SIZE,
        reorder_window_ms: int = DEFAULT_REORDER_WINDOW_MS,
        retry: RetryPolicy = _SEND_RETRY,
    ) -> None:
        self.codec: Codec[Any, Any, Any, MessageT] = get_codec(codec) if isinstance(codec, str) else codec
        self.channel_name = channel_name
        self.tree: Tree[MessageT] = Tree(self.codec, reorder_window_ms=reorder_window_ms)
        self._seam = _give(self.tree, messages)
        self.connection = Connection(
            client,
            channel_name,
            adapter_tag=self.codec.adapter_tag,
            modes=channel_modes,
            on_message=self._receive,
            on_continuity_lost=self._lose_continuity,
        )
        self._client_id = client_id
        self._check_client_id()
        self.hydrator = Hydrator(self.connection.channel, self.tree, page_size=history_page_size)
        self.sender = Sender(self.codec, self.connection.channel, retry)
        self._steers = Steers(self)
        self._continuity = Continuity(
            self.tree, self.hydrator, self.connection, apply=self._take, on_gap=self._steers.reject_all
        )
        self.view: View[MessageT] = View(self)
        """The view that is there from the beginning; :meth:`create_view` makes others."""
        self._views: list[View[MessageT]] = [self.view]
        # Without their ids, only the application can tell where what it stored ends.
        wants_history = history and (self._seam is not None or not messages)
        self._first_load = FirstLoad(self.connection, self._load) if wants_history else None
        self._retry = retry
        self._pending: dict[str, list[ClientRun[MessageT]]] = {}
        self._own_runs: Recent[bool] = Recent(_MAX_OWN_RUNS)
        self.tree.on("run", self._on_run)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def presence(self) -> Presence:
        """Who is on the channel. May be used before :meth:`connect`."""
        return self.connection.channel.presence

    @property
    def client_id(self) -> str | None:
        """Who sends; None when that is not known (session spec 3.1)."""
        return self.connection.client_id or self._client_id

    def on(self, event: str, handler: Callable[[AITransportError], None]) -> Unsubscribe:
        """Call ``handler`` for each ``error`` that no call of yours raises; the returned function ends that.

        These are: failures of the subscription, lost continuity (once what was missed is fetched, or could not be), and
        errors with which agents ended runs, whoever's they are. Does nothing after :meth:`close`.
        Raises InvalidArgumentError for another event.
        """
        if event != "error":
            raise InvalidArgumentError(f"a session has no event {event!r}; it has 'error'")
        return self.connection.errors.subscribe(handler)

    def create_view(self) -> View[MessageT]:
        """Another view of the conversation, with a selection of branches and a history window of its own.

        It shows everything that is loaded, and closes with the session. Raises SessionClosedError after :meth:`close`.
        """
        self.connection.check_open("create a view")
        view: View[MessageT] = View(self)
        self._views.append(view)
        return view

    def forget_view(self, view: View[MessageT]) -> None:
        """A view was closed."""
        if view in self._views:
            self._views.remove(view)

    async def connect(self) -> None:
        """Attach to the channel and load the conversation so far. Idempotent, and shared by concurrent callers.

        Raises SessionSubscriptionError (104001), after which it may be called again, and SessionClosedError. History
        that cannot be fetched is an ``error`` event: live messages are delivered all the same, and it is fetched again
        when this is called again, or the channel was gone and is attached again.
        """
        await self.connection.connect()
        if self._first_load is not None:
            await self._first_load.run()

    # --- writing; the doors to it are the views'

    async def send(
        self, values: Sequence[Any], options: SendOptions, tail: str | None, operation: str = "send"
    ) -> ClientRun[MessageT]:
        """See :meth:`View.send`, which is the door to this; ``tail`` is the last message that the sender sees."""
        await self.connection.ready(operation)
        self._check_client_id()
        self.connection.check_writable(operation)
        items = plan_send(self.codec, values, options, tail=tail, client_id=self.client_id, operation=operation)
        writes = self.sender.encode(items)
        trigger = items[-1]
        handle = ClientRun(self, trigger.headers, trigger.event_id, trigger.message_id)
        self._pending.setdefault(trigger.message_id, []).append(handle)
        shown = [item for item in items if item.is_new]
        for item in shown:
            self.tree.insert_optimistic([item.event], item.headers)
        try:
            await self.sender.publish(writes)
        except BaseException as error:
            self._take_back(handle, shown)
            if isinstance(error, Exception):
                raise send_error(operation, error) from error
            raise
        if handle.continues is not None:
            self._let_go(handle.continues)
        return handle

    def steer(self, value: Any, handle: ClientRun[MessageT]) -> Steer:
        """See :meth:`ClientRun.steer`, which is the door to this. Nothing is sent before the run has started."""
        return self._steers.begin(value, handle.started)

    async def cancel(
        self,
        run_id: str | None = None,
        *,
        own: bool = False,
        client_id: str | None = None,
        all: bool = False,  # noqa: A002 - the turn vocabulary's word
    ) -> None:
        """Ask the agent to stop a run, or several: your own, a client's, or all. Without a filter, your own.

        Returns once the channel has the requests; it does not wait for the runs to end. ``run_id`` need not be known
        here; the other filters reach the active runs that are loaded and, of your own, those not started yet (session
        spec 12.1). Does nothing when the session is closed.

        Raises InvalidArgumentError for several filters at once, and before ``connect()``; SessionSendError (104005) or
        InsufficientCapabilityError (40160) when a request cannot be published: the others are tried all the same.
        """
        chosen = turn_filter("cancel", run_id, own=own, client_id=client_id, every=all)
        if self.connection.is_closed:
            return
        await self.connection.ready("cancel")
        if chosen.run_id is not None:
            await self._cancel(run_id=chosen.run_id)
            return
        failures: list[AITransportError] = []
        for run in self._active(chosen):
            await self._try_cancel(failures, run_id=run.run_id)
        for handle in self._unstarted(chosen):
            await self._try_cancel(failures, run_id=handle.continues, input_message_id=handle.input_message_id)
        if failures:
            raise failures[0]

    async def cancel_input(self, input_message_id: str, run_id: str | None = None) -> None:
        """As :meth:`cancel`, for the run that answers an input, started or not."""
        if not self.connection.is_closed:
            await self.connection.ready("cancel")
            await self._cancel(run_id=run_id, input_message_id=input_message_id)

    async def wait_for_turn(
        self,
        run_id: str | None = None,
        *,
        own: bool = False,
        client_id: str | None = None,
        all: bool = False,  # noqa: A002 - as in cancel
    ) -> None:
        """Wait until the turns that are active now, and that the filter means, have ended or are suspended.

        The filters are those of :meth:`cancel`. Turns that begin meanwhile are not waited for. There is no deadline:
        use ``asyncio.timeout``.

        Raises InvalidArgumentError as :meth:`cancel`, SessionClosedError when the session closes.
        """
        chosen = turn_filter("wait_for_turn", run_id, own=own, client_id=client_id, every=all)
        await self.connection.ready("wait_for_turn")
        runs = self._active(chosen)
        unstarted = self._unstarted(chosen)
        changed = asyncio.Event()
        endings = [self.tree.on("run", lambda _: changed.set()), self.connection.on_close(changed.set)]
        try:
            while any(run.status is RunStatus.ACTIVE for run in runs):
                await changed.wait()
                changed.clear()
                self.connection.check_open("wait_for_turn")
            for handle in unstarted:
                await handle.wait()
        finally:
            for end in endings:
                end()

    async def close(self) -> None:
        """Leave the channel. Publishes nothing: runs go on, and other devices with them. Idempotent.

        Whoever waits for a turn to start, for a turn's end or for a steering message gets SessionClosedError. The
        client is not closed.
        """
        if self.connection.is_closed:
            return
        self.connection.shut()
        self._continuity.close()
        for view in list(self._views):
            view.close()
        for handles in self._pending.values():
            for handle in handles:
                handle.abandon("session closed")
        self._pending.clear()
        self._steers.close()
        self.sender.close()
        await self.connection.close()

    # --- parts

    def _active(self, chosen: TurnFilter) -> list[RunNode]:
        me = self.client_id

        def is_own(run: RunNode) -> bool:
            return bool(self._own_runs.get(run.run_id)) or (me is not None and run.client_id == me)

        return [
            run
            for run in self.tree.runs()
            if run.status is RunStatus.ACTIVE
            and chosen.includes(run.run_id, run.client_id, is_own=lambda run=run: is_own(run))  # type: ignore[misc]
        ]

    def _unstarted(self, chosen: TurnFilter) -> list[ClientRun[MessageT]]:
        """This session's sends that no run answers yet."""
        if not (chosen.own or chosen.every or (chosen.client_id is not None and chosen.client_id == self.client_id)):
            return []
        return [handle for handles in self._pending.values() for handle in handles]

    async def _try_cancel(self, failures: list[AITransportError], **target: str | None) -> None:
        try:
            await self._cancel(**target)
        except AITransportError as error:
            failures.append(error)

    async def _cancel(self, *, run_id: str | None = None, input_message_id: str | None = None) -> None:
        extras = cancel_extras(str(uuid.uuid4()), run_id=run_id, input_message_id=input_message_id)
        try:
            await publish_extras(self.connection.channel, names.CANCEL, extras, self._retry)
        except Exception as error:
            raise send_error("cancel", error) from error

    def _receive(self, message: InboundMessage) -> None:
        self._continuity.receive(message)

    def _lose_continuity(self, change: ChannelStateChange) -> None:
        self._continuity.lose(change)

    def _take(self, message: InboundMessage) -> None:
        """Take one live delivery into account; an agent's error is told before anything changes (session spec 1.3)."""
        if message.name == names.RUN_END:
            event = try_run_event(message, transport_headers(message.extras), live=True)
            if event is not None and event.error is not None and not self._knows_end(event):
                self.connection.report(event.error)
        self.tree.apply(message)

    def _knows_end(self, event: RunEvent) -> bool:
        run = self.tree.run(event.run_id)
        return run is not None and run.end_serial == event.serial

    def _on_run(self, event: RunEvent) -> None:
        """A start that comes after a send for the same message answers it; all such sends, if there are several.

        The reference keeps one send per message, so that of two tool results for one message only the last is ever
        told that the run went on. An older resume, from history, answers nothing.
        """
        input_id, serial = event.input_message_id, event.serial
        if event.type == "end":
            self._let_go(event.run_id)
        if event.type not in ("start", "resume") or input_id is None or serial is None:
            return
        waiting = [each for each in self._pending.get(input_id, ()) if not (event.live or each.is_answered_by(serial))]
        for handle in self._pending.pop(input_id, ()):
            if handle not in waiting:
                self._own_runs.remember(event.run_id, value=True)
                handle.begin(event.run_id)
        if waiting:
            self._pending[input_id] = waiting

    def _let_go(self, run_id: str) -> None:
        """What was sent to a run that is over is never answered: whoever waits for that reads how the run ended."""
        node = self.tree.run(run_id)
        if node is not None and node.status.is_terminal:
            for handle in [each for handles in self._pending.values() for each in handles if each.continues == run_id]:
                self._drop(handle)
                handle.begin(run_id)

    def _drop(self, handle: ClientRun[MessageT]) -> None:
        handles = self._pending.get(handle.input_message_id, [])
        if handle in handles:
            handles.remove(handle)
        if not handles:
            self._pending.pop(handle.input_message_id, None)

    def _take_back(self, handle: ClientRun[MessageT], shown: Sequence[SendItem]) -> None:
        self._drop(handle)
        for item in shown:
            self.tree.discard_optimistic(item.message_id)

    async def _load(self) -> None:
        seam = self._seam
        if seam is None:
            await self.hydrator.fold_until(lambda: self.connection.is_closed)
        else:
            await self.view.load_until(lambda entry: entry.id == seam)

    def _check_client_id(self) -> None:
        """Raises InvalidArgumentError when the session was told another identity than its connection has."""
        told, actual = self._client_id, self.connection.client_id
        if told in ("", "*") or (told is not None and actual is not None and told != actual):
            raise InvalidArgumentError(
                f"a session cannot send as {told!r}; its connection is {actual or 'anonymous'!r}: leave client_id out,"
                " or give the connection's own"
            )


def _give(tree: Tree[MessageT], messages: Sequence[CodecMessage[MessageT] | MessageT]) -> str | None:
    """Begin with what the application stored; the id by which the channel knows the last of it, if it has one."""
    if not messages:
        return None
    given = [each if isinstance(each, CodecMessage) else CodecMessage(str(uuid.uuid4()), each) for each in messages]
    tree.give(given)
    return given[-1].id if isinstance(messages[-1], CodecMessage) else None
