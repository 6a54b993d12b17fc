"""One client's connection to a hub: its operations on channels, acknowledged in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.wire import names

from . import refusals
from .capability import Capability, Grant
from .courier import Ack, AckLine, Courier
from .hosted import HostedChannel
from .records import Draft, Entry, Mutation, Publisher
from .rollup import AppendRollup, Held
from .window import RollupWindow


class Connection:
    """Carries operations to hosted channels, and waits for their acknowledgements.

    An operation takes effect in the call itself; the acknowledgement, and every refusal, comes through the courier.
    ``echo_before_ack``: whether a publisher's own message is delivered to it before the acknowledgement, or after.
    ``window`` in seconds: how long appends may be held to be merged; 0 never.
    """

    def __init__(
        self,
        connection_id: str,
        client_id: str | None,
        *,
        capability: Capability,
        latency: float,
        window: float,
        echo_before_ack: bool,
    ) -> None:
        self.id = connection_id
        self.client_id = client_id
        self.capability = capability
        self.latency = latency
        self.courier = Courier(latency)
        self.is_open = True
        self.is_closed = False
        self._echo_before_ack = echo_before_ack
        self._window = window
        self._acks = AckLine(self.courier, wakes_first=not echo_before_ack)
        self._operations = 0
        self._windows: dict[str, RollupWindow[Ack]] = {}

    def check_usable(self, doing: str) -> None:
        """Raises ChannelError 80017 once the connection is closed, 80003 while it is cut."""
        if self.is_closed:
            raise refusals.closed(doing)
        if not self.is_open:
            raise refusals.not_connected(doing)

    async def publish(self, hosted: HostedChannel, grant: Grant, drafts: Sequence[Draft]) -> list[str | None]:
        """Publish messages as one step; their serials."""
        self._release(hosted)
        ack = self._acks.open()
        try:
            published = hosted.publish(drafts, self._publisher(), grant)
        except AITransportError as error:
            self._acks.settle(ack, None, error)
        else:
            self._commit(hosted, published.entry, [(ack, published.serials)])
        serials: list[str | None] = await ack.future
        return serials

    async def mutate(self, hosted: HostedChannel, grant: Grant, action: str, mutation: Mutation) -> str | None:
        """Append, update or delete; the version, or None when the append was merged into a later one."""
        holds = self._window > 0 and action == names.APPEND
        if not holds:
            self._release(hosted)
        ack = self._acks.open()
        publisher = self._publisher()
        try:
            admitted = hosted.admit(action, mutation, publisher, grant)
            if holds:
                self._window_of(hosted).offer(admitted, ack)
            else:
                entry = hosted.mutate(action, admitted, publisher)
                self._commit(hosted, entry, [(ack, entry.position)])
        except AITransportError as error:
            self._acks.settle(ack, None, error)
        version: str | None = await ack.future
        return version

    async def perform(self, hosted: HostedChannel, operation: Callable[[Publisher], None]) -> None:
        """Do something else to a channel, in order with the rest."""
        self._release(hosted)
        ack = self._acks.open()
        try:
            operation(self._publisher())
        except AITransportError as error:
            self._acks.settle(ack, None, error)
        else:
            self._acks.settle(ack, None)
        await ack.future

    async def round_trip(self) -> None:
        """Wait until everything that is under way now has arrived. Raises ChannelError when the connection goes."""
        ack = self._acks.open()
        self._acks.settle(ack, None)
        await ack.future

    def cut(self) -> None:
        """The wire is gone: what the hub has accepted stands, what it sent is lost."""
        self._release_all()
        self.is_open = False
        for item in self._drop():
            item.lose(refusals.unacknowledged())

    def close(self) -> None:
        """End for good, in order: operations are acknowledged, deliveries under way are dropped."""
        if self.is_open:
            self._release_all()
        self.is_open = False
        self.is_closed = True
        for item in self._drop():
            item.arrive()

    def _drop(self) -> list[Ack]:
        return [*(item for item in self.courier.clear() if isinstance(item, Ack)), *self._acks.clear()]

    def _publisher(self) -> Publisher:
        self._operations += 1
        return Publisher(self.id, self.client_id, self._operations)

    def _commit(self, hosted: HostedChannel, entry: Entry | None, results: Sequence[tuple[Ack, Any]]) -> None:
        """Tell everybody attached, and the callers of what became this entry."""
        if self._echo_before_ack and entry is not None:
            hosted.announce(entry)
        for ack, result in results:
            self._acks.settle(ack, result)
        if not self._echo_before_ack and entry is not None:
            hosted.announce(entry)

    # -- held appends --------------------------------------------------------------------------------------------------

    def _window_of(self, hosted: HostedChannel) -> RollupWindow[Ack]:
        window = self._windows.get(hosted.name)
        if window is None:
            rollup: AppendRollup[Ack] = AppendRollup(self._window, hosted.rules.max_message_size)
            window = RollupWindow(rollup, lambda held: self._append(hosted, held), asyncio.get_running_loop)
            self._windows[hosted.name] = window
        return window

    def _release(self, hosted: HostedChannel) -> None:
        window = self._windows.get(hosted.name)
        if window is not None:
            window.release()

    def _release_all(self) -> None:
        for window in self._windows.values():
            window.release()

    def _append(self, hosted: HostedChannel, held: Held[Ack]) -> None:
        mutation, acks = held
        try:
            entry = hosted.mutate(names.APPEND, mutation, self._publisher())
        except AITransportError as error:
            for ack in acks:
                self._acks.settle(ack, None, error)
            return
        *swallowed, newest = acks
        self._commit(hosted, entry, [*((ack, None) for ack in swallowed), (newest, entry.position)])
