"""What a client may do on which channel (Ably protocol 5.1 and 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from . import refusals

ALL_OPERATIONS: Final = frozenset({"*"})

_DEFAULT_MODES: Final = ("PUBLISH", "SUBSCRIBE", "PRESENCE", "PRESENCE_SUBSCRIBE", "ANNOTATION_PUBLISH")

_OPERATION_FOR: Final[Mapping[str, str]] = {
    "PUBLISH": "publish",
    "SUBSCRIBE": "subscribe",
    "PRESENCE": "presence",
    "PRESENCE_SUBSCRIBE": "subscribe",
    "ANNOTATION_PUBLISH": "annotation-publish",
    "ANNOTATION_SUBSCRIBE": "annotation-subscribe",
    "OBJECT_PUBLISH": "object-publish",
    "OBJECT_SUBSCRIBE": "object-subscribe",
}


class Capability:
    """Channel patterns and the operations they grant; None grants everything everywhere.

    ``*`` stands for any channel, ``ns:*`` for everything in that namespace, ``a:*:c`` for any one segment in the
    middle; every other name is that channel. The operation ``*`` is every operation.
    """

    def __init__(self, grants: Mapping[str, Sequence[str]] | None = None) -> None:
        self._grants = None if grants is None else [(key.split(":"), frozenset(ops)) for key, ops in grants.items()]

    def operations(self, channel: str) -> Grant:
        """What it grants on ``channel``."""
        if self._grants is None:
            return Grant(ALL_OPERATIONS)
        name = channel.split(":")
        return Grant(frozenset[str]().union(*(ops for pattern, ops in self._grants if _covers(pattern, name))))


class Grant:
    """The operations that a client may do on one channel."""

    __slots__ = ("_all", "_operations")

    def __init__(self, operations: frozenset[str]) -> None:
        self._operations = operations
        self._all = "*" in operations

    def __contains__(self, operation: object) -> bool:
        return self._all or operation in self._operations

    def modes(self, requested: Iterable[str] | None) -> frozenset[str]:
        """The modes of an attachment: what is requested, or the default set, as far as this grant covers it.

        Raises ChannelError 40003 for a mode that does not exist.
        """
        wanted = _DEFAULT_MODES if requested is None else tuple(mode.upper() for mode in requested)
        for mode in wanted:
            if mode not in _OPERATION_FOR:
                raise refusals.bad_argument(
                    f"unable to attach; {mode!r} is not a channel mode, these are: {', '.join(_OPERATION_FOR)}"
                )
        return frozenset(mode for mode in wanted if _OPERATION_FOR[mode] in self)

    def check_mutation(self, doing: str, channel: str, owner: str | None, client_id: str | None) -> None:
        """Raises ChannelError 40160 or 40166 unless ``client_id`` may do that to a message of ``owner``."""
        if self._all:
            return
        operation = "message-delete" if doing == "delete" else "message-update"
        if f"{operation}-any" in self._operations:
            return
        if f"{operation}-own" not in self._operations:
            raise refusals.denied(doing, channel, f"{operation}-own")
        if client_id is None or client_id == "*":
            raise refusals.anonymous_owner(doing, f"{operation}-own")
        if owner != client_id:
            raise refusals.denied(doing, channel, f"{operation}-any")


def _covers(pattern: Sequence[str], name: Sequence[str]) -> bool:
    if pattern[-1] == "*":
        head = pattern[:-1]
        return len(name) > len(head) and _same(head, name)
    return len(pattern) == len(name) and _same(pattern, name)


def _same(pattern: Sequence[str], name: Sequence[str]) -> bool:
    return all(part in {"*", segment} for part, segment in zip(pattern, name, strict=False))
