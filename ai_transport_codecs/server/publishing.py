"""What one connection does to channels: publishes, changes and presence, in the order in which they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ai_transport_codecs.channels.memory import refusals as channel_refusals
from ai_transport_codecs.channels.memory.capability import Grant
from ai_transport_codecs.channels.memory.hosted import HostedChannel
from ai_transport_codecs.channels.memory.records import Publisher
from ai_transport_codecs.channels.memory.rollup import AppendRollup, Held
from ai_transport_codecs.channels.memory.window import RollupWindow, Timers
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.wire import names

from .acks import Outcome, Reply
from .identity import Identity
from .messages import action_of, message_items, read_draft, read_mutation
from .refusals import bad_field


class _Ticket(NamedTuple):
    """Stands for one append that is held."""

    outcome: Outcome
    publisher: Publisher


class Publishing:
    """Carries out the publishes of one connection, and decides each outcome: now, or when a window ends.

    ``window``: for how many seconds appends may be held to be merged. ``settled`` is called after an outcome was
    decided later than in the call that it belongs to.
    """

    def __init__(self, connection_id: str, *, window: float, timers: Timers, settled: Callable[[], None]) -> None:
        self.connection_id = connection_id
        self.window = window
        self._timers = timers
        self._settled = settled
        self._windows: dict[str, RollupWindow[_Ticket]] = {}

    def publish(
        self, hosted: HostedChannel, grant: Grant, identity: Identity, frame: Mapping[str, Any], outcome: Outcome
    ) -> None:
        """Do what a MESSAGE frame says. Raises ChannelError for everything that refuses it."""
        items = message_items(frame.get("messages"))
        action = action_of(items[0])
        if action is not None:
            self._mutate(hosted, grant, identity, frame, action, outcome)
            return
        if any(action_of(item) is not None for item in items):
            raise bad_field("a publish", "messages", "new messages and changes cannot be published together")
        self.release(hosted)
        publisher = Publisher(self.connection_id, identity.client_id, frame["msgSerial"])
        drafts = [read_draft(item, identity) for item in items]
        published = hosted.publish(drafts, publisher, grant)
        if published.entry is not None:
            hosted.announce(published.entry)
        outcome.reply = Reply(published.serials)

    def release(self, hosted: HostedChannel) -> None:
        """Let out what is held of that channel, so that nothing overtakes it."""
        window = self._windows.get(hosted.name)
        if window is not None:
            window.release()

    def release_all(self) -> None:
        """Let out what is held."""
        for window in self._windows.values():
            window.release()

    def _mutate(
        self,
        hosted: HostedChannel,
        grant: Grant,
        identity: Identity,
        frame: Mapping[str, Any],
        action: str,
        outcome: Outcome,
    ) -> None:
        items = frame["messages"]
        if len(items) > 1:
            raise bad_field("a publish", "messages", "it holds one append, update or delete at a time")
        version = items[0].get("version")
        who = identity.speaker(version.get("clientId") if isinstance(version, dict) else None)
        publisher = Publisher(self.connection_id, who, frame["msgSerial"])
        mutation = read_mutation(items[0], action)
        holds = self.window > 0 and action == names.APPEND
        if not holds:
            self.release(hosted)
        admitted = hosted.admit(action, mutation, publisher, grant)
        if holds:
            self._window_of(hosted).offer(admitted, _Ticket(outcome, publisher))
            return
        entry = hosted.mutate(action, admitted, publisher)
        hosted.announce(entry)
        outcome.reply = Reply([entry.position])

    def _window_of(self, hosted: HostedChannel) -> RollupWindow[_Ticket]:
        window = self._windows.get(hosted.name)
        if window is None:
            rollup: AppendRollup[_Ticket] = AppendRollup(self.window, hosted.rules.max_message_size)
            window = RollupWindow(rollup, lambda held: self._append(hosted, held), lambda: self._timers)
            self._windows[hosted.name] = window
        return window

    def _append(self, hosted: HostedChannel, held: Held[_Ticket]) -> None:
        *swallowed, newest = held.tickets
        try:
            entry = hosted.mutate(names.APPEND, held.mutation, newest.publisher)
        except AITransportError as error:
            for ticket in held.tickets:
                ticket.outcome.reply = Reply(error=error)
        else:
            hosted.announce(entry)
            for ticket in swallowed:
                ticket.outcome.reply = Reply([None])
            newest.outcome.reply = Reply([entry.position])
        self._settled()


def check_mode(hosted: HostedChannel, modes: frozenset[str] | None, mode: str, grant: Grant, operation: str) -> None:
    """Raises ChannelError 40160 when the attachment leaves out what the capability would allow."""
    if modes is not None and mode not in modes and operation in grant:
        raise channel_refusals.not_in_modes(operation, hosted.name, mode, modes)
