"""The client's side of a session: send, see, cancel (session spec 3)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ai_transport_codecs.channels.protocol import ChannelProvider, ChannelState, ChannelStateChange, Presence
from ai_transport_codecs.codec.contract import Codec, WriteOptions
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import (
    AITransportError,
    InsufficientCapabilityError,
    InvalidArgumentError,
    SessionSendError,
)
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage

from .cancel import cancel_extras
from .connection import Connection, continuity_error
from .events import RunEvent, RunStatus, Unsubscribe
from .handle import ClientRun
from .history import PAGE_SIZE, Hydrator
from .outbox import Outbox
from .publishing import publish_extras
from .retry import RetryPolicy
from .sending import SendItem, SendOptions, plan_send
from .tree import Tree
from .view import View

_log = logging.getLogger("ai_transport_codecs.session")

MessageT = TypeVar("MessageT")

_SEND_RETRY = RetryPolicy(attempts=4)


class ClientSession(Generic[MessageT]):
    """A device on a conversation's channel.

    ``client`` is a connection to an engine, ``codec`` a codec's name or the codec itself; used as a context manager it
    connects and closes. With ``history`` (the default) connecting also loads the conversation so far.

    Raises UnknownCodecError, MissingExtraError and their siblings when the codec cannot be had.
    """

    def __init__(
        self,
        client: ChannelProvider,
        channel_name: str,
        *,
        codec: str | Codec[Any, Any, Any, MessageT],
        history: bool = True,
        channel_modes: Sequence[str] | None = None,
        history_page_size: int = PAGE_SIZE,
        retry: RetryPolicy = _SEND_RETRY,
    ) -> None:
        self.codec: Codec[Any, Any, Any, MessageT] = get_codec(codec) if isinstance(codec, str) else codec
        self.channel_name = channel_name
        self.tree: Tree[MessageT] = Tree(self.codec)
        self.connection = Connection(
            client,
            channel_name,
            adapter_tag=self.codec.adapter_tag,
            modes=channel_modes,
            on_message=self._receive,
            on_continuity_lost=self._lose_continuity,
        )
        self.hydrator = Hydrator(self.connection.channel, self.tree, page_size=history_page_size)
        self.view: View[MessageT] = View(self)
        self._wants_history = history
        self._encoder = self.codec.create_encoder()
        self._outbox = Outbox(self.connection.channel, retry=retry)
        self._retry = retry
        self._sending = asyncio.Lock()
        self._pending: dict[str, list[ClientRun[MessageT]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
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
        """Who is on the channel."""
        return self.connection.channel.presence

    def on(self, event: str, handler: Callable[[AITransportError], None]) -> Unsubscribe:
        """Call ``handler`` for each ``error`` that no call of yours raises, also those that agents report."""
        if event != "error":
            raise InvalidArgumentError(f"a session has no event {event!r}; it has 'error'")
        return self.connection.errors.subscribe(handler)

    async def connect(self) -> None:
        """Attach to the channel and load the conversation so far. Idempotent.

        Raises SessionSubscriptionError (104001). History that cannot be fetched is an ``error`` event: live messages
        are delivered all the same.
        """
        await self.connection.connect()
        if self._wants_history:
            await self._hydrate()

    async def send(self, values: Sequence[Any], options: SendOptions, tail: str | None) -> ClientRun[MessageT]:
        """See :meth:`View.send`, which is the door to this; ``tail`` is the last message that the sender sees."""
        await self.connection.ready("send")
        self.connection.check_writable("send")
        items = plan_send(self.codec, values, options, tail=tail, client_id=self.connection.client_id)
        operations = [
            self._encoder.encode_input(item.event, WriteOptions(item.headers, item.message_id)) for item in items
        ]
        trigger = items[-1]
        handle = ClientRun(self, trigger.headers, trigger.event_id, trigger.message_id)
        self._pending.setdefault(trigger.message_id, []).append(handle)
        shown = [item for item in items if item.is_new]
        for item in shown:
            self.tree.insert_optimistic([item.event], item.headers)
        try:
            async with self._sending:  # one after the other: the channel must get them in this order
                for operation in operations:
                    self._outbox.post(operation)
                    await self._outbox.flush()
        except BaseException as error:
            self._take_back(handle, shown)
            if isinstance(error, Exception):
                raise _send_error(error) from error
            raise
        return handle

    async def cancel(self, run_id: str) -> None:
        """Ask the agent to stop a run; returns once the channel has the request. Does nothing when closed."""
        await self._cancel(run_id=run_id)

    async def cancel_input(self, input_message_id: str, run_id: str | None = None) -> None:
        """As :meth:`cancel`, for the run that answers an input, started or not."""
        await self._cancel(run_id=run_id, input_message_id=input_message_id)

    async def close(self) -> None:
        """Leave the channel. Publishes nothing: runs go on, and other devices with them. Idempotent."""
        if self.connection.is_closed:
            return
        await self.connection.close()
        self.view.close()
        for handles in self._pending.values():
            for handle in handles:
                handle.abandon("session closed")
        self._pending.clear()
        self._encoder.close()
        for task in self._tasks:
            task.cancel()

    async def _cancel(self, *, run_id: str | None = None, input_message_id: str | None = None) -> None:
        if self.connection.is_closed:
            return
        await self.connection.ready("cancel")
        extras = cancel_extras(str(uuid.uuid4()), run_id=run_id, input_message_id=input_message_id)
        try:
            await publish_extras(self.connection.channel, names.CANCEL, extras, self._retry)
        except Exception as error:
            raise _send_error(error) from error

    def _receive(self, message: InboundMessage) -> None:
        self.tree.apply(message)

    def _on_run(self, event: RunEvent) -> None:
        if event.live and event.status is RunStatus.ERROR and event.error is not None:
            self.connection.report(event.error)
        if event.type in ("start", "resume") and event.input_message_id is not None and event.serial is not None:
            for handle in self._pending.pop(event.input_message_id, ()):
                handle.begin(event.run_id)

    def _take_back(self, handle: ClientRun[MessageT], shown: Sequence[SendItem]) -> None:
        handles = self._pending.get(handle.input_message_id, [])
        if handle in handles:
            handles.remove(handle)
        if not handles:
            self._pending.pop(handle.input_message_id, None)
        for item in shown:
            self.tree.discard_optimistic(item.message_id)

    def _lose_continuity(self, change: ChannelStateChange) -> None:
        """What was missed is fetched again before listeners hear of it; the tree knows what it has seen."""
        if change.current is not ChannelState.ATTACHED:
            self.connection.report(continuity_error(change))
            return
        task = asyncio.get_running_loop().create_task(self._refetch(change), name="ai-transport-refetch")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refetch(self, change: ChannelStateChange) -> None:
        self.hydrator.restart()
        refetched = await self._hydrate()
        self.connection.report(continuity_error(change, refetched=refetched))

    async def _hydrate(self) -> bool:
        try:
            await self.hydrator.fold_until(lambda: self.connection.is_closed)
        except AITransportError as error:
            self.connection.report(error)
            return False
        return True


def _send_error(cause: Exception) -> AITransportError:
    status = cause.status_code if isinstance(cause, AITransportError) else None
    if status in (401, 403):
        return InsufficientCapabilityError(
            "unable to send; missing publish capability, give the client's key or token the right to publish here",
            cause=cause,
        )
    return SessionSendError(f"unable to send; {cause}. Nothing is shown as sent; try again", cause=cause)
