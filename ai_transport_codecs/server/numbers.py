"""The numbers of Ably's protocol: what frames, messages and presence say with an integer (Ably protocol 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag
from typing import Final

from ai_transport_codecs.wire import names


class Action(IntEnum):
    """What a frame is."""

    HEARTBEAT = 0
    ACK = 1
    NACK = 2
    CONNECT = 3
    CONNECTED = 4
    DISCONNECT = 5
    DISCONNECTED = 6
    CLOSE = 7
    CLOSED = 8
    ERROR = 9
    ATTACH = 10
    ATTACHED = 11
    DETACH = 12
    DETACHED = 13
    PRESENCE = 14
    MESSAGE = 15
    SYNC = 16
    AUTH = 17
    ACTIVATE = 18
    OBJECT = 19
    OBJECT_SYNC = 20
    ANNOTATION = 21


ACTIONS: Final[Mapping[int, Action]] = {int(action): action for action in Action}


class Flag(IntFlag):
    """What an attachment is, and in its higher bits what it may do."""

    HAS_PRESENCE = 1 << 0
    HAS_BACKLOG = 1 << 1
    RESUMED = 1 << 2
    ATTACH_RESUME = 1 << 5
    PRESENCE = 1 << 16
    PUBLISH = 1 << 17
    SUBSCRIBE = 1 << 18
    PRESENCE_SUBSCRIBE = 1 << 19
    ANNOTATION_PUBLISH = 1 << 21
    ANNOTATION_SUBSCRIBE = 1 << 22
    OBJECT_SUBSCRIBE = 1 << 24
    OBJECT_PUBLISH = 1 << 25


_MODES: Final = tuple((flag.name or "", int(flag)) for flag in Flag if flag >= Flag.PRESENCE)


def modes_in(flags: int) -> list[str] | None:
    """The modes that an attach asks for; None when it leaves the choice to the server."""
    return [name for name, bit in _MODES if flags & bit] or None


def mode_flags(modes: Iterable[str]) -> int:
    """The bits of these modes."""
    granted = frozenset(modes)
    return sum(bit for name, bit in _MODES if name in granted)


MESSAGE_ACTIONS: Final[Mapping[str, int]] = {
    names.CREATE: 0,
    names.UPDATE: 1,
    names.DELETE: 2,
    names.META: 3,
    names.SUMMARY: 4,
    names.APPEND: 5,
}

# What a client may publish: a message, or a change of one.
CREATE: Final = 0
MUTATIONS: Final[Mapping[int, str]] = {1: names.UPDATE, 2: names.DELETE, 5: names.APPEND}

PRESENCE_ACTIONS: Final[Mapping[str, int]] = {"present": 1, "enter": 2, "leave": 3, "update": 4}
ENTERS: Final = frozenset({1, 2, 4})
LEAVE: Final = 3
