"""The whole I/O surface of a session: what a channel must do. Every engine passes the same test suite for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

Unsubscribe: TypeAlias = Callable[[], None]
MessageListener: TypeAlias = Callable[[InboundMessage], None]


class ChannelState(StrEnum):
    """Ably's channel states."""

    INITIALIZED = "initialized"
    ATTACHING = "attaching"
    ATTACHED = "attached"
    DETACHING = "detaching"
    DETACHED = "detached"
    SUSPENDED = "suspended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    """A change of a channel's state.

    ``resumed`` is true when nothing was missed: the messages published meanwhile follow. An ``attached`` that is not
    resumed after an earlier one means that continuity was lost.
    """

    current: ChannelState
    previous: ChannelState
    resumed: bool = False
    reason: AITransportError | None = None


StateListener: TypeAlias = Callable[[ChannelStateChange], None]


@dataclass(frozen=True, slots=True)
class PresenceMember:
    """A member present on the channel."""

    client_id: str
    connection_id: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class PresenceEvent:
    """Somebody entered, updated their data or left. ``action`` is ``enter``, ``present``, ``update`` or ``leave``."""

    action: str
    member: PresenceMember


class Presence(Protocol):
    """Who is on the channel. Entering needs a client id (error 91000 without)."""

    async def enter(self, data: Any = None) -> None: ...
    async def update(self, data: Any = None) -> None: ...
    async def leave(self, data: Any = None) -> None: ...
    async def get(self) -> list[PresenceMember]: ...
    def subscribe(self, listener: Callable[[PresenceEvent], None]) -> Unsubscribe: ...


class HistoryPage(Protocol):
    """One page of history, newest message first; each message once, in its latest version with full contents."""

    @property
    def items(self) -> Sequence[InboundMessage]: ...
    @property
    def has_next(self) -> bool: ...
    async def next(self) -> HistoryPage | None:
        """The page of older messages, or None when there is none."""
        ...


class Channel(Protocol):
    """A named, ordered log of mutable messages, as seen by one client.

    Guarantees: deliveries to one channel object are in channel order and one at a time; a publisher's own messages
    are delivered to it too; the deliveries after ``attach`` start with what is published after it; an append to a
    message of which this attachment has seen nothing yet arrives as an update with the full contents.

    Not guaranteed: that a delivery happens before the publisher's acknowledgement, or after it.

    Every operation raises :class:`~ai_transport_codecs.errors.ChannelError` with the channel's own code when it is
    refused or fails (for example 40009 for a message over ``max_message_size``, 93002 without mutable messages).
    """

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> ChannelState: ...
    @property
    def client_id(self) -> str | None:
        """The identity that this client's messages carry; None when anonymous."""
        ...

    @property
    def max_message_size(self) -> int:
        """The limit for one publish, in bytes over name, client id, extras (as JSON) and data."""
        ...

    @property
    def presence(self) -> Presence: ...

    async def attach(self) -> None: ...
    async def detach(self) -> None: ...
    def subscribe(self, listener: MessageListener) -> Unsubscribe:
        """Call ``listener`` for each message from now on. It must not wait, and what it raises is logged."""
        ...

    def on_state_change(self, listener: StateListener) -> Unsubscribe: ...
    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        """Publish one message, or several as one atomic unit; the serials, one per message, once acknowledged."""
        ...

    async def append(self, mutation: OutboundMutation) -> str | None:
        """Append to a message's data; the version serial, or None when a later write superseded it."""
        ...

    async def update(self, mutation: OutboundMutation) -> str | None:
        """Replace a message's data and extras; the version serial, or None when a later write superseded it."""
        ...

    async def delete(self, serial: str) -> str | None:
        """Mark a message deleted; the version serial."""
        ...

    async def history(self, *, limit: int = 100, until_attach: bool = False) -> HistoryPage:
        """The newest page of past messages; with ``until_attach`` only those before this attachment, without gap."""
        ...


class Ticket(Protocol):
    """A place in the queue for a write."""

    @property
    def is_granted(self) -> bool: ...
    def cancel(self) -> None:
        """Want it no more. Idempotent."""
        ...


class Budget(Protocol):
    """How much may be published, shared by all who publish through one connection."""

    def request(self, on_grant: Callable[[], None], *, cost: int = 1, is_urgent: bool = False) -> Ticket:
        """Ask for a write of ``cost`` messages. If it is not granted at once, ``on_grant`` is called when it is."""
        ...

    async def take(self, cost: int = 1, *, is_urgent: bool = False) -> None:
        """Wait for a write of ``cost`` messages."""
        ...

    def refused(self) -> None:
        """The channel says that it was too much."""
        ...


def budget_of(channel: object) -> Budget | None:
    """The budget that writes to the channel count against: its attribute ``budget``, where it has one."""
    budget: Budget | None = getattr(channel, "budget", None)
    return budget


class ChannelProvider(Protocol):
    """A client: one connection to an engine, from which sessions take channels by name."""

    def channel(
        self, name: str, *, params: Mapping[str, str] | None = None, modes: Sequence[str] | None = None
    ) -> Channel:
        """The channel of that name on this connection, the same object each time; ``params``, ``modes`` as Ably's."""
        ...
