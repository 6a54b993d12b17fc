"""Who is on one channel: a value set, with no idea of how its changes are told (Ably protocol 8)."""

from __future__ import annotations

from typing import Any, Final

from ai_transport_codecs.channels.protocol import PresenceEvent, PresenceMember
from ai_transport_codecs.wire.absent import ABSENT

ENTER: Final = "enter"
PRESENT: Final = "present"
UPDATE: Final = "update"
LEAVE: Final = "leave"


class PresenceSet:
    """The members of one channel, in the order they entered. One identity may be there on several connections."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], PresenceMember] = {}

    @property
    def members(self) -> list[PresenceMember]:
        return list(self._members.values())

    def put(self, connection_id: str, client_id: str, data: Any) -> PresenceEvent:
        """Enter, or change the data of who is there already; the event to tell."""
        member = PresenceMember(client_id, connection_id, data)
        is_there = (connection_id, client_id) in self._members
        self._members[connection_id, client_id] = member
        return PresenceEvent(UPDATE if is_there else ENTER, member)

    def remove(self, connection_id: str, client_id: str, data: Any = None) -> PresenceEvent | None:
        """Leave, with the given data if any; the event to tell, or None when it was not there."""
        member = self._members.pop((connection_id, client_id), None)
        if member is None:
            return None
        if data is not None and data is not ABSENT:
            member = PresenceMember(client_id, connection_id, data)
        return PresenceEvent(LEAVE, member)

    def remove_connection(self, connection_id: str) -> list[PresenceEvent]:
        """Everybody of a connection that is gone leaves; the events to tell."""
        gone = [member for member in self._members.values() if member.connection_id == connection_id]
        return [event for member in gone if (event := self.remove(connection_id, member.client_id)) is not None]

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
