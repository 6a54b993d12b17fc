"""The parameters of a connection's address (Ably protocol 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from . import refusals
from .formats import JSON, MSGPACK, Format
from .settings import Settings

_WINDOWS: Final = frozenset({0, 20, 40, 100, 500})
_LONGEST_ABSENCE: Final = 120_000


class ConnectParams(NamedTuple):
    """What a client asks for: ``window`` in seconds, other times in ms.

    ``heartbeats``: whether as frames; ably-js in node hears the socket's own pings. ``resume`` is a connection key.
    """

    echo: bool
    heartbeats: bool
    idle_interval: int
    window: float
    remain_present_for: int
    resume: str | None


def read_format(query: Mapping[str, str]) -> Format | None:
    """How its frames are written; None when it asks for something else than JSON or msgpack."""
    return {"json": JSON, "msgpack": MSGPACK}.get(query.get("format", "json"))


def read_connect(query: Mapping[str, str], settings: Settings) -> ConnectParams:
    """What the address asks for; unknown parameters are ignored. Raises ChannelError 40003 for impossible values."""
    if read_format(query) is None:
        raise refusals.bad_field("the connection", "format", "it is 'json' or 'msgpack'")
    window = _number(query, "appendRollupWindow", settings.append_rollup_window, 0, 500)
    if window not in _WINDOWS and "appendRollupWindow" in query:
        raise refusals.bad_field("the connection", "appendRollupWindow", "it is 0, 20, 40, 100 or 500 ms")
    return ConnectParams(
        echo=query.get("echo", "true").lower() != "false",
        heartbeats=query.get("heartbeats", "true").lower() != "false",
        idle_interval=_number(query, "heartbeatInterval", settings.max_idle_interval, 5_000, 1_800_000),
        window=window / 1000,
        remain_present_for=_number(query, "remainPresentFor", settings.remain_present_for, 0, _LONGEST_ABSENCE),
        resume=query.get("resume") or query.get("recover") or None,
    )


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise refusals.bad_field("the connection", name, f"it is a number of ms from {least} to {most}")
    return int(text)
