"""The agent's side of a session: runs that answer what clients say (session spec 4)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ai_transport_codecs.channels.protocol import ChannelProvider, ChannelState, ChannelStateChange, Presence
from ai_transport_codecs.codec.contract import Codec, MessageHook
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import (
    AITransportError,
    InvalidArgumentError,
    OperationCancelledError,
    RunLifecycleError,
)
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage

from .cancel import CancelRouter, CancelToken
from .coalesce import ADAPTIVE, CoalescePolicy
from .connection import Connection
from .continuity import Continuity
from .events import OutputEvent, Signal, Unsubscribe
from .history import PAGE_SIZE, Hydrator
from .hooks import OnCancel, RunHooks
from .invocation import Invocation
from .locating import Triggers
from .lost_starts import LostStarts
from .opening import AdoptedRun, OpenableRun
from .orphans import OrphanPolicy
from .pipe import OnCancelled
from .recent import Recent
from .retry import RetryPolicy
from .run_core import RunCore
from .serve import Handler, Server, WhenBusy
from .tree import DEFAULT_REORDER_WINDOW_MS, Tree
from .turns import AgentTurn

MessageT = TypeVar("MessageT")
RunT = TypeVar("RunT", bound=RunCore[Any])

_MAX_OWN_INPUTS = 10_000


class AgentSession(Generic[MessageT]):
    """An agent on a conversation's channel.

    ``client`` is a connection to an engine, ``codec`` a codec's name or the codec itself. Used as a context manager it
    connects, and in the end cancels what still runs: see :meth:`end`. ``policy`` says how deltas are coalesced,
    ``retry`` how often a failed write is tried again.

    Raises UnknownCodecError, MissingExtraError and their siblings when the codec cannot be had.
    """

    def __init__(
        self,
        client: ChannelProvider | Any,
        channel_name: str,
        *,
        codec: str | Codec[Any, Any, Any, MessageT],
        policy: CoalescePolicy = ADAPTIVE,
        retry: RetryPolicy | None = None,
        channel_modes: Sequence[str] | None = None,
        history_page_size: int = PAGE_SIZE,
        reorder_window_ms: int = DEFAULT_REORDER_WINDOW_MS,
    ) -> None:
        self.codec: Codec[Any, Any, Any, MessageT] = get_codec(codec) if isinstance(codec, str) else codec
        self.policy = policy
        self.retry = retry or RetryPolicy()
        self.tree: Tree[MessageT] = Tree(self.codec, reorder_window_ms=reorder_window_ms)
        self.cancels: CancelRouter[RunCore[Any]] = CancelRouter()
        self.triggers = Triggers(self.tree)
        self.own_inputs: Recent[bool] = Recent(_MAX_OWN_INPUTS)
        """Event ids of the inputs that this session published on somebody's behalf: they have their run."""
        self.connection = Connection(
            client,
            channel_name,
            adapter_tag=self.codec.adapter_tag,
            modes=channel_modes,
            on_message=self._take,
            on_continuity_lost=self._lose_continuity,
        )
        self.hydrator = Hydrator(self.connection.channel, self.tree, page_size=history_page_size)
        self._continuity = Continuity(
            self.tree, self.hydrator, self.connection, apply=self._receive, on_gap=lambda error: None
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost_starts = LostStarts(self, self._spawn)
        self._input_listeners: Signal[InboundMessage] = Signal()
        self._unclaimed_cancels: Signal[InboundMessage] = Signal()
        self._reattached: Signal[None] = Signal()
        self.tree.on("output", self._on_output)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end()

    @property
    def presence(self) -> Presence:
        """Who is on the channel: the channel's own presence, usable before :meth:`connect` too (session spec 1.6)."""
        return self.connection.channel.presence

    def on(self, event: str, handler: Callable[[AITransportError], None]) -> Unsubscribe:
        """Call ``handler`` for each ``error`` of the session that no call of yours raises.

        Raises InvalidArgumentError for another event; does nothing once the session is closed.
        """
        if event != "error":
            raise InvalidArgumentError(f"a session has no event {event!r}; it has 'error'")
        return self.connection.errors.subscribe(handler)

    async def connect(self) -> None:
        """Subscribe to the channel and attach. Idempotent. Raises SessionSubscriptionError (104001)."""
        await self.connection.connect()

    # --- runs

    def create_run(
        self,
        invocation: Invocation | Mapping[str, Any],
        *,
        run_id: str | None = None,
        invocation_id: str | None = None,
        on_cancel: OnCancel | None = None,
        on_cancelled: OnCancelled | None = None,
        on_error: Callable[[AITransportError], None] | None = None,
        on_message: MessageHook | None = None,
        on_steer: Callable[[], None] | None = None,
        cancel_token: CancelToken | None = None,
    ) -> OpenableRun[MessageT]:
        """A run that will answer the input that ``invocation`` names. Publishes nothing; a cancel reaches it already.

        ``invocation`` may be the JSON body that a client posted. The ids are minted unless given (a durable workflow
        gives its own). Hooks: see :class:`~.hooks.RunHooks`. ``cancel_token`` is one of the application's, which
        cancels the run too. Raises InvalidArgumentError for a malformed invocation or an empty id, SessionClosedError
        (104004).
        """
        hooks = RunHooks(on_cancel, on_cancelled, on_error, on_message, on_steer)
        return self._add(
            OpenableRun(self, *self._identity("create run", invocation, run_id, invocation_id), hooks), cancel_token
        )

    def adopt_run(
        self,
        invocation: Invocation | Mapping[str, Any],
        *,
        run_id: str,
        invocation_id: str,
        on_cancel: OnCancel | None = None,
        on_cancelled: OnCancelled | None = None,
        on_error: Callable[[AITransportError], None] | None = None,
        on_message: MessageHook | None = None,
        on_steer: Callable[[], None] | None = None,
        cancel_token: CancelToken | None = None,
    ) -> AdoptedRun[MessageT]:
        """A run that another process started under these ids, to go on with after ``load()``. As :meth:`create_run`."""
        hooks = RunHooks(on_cancel, on_cancelled, on_error, on_message, on_steer)
        return self._add(
            AdoptedRun(self, *self._identity("adopt run", invocation, run_id, invocation_id), hooks), cancel_token
        )

    def new_turn(
        self,
        *,
        turn_id: str | None = None,
        client_id: str | None = None,
        parent: str | None = None,
        fork_of: str | None = None,
        on_cancel: OnCancel | None = None,
        on_cancelled: OnCancelled | None = None,
        on_error: Callable[[AITransportError], None] | None = None,
        on_message: MessageHook | None = None,
    ) -> AgentTurn[MessageT]:
        """A turn, in the older vocabulary (session spec 12): a run under the id ``turn_id``, owned by ``client_id``.

        For agents that get the user's message in a request and publish it themselves. ``parent`` is the message it
        follows (by default the last visible one), ``fork_of`` the one it replaces. Raises InvalidArgumentError for an
        empty id, SessionClosedError (104004).
        """
        _, run_id, invocation_id = self._identity("create turn", Invocation(""), turn_id, None)
        hooks = RunHooks(on_cancel, on_cancelled, on_error, on_message)
        run = self._add(OpenableRun(self, None, run_id, invocation_id, hooks), None)
        return AgentTurn(self, run, client_id=client_id, parent=parent, fork_of=fork_of)

    async def serve(
        self,
        handler: Handler[MessageT],
        *,
        backlog: bool = True,
        when_busy: WhenBusy = "concurrent",
        max_concurrent: int | None = None,
        orphans: OrphanPolicy = "end",
        on_cancel: OnCancel | None = None,
    ) -> None:
        """Answer every input on the channel with ``handler(run)``, each as a run of its own, until cancelled or closed.

        The run is started before the handler. Unless the handler ended or suspended it, it is ended after it: as the
        :class:`~.outcome.RunOutcome` that the handler returned says, or with the error that it raised, or as its last
        pipe ended, or ``complete``. An answer to a suspended run resumes that run and calls the handler with it; the
        first answer to a question counts. What is said to a run in progress is its to take up (``run.has_input()``).

        ``when_busy`` says what an input does while another one is being answered: ``"concurrent"`` runs side by side,
        at most ``max_concurrent`` at a time; ``"queue"`` waits until all before it are answered; ``"replace"`` cancels
        what runs, and answers when that has ended. With ``backlog``, what came while no agent was there is answered
        first: the newest input, and answers to suspended runs. When this is cancelled, so are the runs.

        A cancel of a suspended run ends it, too: every run that is there while this serves, if it was suspended under
        this client id. ``on_cancel(request)``, an ``async def``, says whether to honour a cancel, whether its run is
        under way (unless the handler sets a hook of its own) or suspended; without it every cancel is.

        ``orphans`` says what becomes of runs that a process left active as it was killed: ``"end"`` ends them as an
        error (104008), ``"answer"`` calls the handler with them again, ``"leave"`` does nothing. These are runs whose
        newest start, resume or step was published under this client id, by a connection that is not in presence. So
        serving enters presence, and a process that serves alongside keeps its runs; give runs that are driven otherwise
        (:meth:`create_run`, durable workflows) another client id, or leave orphans. Looked for on beginning, 15 seconds
        after such a connection left presence or this one was attached anew; by one of several processes. Without a
        client id, or the right to enter presence, nothing is done.

        Raises InvalidArgumentError for settings that contradict each other, and before :meth:`connect`.
        """
        server = Server(
            self, handler, when_busy=when_busy, max_concurrent=max_concurrent, orphans=orphans, on_cancel=on_cancel
        )
        await self.connection.ready("serve")
        await server.run(backlog=backlog)

    # --- ending

    async def end(self) -> None:
        """End what is open as cancelled, then :meth:`detach`. Failures are reported as ``error`` events. Idempotent."""
        if self.connection.is_closed:
            return
        runs = self.cancels.runs()
        for run in runs:
            run.cancel_token.cancel()
        for run in runs:
            try:
                await run.close("cancelled")  # once its pipes have closed their streams
            except RunLifecycleError as error:
                self.connection.report(error)
            except AITransportError as error:
                self.connection.report(
                    RunLifecycleError(f"unable to end run {run.run_id!r} with its session; {error}", cause=error)
                )
        await self.detach()

    async def detach(self) -> None:
        """Stop, publishing nothing: open runs stay active for readers, for another process to end. Idempotent."""
        runs = self.cancels.runs()
        for run in runs:
            run.reject_located(run.closed_error())
        for run in runs:
            run.cancel_token.cancel()
        self._continuity.close()
        await self.connection.close()
        for task in self._tasks:
            task.cancel()
        self.cancels.clear()

    # --- called by runs and servers

    async def locate(self, run: RunCore[Any]) -> None:
        """Wait until the input of ``run`` was seen; history is searched for it meanwhile."""
        if not run.located.is_settled:
            paging = asyncio.create_task(self._page_for(run), name="ai-transport-locate")
            try:
                await run.located
            finally:
                paging.cancel()
        await run.located

    def forget(self, run: RunCore[Any]) -> None:
        """A run is over: neither a cancel nor an input can reach it any more."""
        self.cancels.unregister(run, run.trigger.message_id)
        self.triggers.forget(run)
        run.release()

    def on_input(self, listener: Callable[[InboundMessage], None]) -> Unsubscribe:
        """Call ``listener`` for each live input message, after the tree took it."""
        return self._input_listeners.subscribe(listener)

    def on_unclaimed_cancel(self, listener: Callable[[InboundMessage], None]) -> Unsubscribe:
        """Call ``listener`` for each live cancel that no run under way here answers to."""
        return self._unclaimed_cancels.subscribe(listener)

    def on_reattached(self, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener`` when the channel was attached anew and inputs may have been missed."""
        return self._reattached.subscribe(lambda _: listener())

    # --- parts

    def _identity(
        self, operation: str, invocation: Invocation | Mapping[str, Any], run_id: str | None, invocation_id: str | None
    ) -> tuple[str, str, str]:
        self.connection.check_open(operation)
        parsed = invocation if isinstance(invocation, Invocation) else Invocation.parse(invocation)
        if run_id == "" or invocation_id == "":
            raise InvalidArgumentError(f"unable to {operation}; ids must not be empty, leave them out to get new ones")
        return parsed.input_event_id, run_id or str(uuid.uuid4()), invocation_id or str(uuid.uuid4())

    def _add(self, run: RunT, token: CancelToken | None) -> RunT:
        self.cancels.register(run)
        if token is not None:
            run.follow(token)
        return run

    def _take(self, message: InboundMessage) -> None:
        self._continuity.receive(message)

    def _receive(self, message: InboundMessage) -> None:
        self.tree.apply(message)
        if message.name == names.CANCEL:
            self._route_cancel(message)
        elif message.name == names.INPUT:
            self._input_listeners.emit(message)

    def _on_output(self, event: OutputEvent) -> None:
        if event.inputs and event.run_id is not None and event.message_id is not None:
            run = self.cancels.find(event.run_id)
            if run is not None:
                run.steer(event.message_id, live=event.live)

    def _route_cancel(self, message: InboundMessage) -> None:
        runs = self.cancels.route(message)
        for run in runs:
            self._spawn(self._cancel(run, message), "ai-transport-cancel")
        if not runs:
            self._unclaimed_cancels.emit(message)

    async def _cancel(self, run: RunCore[Any], message: InboundMessage) -> None:
        await run.request_cancel(message)
        if run.granted_cancel is message and run.is_suspended:  # meanwhile: it is too late to stop what waits already
            self._unclaimed_cancels.emit(message)

    async def _page_for(self, run: RunCore[Any]) -> None:
        try:
            await self.hydrator.fold_until(lambda: run.located.is_settled)
        except AITransportError as error:
            # The input may still arrive live, so whoever waits goes on waiting.
            self.connection.report(error)

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose_continuity(self, change: ChannelStateChange) -> None:
        """What was missed may have been a cancel, so what is under way is cancelled (session spec 1.4).

        Where the reference then begins again with an empty tree and tells of the gap, what was missed is fetched first,
        into the same tree, and then the error event is emitted (design D4).
        """
        for run in self.cancels.runs():
            run.reject_located(
                OperationCancelledError(f"run {run.run_id!r} was cancelled; channel continuity was lost")
            )
            run.cancel_token.cancel()
        self._continuity.lose(change)
        if change.current is ChannelState.ATTACHED:
            self._reattached.emit(None)
