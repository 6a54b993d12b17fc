"""The agent's side of a session: runs that answer what clients say (session spec 4)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ai_transport_codecs.channels.protocol import ChannelProvider, ChannelState, ChannelStateChange, Presence
from ai_transport_codecs.codec.contract import Codec
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import (
    AITransportError,
    CancelListenerError,
    InvalidArgumentError,
    OperationCancelledError,
    RunLifecycleError,
    SessionClosedError,
)
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage

from .cancel import CancelRouter, CancelToken
from .coalesce import ADAPTIVE, CoalescePolicy
from .connection import Connection, continuity_error
from .events import Signal, Unsubscribe
from .history import PAGE_SIZE, Hydrator
from .invocation import Invocation
from .retry import RetryPolicy
from .run import Run, RunHooks
from .serve import Handler, Server
from .tree import Tree
from .trigger import try_event_id

_log = logging.getLogger("ai_transport_codecs.session")

MessageT = TypeVar("MessageT")


class AgentSession(Generic[MessageT]):
    """An agent on a conversation's channel.

    ``client`` is a connection to an engine, ``codec`` a codec's name or the codec itself. Used as a context manager it
    connects, and in the end cancels what still runs: see :meth:`end`. ``policy`` says how deltas are coalesced,
    ``retry`` how often a failed write is tried again.

    Raises UnknownCodecError, MissingExtraError and their siblings when the codec cannot be had.
    """

    def __init__(
        self,
        client: ChannelProvider,
        channel_name: str,
        *,
        codec: str | Codec[Any, Any, Any, MessageT],
        policy: CoalescePolicy = ADAPTIVE,
        retry: RetryPolicy | None = None,
        channel_modes: Sequence[str] | None = None,
        history_page_size: int = PAGE_SIZE,
    ) -> None:
        self.codec: Codec[Any, Any, Any, MessageT] = get_codec(codec) if isinstance(codec, str) else codec
        self.policy = policy
        self.retry = retry or RetryPolicy()
        self._page_size = history_page_size
        self.tree: Tree[MessageT] = Tree(self.codec)
        self.cancels: CancelRouter[Run[MessageT]] = CancelRouter()
        self.connection = Connection(
            client,
            channel_name,
            adapter_tag=self.codec.adapter_tag,
            modes=channel_modes,
            on_message=self._receive,
            on_continuity_lost=self._lose_continuity,
        )
        self.hydrator = Hydrator(self.connection.channel, self.tree, page_size=history_page_size)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: dict[str, list[asyncio.Future[InboundMessage]]] = {}
        self._input_listeners: list[Callable[[InboundMessage], None]] = []
        self._reattached: Signal[None] = Signal()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end()

    @property
    def presence(self) -> Presence:
        """Who is on the channel."""
        return self.connection.channel.presence

    def on(self, event: str, handler: Callable[[AITransportError], None]) -> Unsubscribe:
        """Call ``handler`` for each ``error`` of the session that no call of yours raises."""
        _check_event(event)
        return self.connection.errors.subscribe(handler)

    async def connect(self) -> None:
        """Subscribe to the channel and attach. Idempotent. Raises SessionSubscriptionError (104001)."""
        await self.connection.connect()

    def create_run(
        self,
        invocation: Invocation | Mapping[str, Any],
        *,
        run_id: str | None = None,
        invocation_id: str | None = None,
        on_cancel: Callable[..., Awaitable[bool]] | None = None,
        on_error: Callable[[AITransportError], None] | None = None,
        on_message: Callable[[Any], None] | None = None,
    ) -> Run[MessageT]:
        """A run that will answer the input that ``invocation`` names. Publishes nothing.

        ``invocation`` may be the JSON body that a client posted. The ids are minted unless given (a durable workflow
        gives its own). Raises InvalidArgumentError for a malformed invocation or an empty id.
        """
        self.connection.check_open("create_run")
        parsed = invocation if isinstance(invocation, Invocation) else Invocation.parse(invocation)
        if run_id == "" or invocation_id == "":
            raise InvalidArgumentError(
                "unable to create run; run_id and invocation_id must not be empty, leave them out"
            )
        run: Run[MessageT] = Run(
            self,
            parsed.input_event_id,
            run_id or str(uuid.uuid4()),
            invocation_id or str(uuid.uuid4()),
            RunHooks(on_cancel, on_error, on_message),
        )
        self.cancels.register(run)
        return run

    async def serve(self, handler: Handler[MessageT], *, backlog: bool = True) -> None:
        """Answer every input on the channel with ``handler(run)``, each as a run of its own, until cancelled or closed.

        The run is started before and ended after the handler: ``complete``, as its last pipe ended, or with the error
        that the handler raised. With ``backlog``, an input at the end of the conversation that nobody answered yet is
        answered first. Runs are concurrent. When this is cancelled, so are they.
        """
        await self.connection.ready("serve")
        await Server(self, handler).run(backlog=backlog)

    async def end(self) -> None:
        """End what is open as cancelled, then :meth:`detach`. Failures are reported as ``error`` events. Idempotent."""
        if self.connection.is_closed:
            return
        runs = self.cancels.runs()
        for run in runs:
            run.cancel_token.cancel()
        for run in runs:
            await run.until_idle()  # a pipe closes its streams before its run ends
            if run.is_open:
                try:
                    await run.end("cancelled")
                except RunLifecycleError as error:
                    self.connection.report(error)
        await self.detach()

    async def detach(self) -> None:
        """Stop, publishing nothing: open runs stay active for readers, for another process to end. Idempotent."""
        for run in self.cancels.runs():
            run.cancel_token.cancel()
        closed = SessionClosedError("unable to locate the input; the session was closed")
        for futures in self._waiters.values():
            for future in futures:
                if not future.done():
                    future.set_exception(closed)
        self._waiters.clear()
        await self.connection.close()

    async def locate(self, event_id: str, token: CancelToken) -> InboundMessage:
        """The input message of that event id, from what was seen, from history, or as it arrives."""
        found = self.tree.find_by_event_id(event_id)
        if found is not None:
            return found
        waiter: asyncio.Future[InboundMessage] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(event_id, []).append(waiter)
        token.on_cancel(lambda: _fail(waiter, OperationCancelledError("unable to start; the run was cancelled")))
        paging = asyncio.create_task(self.hydrator.fold_until(waiter.done), name="ai-transport-locate")
        paging.add_done_callback(self._report_paging)
        try:
            return await waiter
        finally:
            paging.cancel()

    def forget(self, run: Run[MessageT]) -> None:
        """A run is over: no cancel can reach it any more."""
        self.cancels.unregister(run, run.trigger.message_id)

    def on_input(self, listener: Callable[[InboundMessage], None]) -> Unsubscribe:
        """Call ``listener`` for each live input message, after the tree took it."""
        self._input_listeners.append(listener)
        return lambda: self._input_listeners.remove(listener)

    def on_reattached(self, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener`` when the channel was attached anew and inputs may have been missed."""
        return self._reattached.subscribe(lambda _: listener())

    def _receive(self, message: InboundMessage) -> None:
        self.tree.apply(message)
        self._settle_waiters(message)
        if message.name == names.CANCEL:
            self._route_cancel(message)
        elif message.name == names.INPUT:
            for listener in list(self._input_listeners):
                listener(message)

    def _settle_waiters(self, message: InboundMessage) -> None:
        event_id = try_event_id(message)
        if event_id is not None:
            for future in self._waiters.pop(event_id, ()):
                if not future.done():
                    future.set_result(message)

    def _report_paging(self, paging: asyncio.Task[None]) -> None:
        self._wake_from_history()
        if not paging.cancelled() and (error := paging.exception()) is not None:
            # The input may still arrive live, so whoever waits goes on waiting.
            failure = error if isinstance(error, AITransportError) else AITransportError(str(error), cause=error)
            self.connection.report(failure)

    def _wake_from_history(self) -> None:
        for event_id in list(self._waiters):
            found = self.tree.find_by_event_id(event_id)
            if found is not None:
                self._settle_waiters(found)

    def _route_cancel(self, message: InboundMessage) -> None:
        run = self.cancels.route(message)
        if run is not None:
            task = asyncio.get_running_loop().create_task(self._cancel(run, message), name="ai-transport-cancel")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _cancel(self, run: Run[MessageT], message: InboundMessage) -> None:
        try:
            await run.request_cancel(message)
        except Exception as error:
            self.connection.report(
                CancelListenerError(f"unable to cancel run {run.run_id!r}; its on_cancel raised {error!r}", cause=error)
            )

    def _lose_continuity(self, change: ChannelStateChange) -> None:
        """What was missed cannot be known, cancels for instance, so what is under way is cancelled (1.4)."""
        for run in self.cancels.runs():
            run.cancel_token.cancel()
        self.hydrator.restart()
        self.connection.report(continuity_error(change))
        if change.current is ChannelState.ATTACHED:
            self._reattached.emit(None)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _check_event(event: str) -> None:
    if event != "error":
        raise InvalidArgumentError(f"a session has no event {event!r}; it has 'error'")
