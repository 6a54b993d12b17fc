"""Who is on one channel: a value set, with no idea of how its changes are told (Ably protocol 8)."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final, NamedTuple

from ai_transport_codecs.channels.protocol import PresenceEvent, PresenceMember
from ai_transport_codecs.wire.absent import ABSENT

ENTER: Final = "enter"
PRESENT: Final = "present"
UPDATE: Final = "update"
LEAVE: Final = "leave"


MAX_PAST: Final = 1_000
"""How many of the newest changes are remembered."""


class Past(NamedTuple):
    """A change that was told, and its number."""

    number: int
    event: PresenceEvent


class PresencePast:
    """The newest changes of one channel's presence."""

    def __init__(self) -> None:
        self._count = 0
        self._changes: deque[Past] = deque(maxlen=MAX_PAST)

    def add(self, event: PresenceEvent) -> None:
        """A change that is told now."""
        self._count += 1
        self._changes.append(Past(self._count, event))

    @property
    def changes(self) -> list[Past]:
        """What is remembered, oldest first."""
        return list(self._changes)


class PresenceSet:
    """The members of one channel, in the order they entered. One identity may be there on several connections."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], PresenceMember] = {}

    @property
    def members(self) -> list[PresenceMember]:
        return list(self._members.values())

    def get(self, connection_id: str, client_id: str) -> PresenceMember | None:
        """The member of that identity on that connection, or None."""
        return self._members.get((connection_id, client_id))

    def put(self, member: PresenceMember) -> PresenceEvent:
        """Enter, or change the data of who is there already; the event to tell."""
        key = (member.connection_id, member.client_id)
        is_there = key in self._members
        self._members[key] = member
        return PresenceEvent(UPDATE if is_there else ENTER, member)

    def remove(self, leaving: PresenceMember) -> PresenceEvent | None:
        """Leave, with the data of ``leaving`` if any; the event to tell, or None when it was not there."""
        member = self._members.pop((leaving.connection_id, leaving.client_id), None)
        if member is None:
            return None
        if leaving.data is None or leaving.data is ABSENT:
            leaving = replace(leaving, data=member.data)
        return PresenceEvent(LEAVE, leaving)

    def of_connection(self, connection_id: str) -> list[PresenceMember]:
        """Everybody who is there on that connection."""
        return [member for member in self._members.values() if member.connection_id == connection_id]

    def follow(self, event: PresenceEvent) -> None:
        """Do what another set told."""
        key = (event.member.connection_id, event.member.client_id)
        if event.action == LEAVE:
            self._members.pop(key, None)
        else:
            self._members[key] = event.member

    def become(self, members: list[PresenceMember]) -> list[PresenceEvent]:
        """Take over what another set has; the events that tell the difference."""
        now = {(member.connection_id, member.client_id): member for member in members}
        left = [PresenceEvent(LEAVE, member) for key, member in self._members.items() if key not in now]
        came = [PresenceEvent(PRESENT, member) for key, member in now.items() if self._members.get(key) != member]
        self._members = now
        return left + came
