"""The numbers of Ably's protocol that a client needs (Ably protocol 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag
from typing import Final

from ai_transport_codecs.wire import names


class Action(IntEnum):
    """What a frame is about."""

    NACK = 2
    CONNECTED = 4
    DISCONNECTED = 6
    ERROR = 9
    ATTACHED = 11
    DETACHED = 13
    PRESENCE = 14
    MESSAGE = 15
    SYNC = 16
    ANNOTATION = 21


CHANNEL_ACTIONS: Final = frozenset(
    {Action.ERROR, Action.ATTACHED, Action.DETACHED, Action.PRESENCE, Action.MESSAGE, Action.SYNC, Action.ANNOTATION}
)


class Flag(IntFlag):
    """What ATTACHED says of an attachment, and the modes; ably-python does not know those of objects."""

    RESUMED = 1 << 2
    PRESENCE = 1 << 16
    PUBLISH = 1 << 17
    SUBSCRIBE = 1 << 18
    PRESENCE_SUBSCRIBE = 1 << 19
    ANNOTATION_PUBLISH = 1 << 21
    ANNOTATION_SUBSCRIBE = 1 << 22
    OBJECT_SUBSCRIBE = 1 << 24
    OBJECT_PUBLISH = 1 << 25


MODES: Final[Mapping[str, Flag]] = {str(flag.name): flag for flag in Flag if flag >= Flag.PRESENCE}


def modes_in(flags: int) -> frozenset[str]:
    """The modes that were granted."""
    return frozenset(name for name, flag in MODES.items() if flags & flag)


def mode_flags(modes: Iterable[str]) -> list[Flag]:
    """The modes of those names. Raises KeyError for one that does not exist."""
    return [MODES[mode.upper()] for mode in modes]


MESSAGE_ACTIONS: Final[Mapping[int, str]] = {
    0: names.CREATE,
    1: names.UPDATE,
    2: names.DELETE,
    3: names.META,
    4: names.SUMMARY,
    5: names.APPEND,
}
ACTION_NUMBERS: Final[Mapping[str, int]] = {name: number for number, name in MESSAGE_ACTIONS.items()}
