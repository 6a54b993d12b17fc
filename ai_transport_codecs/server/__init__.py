"""A server on this machine that speaks Ably's protocol, over the memory channel's log.

It is for development, tests and single-machine use; in production, use Ably. Needs the extra ``server``.

What Ably's clients never ask of a chat is left out: push, statistics, batch requests, token revocation, annotations,
objects, deltas, occupancy events, channel options in names, other transports than WebSocket.
"""

from __future__ import annotations

from .keys import Key, new_key, parse_key
from .local_server import LocalServer
from .settings import Settings

__all__ = ["Key", "LocalServer", "Settings", "new_key", "parse_key"]
