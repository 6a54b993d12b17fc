"""Entering, updating and leaving, as PRESENCE frames ask for it (Ably protocol 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.channels.memory.capability import Grant
from ai_transport_codecs.channels.memory.hosted import HostedChannel
from ai_transport_codecs.channels.memory.records import Member, Publisher

from . import refusals
from .identity import Identity
from .numbers import ENTERS, LEAVE
from .payload import read_payload

_MAX_ITEMS: Final = 200


def enter_or_leave(
    hosted: HostedChannel, grant: Grant, identity: Identity, connection_id: str, frame: Mapping[str, Any]
) -> None:
    """Do what the frame says, all of it or nothing. Raises ChannelError for what refuses it."""
    items = frame.get("presence")
    if not isinstance(items, list) or not 0 < len(items) <= _MAX_ITEMS:
        raise refusals.bad_field("a frame", "presence", f"it has to be an array of 1 to {_MAX_ITEMS} messages")
    changes = [
        _read_change(hosted, grant, identity, connection_id, frame["msgSerial"], index, item)
        for index, item in enumerate(items)
    ]
    for action, member in changes:
        if action == LEAVE:
            hosted.remove_member(member)
        elif not _is_known(hosted, member):
            hosted.put_member(member)


def _read_change(
    hosted: HostedChannel,
    grant: Grant,
    identity: Identity,
    connection_id: str,
    msg_serial: int,
    index: int,
    item: Any,
) -> tuple[int, Member]:
    if not isinstance(item, dict):
        raise refusals.bad_field("a frame", "presence", f"one of them is a {type(item).__name__}")
    action = item.get("action")
    if type(action) is not int or (action not in ENTERS and action != LEAVE):
        raise refusals.bad_field("a presence message", "action", f"{action!r} is none of 1 to 4")
    payload = read_payload(item.get("data"), item.get("encoding"), "announce presence")
    publisher = Publisher(connection_id, identity.speaker(item.get("clientId")), msg_serial)
    id = _id(item.get("id"), connection_id, msg_serial, index)
    return action, hosted.member(publisher, payload.data, grant, id=id, encoding=payload.encoding)


def _id(given: Any, connection_id: str, msg_serial: int, index: int) -> str:
    """The client's own id where it enters again, else one that sorts after all before."""
    own = f"{connection_id}:"
    if isinstance(given, str) and given.startswith(own) and _is_pair(given.removeprefix(own)):
        return given
    return f"{own}{msg_serial}:{index}"


def _is_pair(text: str) -> bool:
    serial, _, index = text.partition(":")
    return all(part.isascii() and part.isdigit() and len(part) < 17 for part in (serial, index))


def _is_known(hosted: HostedChannel, member: Member) -> bool:
    """Whether the member is there just so, which is what a client says that was attached again."""
    known = hosted.presence.get(member.connection_id, member.client_id)
    return isinstance(known, Member) and known.id == member.id and known == member
