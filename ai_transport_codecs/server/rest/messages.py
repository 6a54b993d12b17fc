"""Publishing, changing and reading messages by REST."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from ai_transport_codecs.channels.memory import refusals as channel_refusals
from ai_transport_codecs.channels.memory.hosted import HostedChannel
from ai_transport_codecs.channels.memory.records import Draft, Publisher, Record, Version
from ai_transport_codecs.channels.memory.serials import is_serial
from ai_transport_codecs.server import refusals
from ai_transport_codecs.server.channel_names import checked_name
from ai_transport_codecs.server.messages import (
    action_of,
    message_items,
    read_draft,
    read_mutation,
    write_record,
)
from ai_transport_codecs.server.site import Site

from .exchange import Call, Reply
from .paging import PageQuery, link_header, read_page_query

_NO_CONNECTION = ""
"""What stands for the connection of a message that was published without one."""


class MessageRoutes:
    """The messages of a site's channels."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def publish(self, call: Call) -> Reply:
        """Publish one message, or an array of them as one unit."""
        name, identity = checked_name(call.names["channel"]), call.identity
        value = call.request.value()
        items = message_items(value if isinstance(value, list) else [value])
        if any(action_of(item) is not None for item in items):
            raise refusals.bad_field("a publish", "action", "a message is changed with PATCH at its own address")
        hosted = self._site.hub.hosted(name)
        self._check_rate(name, len(items))
        drafts = _with_ids([read_draft(item, identity) for item in items])
        publisher = Publisher(_NO_CONNECTION, identity.client_id, 0)
        published = hosted.publish(drafts, publisher, self._site.grant(identity, name))
        if published.entry is not None:
            hosted.announce(published.entry)
        return Reply(201, {"channel": name, "messageId": drafts[0].id, "serials": published.serials})

    def change(self, call: Call) -> Reply:
        """Append to, update or delete a message, as the body's action says."""
        name, identity = checked_name(call.names["channel"]), call.identity
        [item] = message_items([call.request.value()])
        action = action_of(item)
        if action is None:
            raise refusals.bad_field("a change", "action", "it is 1 (update), 2 (delete) or 5 (append)")
        mutation = read_mutation({**item, "serial": call.names["serial"]}, action)
        hosted = self._existing(name, mutation.serial)
        self._check_rate(name, 1)
        version = item.get("version")
        who = identity.speaker(version.get("clientId") if isinstance(version, dict) else None)
        publisher = Publisher(_NO_CONNECTION, who, 0)
        admitted = hosted.admit(action, mutation, publisher, self._site.grant(identity, name))
        entry = hosted.mutate(action, admitted, publisher)
        hosted.announce(entry)
        return Reply(200, {"versionSerial": entry.position})

    def history(self, call: Call) -> Reply:
        """A page of past messages, each in its latest version."""
        name, request = self._readable(call), call.request
        page = read_page_query(request.query)
        # ably-js writes from_serial; the other spelling is what its option is called.
        through = request.query.get("from_serial") or request.query.get("fromSerial") or None
        if through is not None and (page.is_forwards or not is_serial(through)):
            raise refusals.bad_field("the request", "from_serial", "it is a channel serial, and goes backwards only")
        if page.cursor is not None and not is_serial(page.cursor):
            raise refusals.bad_field("the request", "cursor", "it comes from a link to the next page")
        hosted = self._site.hub.find(name)
        records: list[Record] = []
        has_next = False
        if hosted is not None:
            records, has_next = hosted.log.page(
                page.limit,
                forwards=page.is_forwards,
                beyond=page.cursor,
                through=through,
                start=page.start,
                end=page.end,
            )
        links = link_header("messages", request.query, records[-1].serial if has_next else None)
        return Reply(200, _written(records, binary=call.binary), links)

    def message(self, call: Call) -> Reply:
        """One message in its latest version."""
        name, serial = self._readable(call), call.names["serial"]
        record = self._existing(name, serial).log.get(serial)
        if record is None:
            raise channel_refusals.unknown_message("read a message", name, serial)
        return Reply(200, write_record(record, binary=call.binary))

    def versions(self, call: Call) -> Reply:
        """A page of what a message was created as, updated and deleted to; oldest first."""
        name, serial, query = self._readable(call), call.names["serial"], call.request.query
        page = read_page_query(query, forwards=True)
        versions = self._existing(name, serial).log.versions(serial)
        if versions is None:
            raise channel_refusals.unknown_message("read the versions of a message", name, serial)
        chosen = [
            record for record in (versions if page.is_forwards else versions[::-1]) if _is_on(page, record.version)
        ]
        records = chosen[: page.limit]
        next_cursor = records[-1].version.serial if len(chosen) > len(records) else None
        return Reply(200, _written(records, binary=call.binary), link_header("versions", query, next_cursor))

    def _readable(self, call: Call) -> str:
        name = checked_name(call.names["channel"])
        if "history" not in self._site.grant(call.identity, name):
            raise channel_refusals.denied("read history", name, "history")
        return name

    def _existing(self, name: str, serial: str) -> HostedChannel:
        hosted = self._site.hub.find(name)
        if hosted is None:
            raise channel_refusals.unknown_message("find a message", name, serial)
        return hosted

    def _check_rate(self, name: str, count: int) -> None:
        rate = self._site.channel_rate(name)
        if not rate.takes(count):
            raise refusals.channel_too_fast(rate.limit)


def _is_on(page: PageQuery, version: Version) -> bool:
    """Whether the version is within the time that is asked for, and after the page before."""
    if not (page.start or 0) <= version.timestamp <= (version.timestamp if page.end is None else page.end):
        return False
    if page.cursor is None:
        return True
    return version.serial > page.cursor if page.is_forwards else version.serial < page.cursor


def _with_ids(drafts: Sequence[Draft]) -> list[Draft]:
    """The messages with ids, so that the answer can name one; their own if they have any."""
    if any(draft.id for draft in drafts):
        return list(drafts)
    base = secrets.token_urlsafe(9)
    return [draft._replace(id=f"{base}:{index}") for index, draft in enumerate(drafts)]


def _written(records: Sequence[Record], *, binary: bool) -> list[dict[str, object]]:
    return [write_record(record, binary=binary) for record in records]
