"""The in-process engine: every channel of a process, and who is connected."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ai_transport_codecs.errors import InvalidArgumentError

from .capability import Capability
from .client import MemoryClient
from .connection import Connection
from .hosted import ChannelRules, HostedChannel
from .records import Entry
from .serials import SerialClock

MAX_ROLLUP_WINDOW: Final = 0.5
"""The longest time, in seconds, that appends are held to be merged (Ably protocol 6.4)."""


class MemoryHub:
    """Channels without a network: what Ably does with mutable messages, in one process and one event loop.

    ``clock`` gives seconds since the epoch and ``site`` is a part of all serials, so that tests can have the same ones
    each time. ``immutable_namespaces`` (the text of a channel's name before its first ``:``; ``"*"`` for all) refuse
    appends, updates and deletes with 93002. ``max_message_size`` is in bytes, and so is ``max_grown_size``,
    which bounds what a message becomes by appends (0: no bound). ``retained_entries`` is how many
    operations of each channel a client may miss and still resume; ``id_window`` for how many seconds a message id is
    recognised when it is published again.

    For every client, unless it says otherwise: ``latency``, the seconds that deliveries and acknowledgements take;
    ``append_rollup_window``, the seconds for which appends are held to be merged (Ably: 0.04; at most 0.5).

    ``journal`` is told the name of the channel and the entry for everything that a channel takes in; :meth:`restore`
    builds the channels of another hub anew from what it was told.

    A publisher's own message arrives before the acknowledgement, or with ``echo_before_ack=False`` after the publisher
    was told. Real engines promise neither.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        site: str = "memory",
        immutable_namespaces: Collection[str] = (),
        max_message_size: int = 65_536,
        max_grown_size: int = 0,
        retained_entries: int = 10_000,
        id_window: float = 120.0,
        latency: float = 0.0,
        append_rollup_window: float = 0.0,
        echo_before_ack: bool = True,
        journal: Callable[[str, Entry], None] | None = None,
    ) -> None:
        self._clock = SerialClock(lambda: int(clock() * 1000), site)
        self._immutable = frozenset(immutable_namespaces)
        self._rules = ChannelRules(
            max_message_size=max_message_size,
            max_grown_size=max_grown_size,
            retained=retained_entries,
            id_window=int(id_window * 1000),
        )
        self._latency = _checked("latency", latency)
        self._window = _checked("append_rollup_window", append_rollup_window, MAX_ROLLUP_WINDOW)
        self._echo_before_ack = echo_before_ack
        self._journal = journal
        self._channels: dict[str, HostedChannel] = {}
        self._connections = 0

    def client(
        self,
        client_id: str | None = None,
        *,
        capability: Mapping[str, Sequence[str]] | None = None,
        latency: float | None = None,
        append_rollup_window: float | None = None,
    ) -> MemoryClient:
        """A new connected client, anonymous without ``client_id``.

        ``capability`` maps channel names or patterns to operations (``publish``, ``subscribe``, ``history``,
        ``presence``, ``message-update-own``, ``message-update-any``, ``message-delete-own``, ``message-delete-any`` or
        ``*``); None allows everything. Anything not allowed raises ChannelError 40160.
        """
        connection = Connection(
            self.next_connection_id(),
            client_id,
            capability=Capability(capability),
            latency=self._latency if latency is None else _checked("latency", latency),
            window=self._window
            if append_rollup_window is None
            else _checked("append_rollup_window", append_rollup_window, MAX_ROLLUP_WINDOW),
            echo_before_ack=self._echo_before_ack,
        )
        return MemoryClient(connection, self)

    def hosted(self, name: str) -> HostedChannel:
        """The channel of that name where it lives, made when it is first asked for."""
        channel = self._channels.get(name)
        if channel is None:
            is_immutable = bool({"*", name.partition(":")[0]} & self._immutable)
            rules = replace(self._rules, mutable=not is_immutable)
            channel = self._channels[name] = HostedChannel(name, self._clock, rules, self._journal)
        return channel

    def find(self, name: str) -> HostedChannel | None:
        """The channel of that name, if anybody ever asked :meth:`hosted` for it."""
        return self._channels.get(name)

    def restore(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Take in what a journal was told, in that order; serials go on after it.

        Raises ValueError or KeyError for what no journal was told.
        """
        for name, entry in entries:
            self.hosted(name).log.restore((entry,))

    def next_connection_id(self) -> str:
        """An id that no other connection of this hub has or had."""
        self._connections += 1
        return f"memory-{self._connections}"


def _checked(what: str, seconds: float, most: float = 60.0) -> float:
    if not 0 <= seconds <= most:
        raise InvalidArgumentError(f"{what} is between 0 and {most} seconds, not {seconds}")
    return seconds
