"""What can be set about a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and times, as Ably's where it has them; times in ms, sizes in bytes.

    ``immutable_namespaces`` refuse appends, updates and deletes with 93002. ``append_rollup_window`` is for connections
    that ask for none of their own. ``max_grown_size`` bounds what a message becomes by appends: ably-python closes a
    connection that brings more than 1 MiB in one frame. ``max_idle_interval`` is how long a connection is silent before
    a heartbeat. ``connection_state_ttl`` is how long a lost connection can be resumed, ``remain_present_for`` how long
    its members stay. ``max_unsent`` bounds what waits for one client; ``max_rate`` and ``max_channel_rate`` are the
    messages per second that a connection publishes and a channel takes; 0 for no bound.
    """

    immutable_namespaces: frozenset[str] = frozenset()
    append_rollup_window: int = 40
    max_message_size: int = 65_536
    max_grown_size: int = 900_000
    max_frame_size: int = 4 * 1024 * 1024
    max_idle_interval: int = 15_000
    connection_state_ttl: int = 120_000
    remain_present_for: int = 15_000
    max_channels: int = 200
    max_unsent: int = 16 * 1024 * 1024
    max_rate: int = 0
    max_channel_rate: int = 0
    retained_entries: int = 10_000
