"""Presence and the state of a channel by REST."""

from __future__ import annotations

from typing import Any

from ai_transport_codecs.channels.memory import refusals as channel_refusals
from ai_transport_codecs.channels.memory.records import Member
from ai_transport_codecs.channels.protocol import PresenceEvent
from ai_transport_codecs.server import refusals
from ai_transport_codecs.server.channel_names import checked_name
from ai_transport_codecs.server.members import write_member
from ai_transport_codecs.server.site import Site

from .exchange import Call, Reply
from .paging import PageQuery, link_header, read_page_query


class PresenceRoutes:
    """Who is on a site's channels."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def members(self, call: Call) -> Reply:
        """A page of who is there; of one ``clientId`` or ``connectionId`` if the query names it."""
        name, query = self._allowed(call, "subscribe", "read presence"), call.request.query
        page = read_page_query(query, forwards=True)
        hosted = self._site.hub.find(name)
        chosen = [
            member
            for member in ([] if hosted is None else hosted.presence.members)
            if query.get("clientId") in {None, member.client_id}
            if query.get("connectionId") in {None, member.connection_id}
        ]
        offset = _cursor(page)
        shown = chosen[offset : offset + page.limit]
        next_cursor = str(offset + page.limit) if offset + page.limit < len(chosen) else None
        written = [write_member(member, "present", binary=call.binary) for member in shown]
        return Reply(200, written, link_header("presence", query, next_cursor))

    def history(self, call: Call) -> Reply:
        """A page of who came, changed and left, as far as the server remembers."""
        name, query = self._allowed(call, "history", "read presence history"), call.request.query
        page = read_page_query(query)
        hosted = self._site.hub.find(name)
        past = [] if hosted is None else hosted.presence_past.changes
        cursor = _cursor(page)
        chosen = [
            change
            for change in (past if page.is_forwards else past[::-1])
            if _is_within(change.event, page)
            if not cursor or (change.number > cursor if page.is_forwards else change.number < cursor)
        ]
        shown = chosen[: page.limit]
        next_cursor = str(shown[-1].number) if len(chosen) > len(shown) else None
        written = [write_member(change.event.member, change.event.action, binary=call.binary) for change in shown]
        return Reply(200, written, link_header("history", query, next_cursor))

    def details(self, call: Call) -> Reply:
        """How many are attached to a channel, and as what."""
        name = self._allowed(call, "channel-metadata", "read the state")
        hosted = self._site.hub.find(name)
        modes = [] if hosted is None else [sink.modes for sink in hosted.sinks]
        members = [] if hosted is None else hosted.presence.members
        metrics: dict[str, Any] = {
            "connections": len(modes),
            "publishers": sum("PUBLISH" in each for each in modes),
            "subscribers": sum("SUBSCRIBE" in each for each in modes),
            "presenceConnections": sum("PRESENCE" in each for each in modes),
            "presenceSubscribers": sum("PRESENCE_SUBSCRIBE" in each for each in modes),
            "presenceMembers": len(members),
        }
        status = {"isActive": bool(modes), "occupancy": {"metrics": metrics}}
        return Reply(200, {"channelId": name, "name": name, "status": status})

    def _allowed(self, call: Call, operation: str, doing: str) -> str:
        name = checked_name(call.names["channel"])
        if operation not in self._site.grant(call.identity, name):
            raise channel_refusals.denied(doing, name, operation)
        return name


def _cursor(page: PageQuery) -> int:
    text = page.cursor or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise refusals.bad_field("the request", "cursor", "it comes from a link to the next page")
    return int(text)


def _is_within(event: PresenceEvent, page: PageQuery) -> bool:
    time = event.member.timestamp if isinstance(event.member, Member) else 0
    return (page.start or 0) <= time and (page.end is None or time <= page.end)
