"""Presence as frames and bodies carry it (Ably protocol 8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ai_transport_codecs.channels.memory.records import Member
from ai_transport_codecs.channels.protocol import PresenceEvent, PresenceMember

from .numbers import PRESENCE_ACTIONS, Action
from .payload import write_payload

_PER_SYNC: Final = 100


def write_member(member: PresenceMember, action: str, *, binary: bool) -> dict[str, Any]:
    """A presence message, without what it does not have."""
    message: dict[str, Any] = {
        "action": PRESENCE_ACTIONS[action],
        "clientId": member.client_id,
        "connectionId": member.connection_id,
    }
    encoding: str | None = None
    if isinstance(member, Member):  # else it came from this process, by the memory channel
        message |= {"id": member.id, "timestamp": member.timestamp}
        encoding = member.encoding
    if member.data is not None:
        message["data"], encoding = write_payload(member.data, encoding, binary=binary)
        if encoding is not None:
            message["encoding"] = encoding
    return message


def presence_frame(channel: str, event: PresenceEvent, *, binary: bool) -> dict[str, Any]:
    """The frame that tells of one change."""
    message = write_member(event.member, event.action, binary=binary)
    return {
        "action": int(Action.PRESENCE),
        "channel": channel,
        "connectionId": event.member.connection_id,
        "presence": [message],
    }


def sync_frames(
    channel: str, members: Sequence[PresenceMember], sequence: str, *, binary: bool
) -> Iterator[dict[str, Any]]:
    """The frames that tell who is there; the last one has no cursor, which ends it."""
    starts = range(0, len(members), _PER_SYNC) or (0,)
    for start in starts:
        end = start + _PER_SYNC
        cursor = str(end) if end < len(members) else ""
        yield {
            "action": int(Action.SYNC),
            "channel": channel,
            "channelSerial": f"{sequence}:{cursor}",
            "presence": [write_member(member, "present", binary=binary) for member in members[start:end]],
        }
