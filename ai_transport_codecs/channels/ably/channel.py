"""A channel of Ably as sessions use it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

from ai_transport_codecs.channels.memory import refusals as channel_refusals
from ai_transport_codecs.channels.memory.admission import admitted_drafts, admitted_mutation
from ai_transport_codecs.channels.memory.json_values import copied
from ai_transport_codecs.channels.memory.listeners import Listeners
from ai_transport_codecs.channels.memory.records import Draft, Mutation
from ai_transport_codecs.channels.protocol import (
    Budget,
    ChannelState,
    ChannelStateChange,
    MessageListener,
    StateListener,
    Unsubscribe,
)
from ai_transport_codecs.errors import ChannelError
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

from . import refusals
from .attaching import Attachment
from .frames import read_messages, write_data
from .history import AblyHistoryPage, HistoryReader
from .link import Link
from .presence import AblyPresence
from .protocol_numbers import ACTION_NUMBERS, Action
from .sdk import AblyException, has_message_listeners

_log = logging.getLogger("ai_transport_codecs.channels")


_MAX_PAGE: Final = 1_000
_PATIENCE: Final = 2.0
"""Seconds that a detach waits for a connection to say it through; without one, the server notices by itself."""

_UNWRITABLE: Final = frozenset({ChannelState.FAILED, ChannelState.SUSPENDED})


class AblyChannel:
    """One client's view of one channel; made by :meth:`~.provider.AblyProvider.channel`.

    ably-python keeps its state; messages are read and written here, frame by frame. That way a message of any name
    arrives (P16), one that cannot be read costs no other, the size limit is the account's, and there is one listener
    for ever, however many come and go (P17).
    """

    def __init__(self, client: Any, name: str, link: Link, rest: Callable[[], Any], budget: Budget | None) -> None:
        self.budget = budget
        self._client = client
        self._channel: Any = client.channels.get(name)
        self._name = name
        self._link = link
        self._attachment = Attachment(name)
        self._messages: Listeners[InboundMessage] = Listeners("message")
        self._changes: Listeners[ChannelStateChange] = Listeners("state")
        self._presence = AblyPresence(self._channel.presence, name, link, lambda: self.client_id)
        self._history = HistoryReader(name, rest)
        self._work: dict[str, asyncio.Task[None]] = {}
        self._channel.on(self._changed)

    @property
    def name(self) -> str:
        return self._name

    @property
    def state(self) -> ChannelState:
        return ChannelState(self._channel.state.value)

    @property
    def client_id(self) -> str | None:
        known: str | None = self._client.auth.client_id or self._client.options.client_id
        return known

    @property
    def max_message_size(self) -> int:
        return self._link.max_message_size

    @property
    def presence(self) -> AblyPresence:
        return self._presence

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters that the channel was asked for with."""
        return dict(self._attachment.params)

    @property
    def modes(self) -> frozenset[str]:
        """The modes that were granted; empty before the channel is attached."""
        return self._attachment.modes

    def configure(self, params: Mapping[str, str] | None, modes: Sequence[str] | None) -> None:
        """What the next attachment asks for, besides what it asks for already. Raises ChannelError 40003."""
        self._attachment.ask(params, modes)

    # -- attaching -----------------------------------------------------------------------------------------------------

    async def attach(self) -> None:
        """Attach, unless attached already; waits for the client's first connection.

        Raises ChannelError with the reason for which Ably refuses, 40160 also when the capability does not cover the
        messages that somebody already listens for, 90007 when there is no answer, 80003 without a connection.
        """
        if self.state is not ChannelState.ATTACHED:
            await self._once("attach", self._attach)

    async def detach(self) -> None:
        """Detach; the client leaves presence. Raises ChannelError 90001 when the channel failed."""
        if self.state not in {ChannelState.INITIALIZED, ChannelState.DETACHED}:
            await self._once("detach", self._detach)

    async def _once(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it once however many ask for it, and go on when one of them is cancelled."""
        task = self._work.get(what)
        if task is None:
            task = self._work[what] = asyncio.create_task(work(), name=f"ai-transport-{what}")
            task.add_done_callback(partial(self._done, what))
        await asyncio.shield(task)

    def _done(self, what: str, task: asyncio.Task[None]) -> None:
        del self._work[what]
        if not task.cancelled():
            task.exception()  # seen: whoever asked for it may have gone

    async def _attach(self) -> None:
        await self._link.ready("attach")
        if self._has_attached():
            return
        # set_options() on an attached channel would wait for ever (P14); here it is not attached.
        self._channel.set_options_without_reattach(self._attachment.options())
        self._attachment.reason = None
        with contextlib.suppress(TypeError):  # ably-python raises the reason, also when there is none (P15)
            try:
                await self._channel.attach()
            except AblyException as error:
                raise self._attachment.reason or refusals.refused("attach", self._name, error) from error
        if not self._has_attached():
            raise self._attachment.reason or self._not_attached()
        if self._attachment.is_deaf and self._messages:
            raise channel_refusals.denied("attach", self._name, "subscribe")

    def _has_attached(self) -> bool:
        return self.state is ChannelState.ATTACHED

    def _not_attached(self) -> ChannelError:
        if self.state is ChannelState.SUSPENDED:
            return refusals.timed_out("attach", self._name)
        return channel_refusals.superseded("attach", self._name, f"its state {str(self.state)!r}")

    async def _detach(self) -> None:
        if not self._link.is_connected and self.state is not ChannelState.SUSPENDED:
            # It would wait for the next connection, which may never come.
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._leave()
            except TimeoutError:
                raise refusals.not_connected("detach") from None
        else:
            await self._leave()

    async def _leave(self) -> None:
        try:
            await self._channel.detach()
        except AblyException as error:
            if self.state is not ChannelState.DETACHED:
                raise refusals.refused("detach", self._name, error) from error
        except TypeError:  # as for attach (P15)
            if self.state is not ChannelState.DETACHED:
                raise self._attachment.reason or refusals.timed_out("detach", self._name) from None

    # -- listening -----------------------------------------------------------------------------------------------------

    def subscribe(self, listener: MessageListener) -> Unsubscribe:
        """Call ``listener`` for each message from now on, while attached. What it raises is logged.

        Raises ChannelError 40160 when the channel is attached to a client that may not subscribe.
        """
        if self.state is ChannelState.ATTACHED and self._attachment.is_deaf:
            raise channel_refusals.denied("subscribe", self._name, "subscribe")
        return self._messages.add(listener)

    def on_state_change(self, listener: StateListener) -> Unsubscribe:
        """Call ``listener`` for each change of state, also from attached to attached."""
        return self._changes.add(listener)

    # -- writing -------------------------------------------------------------------------------------------------------

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        """Publish one message, or up to 1,000 as one atomic unit; the serials, one per message.

        Raises ChannelError 40009 (size), 40013 (data), 40031 (ids), 40034 (count), 40160 (capability), 42911 (rate),
        80003 (connection), 90001 (channel state).
        """
        listed = [messages] if isinstance(messages, OutboundMessage) else messages
        drafts = [Draft(message.name, message.data, message.extras, message.id) for message in listed]
        if not drafts:
            return []
        # Once it is connected nothing is awaited before the frame is written: what the caller changes later is his own.
        if not self._link.is_connected:
            drafts = admitted_drafts(drafts, self.client_id, self.max_message_size)
            await self._link.ready("publish")
        self._check_writable("publish")
        own = admitted_drafts(drafts, self.client_id, self.max_message_size)
        items = [self._write(draft.name, draft.data, draft.extras, id=draft.id) for draft in own]
        serials = await self._link.send(self._frame(items), "publish")
        return serials if len(serials) == len(items) else [None] * len(items)

    async def append(self, mutation: OutboundMutation) -> str | None:
        """Append to a message's data; the version, or None when it was merged into a later append.

        Raises ChannelError 40003 (no serial), 93002 (namespace without mutable messages), and as :meth:`publish`.
        """
        return await self._mutate(names.APPEND, Mutation(mutation.serial, mutation.data, mutation.extras))

    async def update(self, mutation: OutboundMutation) -> str | None:
        """Replace a message's data, unless it is ABSENT, and extras; the version. Raises as :meth:`append`."""
        return await self._mutate(names.UPDATE, Mutation(mutation.serial, mutation.data, mutation.extras))

    async def delete(self, serial: str) -> str | None:
        """Mark a message deleted; the version. Raises as :meth:`append`."""
        return await self._mutate(names.DELETE, Mutation(serial))

    async def _mutate(self, action: str, mutation: Mutation) -> str | None:
        doing = action.removeprefix("message.")
        if not self._link.is_connected:
            mutation = admitted_mutation(mutation, doing, self.client_id, self.max_message_size)
            await self._link.ready(doing)
        self._check_writable(doing)
        own = admitted_mutation(mutation, doing, self.client_id, self.max_message_size)
        item = self._write(None, own.data, own.extras, serial=own.serial, action=ACTION_NUMBERS[action])
        versions = await self._link.send(self._frame([item]), doing)
        return versions[0] if versions else None

    def _check_writable(self, doing: str) -> None:
        if self.state in _UNWRITABLE:
            raise channel_refusals.wrong_state(doing, self._name, self.state, self._attachment.reason)

    def _write(self, name: str | None, data: Any, extras: Any, **fields: Any) -> dict[str, Any]:
        item = {"name": name, "extras": None if extras is ABSENT else extras, **fields}
        item |= write_data(data, binary=self._client.options.use_binary_protocol)
        return {key: value for key, value in item.items() if value is not None}

    def _frame(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        return {"action": int(Action.MESSAGE), "channel": self._name, "messages": items}

    # -- reading -------------------------------------------------------------------------------------------------------

    async def history(self, *, limit: int = 100, until_attach: bool = False) -> AblyHistoryPage:
        """The newest page of past messages, at most 1,000; over REST, so it needs neither attachment nor connection.

        With ``until_attach``, those published before deliveries began, also when the connection was resumed since.

        Raises ChannelError 40003 (limit), 40000 (not attached), 40160 (capability), 80003 (cannot be reached).
        """
        if not 1 <= limit <= _MAX_PAGE:
            raise channel_refusals.bad_argument(f"a page of history holds 1 to {_MAX_PAGE} messages, not {limit}")
        through = self._attachment.start if until_attach else None
        if until_attach and (through is None or self.state is not ChannelState.ATTACHED):
            raise channel_refusals.not_attached("read history until the attachment", self._name, self.state)
        return await self._history.read(limit, through=through)

    # -- what comes in -------------------------------------------------------------------------------------------------

    def take(self, frame: dict[str, Any]) -> dict[str, Any] | None:
        """Take in a frame about this channel; what ably-python shall make of it."""
        attachment, action = self._attachment, frame.get("action")
        if action == Action.ATTACHED:
            attachment.attached(frame)
        elif action in {Action.DETACHED, Action.ERROR}:
            attachment.ended(frame)
            return {**frame, "error": refusals.whole_error(frame.get("error") or {})}
        elif action == Action.MESSAGE:
            return self._take_messages(frame)
        return self._placed(frame)

    def _take_messages(self, frame: dict[str, Any]) -> dict[str, Any] | None:
        if self.state is not ChannelState.ATTACHED:
            return None  # of an attachment that is over: it comes again in the next one, if that is resumed
        self._attachment.moved(frame)
        for message in read_messages(frame):
            self._messages.tell(partial(_own_copy, message))
        return self._placed({**frame, "messages": self._for_others(frame)})

    def _for_others(self, frame: dict[str, Any]) -> list[Any]:
        """What the application's own listeners, if any, hear: without what would cost them all the others (P16)."""
        items = frame.get("messages")
        if not isinstance(items, list) or not has_message_listeners(self._channel):
            return []
        return [item for item in items if isinstance(item, dict) and item.get("name") != "error"]

    def _placed(self, frame: dict[str, Any]) -> dict[str, Any]:
        """With its place in the channel: ably-python forgets the place when one frame does not say it."""
        return frame if frame.get("channelSerial") else {**frame, "channelSerial": self._attachment.position}

    def _changed(self, change: Any) -> None:
        current, previous = ChannelState(change.current.value), ChannelState(change.previous.value)
        is_news, self._attachment.is_news = self._attachment.is_news, False
        if current is previous and not is_news:
            # ably-python could not enter presence again, and says so as if continuity were lost (P18).
            # Without a connection that is no news: with the next one it is entered anew, if there is one.
            level = logging.WARNING if self._client.connection.state.value == "connected" else logging.DEBUG
            _log.log(level, "the client could not be entered anew on channel %r: %s", self._name, change.reason)
            return
        reason = self._attachment.reason
        if change.reason is not None:
            reason = refusals.refused("stay attached", self._name, change.reason)
        is_resumed = current is ChannelState.ATTACHED and bool(change.resumed)
        self._changes.tell(lambda: ChannelStateChange(current, previous, is_resumed, reason))


def _own_copy(message: InboundMessage) -> InboundMessage:
    """For one listener, who may change it."""
    return message._replace(data=copied(message.data), extras=copied(message.extras))
