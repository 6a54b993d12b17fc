"""Names of channels, as frames and addresses give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from . import refusals

_LONGEST: Final = 2_048


def checked_name(name: object) -> str:
    """The name, if a channel can have it. Raises ChannelError 40010 when not."""
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or name[0] in "[:" or not _is_text(name):
        raise refusals.bad_channel(name if isinstance(name, str) and len(name) < 100 else type(name).__name__)
    return name


def channel_name(frame: Mapping[str, Any]) -> str:
    """The channel that a frame is about. Raises ChannelError 40010."""
    return checked_name(frame.get("channel"))


def _is_text(name: str) -> bool:
    """Whether it can be written: half a surrogate pair cannot, and a line break would not survive a log."""
    return name.isprintable()
