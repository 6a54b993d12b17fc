"""A channel of the in-process engine, as one client sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ai_transport_codecs.channels.protocol import (
    ChannelState,
    MessageListener,
    PresenceEvent,
    StateListener,
    Unsubscribe,
)
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

from . import refusals
from .attaching import AttachedFrame, Attaching
from .capability import Grant
from .connection import Connection
from .history import HistoryReader, MemoryHistoryPage
from .hosted import HostedChannel
from .listeners import Listeners
from .presence import MemoryPresence
from .records import Draft, Entry, Mutation

MAX_PAGE: Final = 1_000
"""The most messages on one page of history."""


class MemoryChannel:
    """One client's view of one channel; made by :meth:`~.client.MemoryClient.channel`.

    As :class:`~ai_transport_codecs.channels.protocol.Channel` promises, and besides: what is published is copied in the
    call, and each listener gets messages of its own, so nobody can change what others see. Writes work without
    attaching; they take effect in the call, in the order of the calls, whatever becomes of the task that awaits them.
    """

    def __init__(self, connection: Connection, hosted: HostedChannel) -> None:
        self._connection = connection
        self._hosted = hosted
        self._messages: Listeners[InboundMessage] = Listeners("message")
        self._presence = MemoryPresence(connection, hosted, self)
        self._attaching = Attaching(
            connection,
            hosted,
            self,
            entered=self._entered,
            left=self._presence.forget,
            is_heard=lambda: bool(self._messages),
        )

    @property
    def name(self) -> str:
        return self._hosted.name

    @property
    def state(self) -> ChannelState:
        return self._attaching.state

    @property
    def client_id(self) -> str | None:
        return self._connection.client_id

    @property
    def max_message_size(self) -> int:
        return self._hosted.rules.max_message_size

    @property
    def presence(self) -> MemoryPresence:
        return self._presence

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters that the channel was asked for with."""
        return dict(self._attaching.params)

    @property
    def modes(self) -> frozenset[str]:
        """The modes that were granted; empty before the channel is attached."""
        return self._attaching.modes

    @property
    def grant(self) -> Grant:
        """What the client's capability allows on this channel."""
        return self._attaching.grant

    async def attach(self) -> None:
        """Attach, unless attached already.

        Raises ChannelError 80003 while disconnected, 80017 when closed, 40003 for malformed params or modes, 40160
        when the capability covers nothing here, or not the messages that somebody already listens for.
        """
        await self._attaching.attach()

    async def detach(self) -> None:
        """Detach; the members of this client leave presence. Raises ChannelError 90001 when the channel failed."""
        await self._attaching.detach()

    def subscribe(self, listener: MessageListener) -> Unsubscribe:
        """Call ``listener`` for each message from now on, while attached. What it raises is logged.

        Raises ChannelError 40160 when the channel is attached to a client that may not subscribe.
        """
        if self.state is ChannelState.ATTACHED and "subscribe" not in self.grant:
            raise refusals.denied("subscribe", self.name, "subscribe")
        return self._messages.add(listener)

    def on_state_change(self, listener: StateListener) -> Unsubscribe:
        """Call ``listener`` for each change of state, also from attached to attached."""
        return self._attaching.changes.add(listener)

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        """Publish one message, or up to 1,000 as one atomic unit; the serials, one per message.

        A publish whose messages have the ids of an earlier one, within two minutes, does nothing and gives its serials.

        Raises ChannelError 40009 (size), 40013 (data), 40031 (ids), 40034 (count), 40160 (capability or mode), 80003
        (connection), 80017 (closed), 90001 (channel state).
        """
        self._check_writable("publish")
        listed = [messages] if isinstance(messages, OutboundMessage) else messages
        drafts = [Draft(message.name, message.data, message.extras, message.id) for message in listed]
        return await self._connection.publish(self._hosted, self.grant, drafts) if drafts else []

    async def append(self, mutation: OutboundMutation) -> str | None:
        """Append to a message's data; the version, or None when it was merged into a later append.

        Raises ChannelError 40003 (no serial), 40400 (no such message), 40013 (another type of data), 93002 (namespace),
        40166 (somebody else's), and as :meth:`publish`.
        """
        return await self._mutate(names.APPEND, Mutation(mutation.serial, mutation.data, mutation.extras))

    async def update(self, mutation: OutboundMutation) -> str | None:
        """Replace a message's data, unless it is ABSENT, and extras; the version. Raises as :meth:`append`."""
        return await self._mutate(names.UPDATE, Mutation(mutation.serial, mutation.data, mutation.extras))

    async def delete(self, serial: str) -> str | None:
        """Mark a message deleted; the version. Its contents stay in history. Raises as :meth:`append`."""
        return await self._mutate(names.DELETE, Mutation(serial))

    async def history(self, *, limit: int = 100, until_attach: bool = False) -> MemoryHistoryPage:
        """The newest page of past messages, at most 1,000; works while disconnected, for it needs no attachment.

        With ``until_attach``, those created before this attachment, also when it was resumed: together with what is
        delivered live that is everything once, whenever the pages are read. Changes made since then are in the
        versions that history shows.

        Raises ChannelError 40003 (limit), 40000 (not attached), 40160 (capability), 80017 (closed).
        """
        if self._connection.is_closed:
            raise refusals.closed("read history")
        if "history" not in self.grant:
            raise refusals.denied("read history", self.name, "history")
        if not 1 <= limit <= MAX_PAGE:
            raise refusals.bad_argument(f"a page of history holds 1 to {MAX_PAGE} messages, not {limit}")
        attachment = self._attaching.attachment
        if until_attach and (attachment is None or self.state is not ChannelState.ATTACHED):
            raise refusals.not_attached("read history until the attachment", self.name, self.state)
        through = attachment.start if until_attach and attachment is not None else None
        return await HistoryReader(self._hosted, limit, through, self._connection.latency).read()

    def _check_writable(self, doing: str) -> None:
        self._connection.check_usable(doing)
        if self.state in {ChannelState.FAILED, ChannelState.SUSPENDED}:
            raise refusals.wrong_state(doing, self.name, self.state)
        is_left_out = self.state is ChannelState.ATTACHED and "PUBLISH" not in self.modes
        if is_left_out and "publish" in self.grant:
            raise refusals.not_in_modes(doing, self.name, "PUBLISH", self.modes)

    async def _mutate(self, action: str, mutation: Mutation) -> str | None:
        self._check_writable(action.removeprefix("message."))
        return await self._connection.mutate(self._hosted, self.grant, action, mutation)

    # -- called by the client ------------------------------------------------------------------------------------------

    def configure(self, params: Mapping[str, str] | None, modes: Sequence[str] | None) -> None:
        """What the next attachment asks for, besides what it asks for already."""
        self._attaching.configure(params, modes)

    def cut(self) -> None:
        """The connection is cut."""
        self._attaching.cut()

    def suspend(self) -> None:
        """The connection's state is gone."""
        self._attaching.suspend()

    def close(self) -> None:
        """The connection is closed."""
        self._attaching.close()

    def reattach(self, *, resume: bool) -> None:
        """The connection is back."""
        self._attaching.reattach(resume=resume)

    # -- called by the hub ---------------------------------------------------------------------------------------------

    def take_entry(self, entry: Entry) -> None:
        """Something happened on the channel."""
        self._connection.courier.post(self._deliver, entry)

    def take_presence(self, event: PresenceEvent) -> None:
        """Somebody came, changed or left."""
        self._connection.courier.post(self._deliver_presence, event)

    def _entered(self, frame: AttachedFrame) -> None:
        self._presence.synchronise(frame.members)
        for record in frame.backlog:
            self._messages.tell(record.message)
        for entry in frame.missed:
            self._deliver(entry)

    def _deliver(self, entry: Entry) -> None:
        attachment = self._attaching.attachment
        if attachment is None or self._attaching.state is not ChannelState.ATTACHED:
            return
        self._attaching.received = entry.position
        for record in attachment.deliveries(entry):
            self._messages.tell(record.message)

    def _deliver_presence(self, event: PresenceEvent) -> None:
        if self._attaching.state is ChannelState.ATTACHED:
            self._presence.take(event)
