"""Message values that cross the channel, in both directions; cheap to construct, for there is one per token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .absent import ABSENT


class InboundMessage(NamedTuple):
    """One delivery of the channel: live, from a rewind or from history.

    ``action`` is one of the ``message.*`` names in :mod:`.names`. ``serial`` stays the same for the life of a message,
    ``version`` grows with every mutation of it and equals ``serial`` before the first; both compare as plain strings.
    ``timestamp`` is the creation time in milliseconds since the epoch. An append has no ``name`` and only the appended
    ``data``. ``extras`` and ``data`` are whatever the publisher sent: untrusted.
    """

    action: str
    serial: str | None = None
    version: str | None = None
    timestamp: int | None = None
    name: str | None = None
    data: Any = ABSENT
    extras: Any = None
    client_id: str | None = None
    connection_id: str | None = None
    id: str | None = None


@dataclass(slots=True)
class OutboundMessage:
    """A message to publish; ``data`` may be ABSENT. ``id`` makes a retried publish idempotent, if the channel can."""

    name: str
    data: Any
    extras: dict[str, Any]
    id: str | None = None


@dataclass(slots=True)
class OutboundMutation:
    """An append to, or a full update of, the published message ``serial``. ``extras`` replace the stored ones whole."""

    serial: str
    data: Any
    extras: dict[str, Any]
