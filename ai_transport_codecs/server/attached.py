"""One connection's attachment to a channel, at the server's end (Ably protocol 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ai_transport_codecs.channels.memory import refusals as channel_refusals
from ai_transport_codecs.channels.memory.attach_params import AttachParams, parse_params
from ai_transport_codecs.channels.memory.attachment import Attachment
from ai_transport_codecs.channels.memory.capability import Grant
from ai_transport_codecs.channels.memory.hosted import HostedChannel
from ai_transport_codecs.channels.memory.records import Entry, Record
from ai_transport_codecs.channels.memory.serials import is_serial
from ai_transport_codecs.channels.protocol import PresenceEvent
from ai_transport_codecs.errors import AITransportError

from . import refusals
from .link import Link
from .members import presence_frame, sync_frames
from .messages import message_frame, write_record
from .numbers import Action, Flag, mode_flags, modes_in
from .refusals import error_info

_MAX_PARAMS: Final = 32
_BACKLOG_BYTES: Final = 512 * 1024
"""How much of a backlog goes into one frame: clients close the connection at 1 MiB."""


class AttachRequest(NamedTuple):
    """What a client asks for."""

    params: Mapping[str, str]
    modes: Sequence[str] | None
    channel_serial: str | None


def read_attach(frame: Mapping[str, Any]) -> AttachRequest:
    """What an ATTACH frame asks for. Raises ChannelError 40003 for what makes no sense."""
    params, flags, serial = frame.get("params"), frame.get("flags"), frame.get("channelSerial")
    if params is None:
        params = {}
    if not isinstance(params, dict) or len(params) > _MAX_PARAMS:
        raise refusals.bad_field("an attach", "params", f"it has to be an object of at most {_MAX_PARAMS} texts")
    texts = {key: _text(value) for key, value in params.items() if value is not None}
    if flags is not None and (isinstance(flags, bool) or not isinstance(flags, int) or flags < 0):
        raise refusals.bad_field("an attach", "flags", "it has to be a number")
    if serial is not None and not isinstance(serial, str):
        raise refusals.bad_field("an attach", "channelSerial", "it has to be text")
    modes: Sequence[str] | None = modes_in(flags or 0)
    if modes is None and texts.get("modes"):
        modes = [mode.strip() for mode in texts["modes"].split(",")]
    return AttachRequest(texts, modes, serial or None)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise refusals.bad_field("an attach", "params", "each of them has to be text")


class _Start(NamedTuple):
    """Where deliveries begin: after ``serial``, with what was missed or rewound first."""

    serial: str
    is_resumed: bool
    missed: Sequence[Entry] = ()
    past: Sequence[Record] = ()
    reason: AITransportError | None = None


class Attached:
    """Delivers one channel through one link, and answers the attach that it was made for."""

    def __init__(self, hosted: HostedChannel, link: Link, connection_id: str, grant: Grant) -> None:
        self.hosted = hosted
        self.modes: frozenset[str] = frozenset()
        self._link = link
        self._connection_id = connection_id
        self._grant = grant
        self._binary = link.format.is_binary
        self._attachment: Attachment | None = None

    def begin(self, request: AttachRequest, *, echo: bool) -> None:
        """Answer, deliver what comes first, and be told everything from then on.

        Raises ChannelError 40160 when nothing of it is allowed, 40003 for params that make no sense.
        """
        params = parse_params(request.params)
        params = params._replace(echo=params.echo and echo)
        modes = self._grant.modes(request.modes)
        if not modes:
            raise channel_refusals.denied("attach", self.hosted.name, "subscribe")
        self.modes = modes
        start = self._start(request, params)
        attachment = Attachment(self._connection_id, start.serial, params, modes)
        self._attachment = attachment
        members = self.hosted.presence.members if "PRESENCE_SUBSCRIBE" in modes else []
        past = attachment.rewound(start.past)
        self._answer(request, start, has_presence=bool(members), has_backlog=bool(past or start.missed))
        if members:
            self.sync()
        self._deliver_past(past, start.serial)
        for entry in start.missed:
            self.take_entry(entry)
        self.hosted.attach(self._connection_id, self)

    def sync(self) -> None:
        """Tell who is there."""
        members = self.hosted.presence.members if "PRESENCE_SUBSCRIBE" in self.modes else []
        for frame in sync_frames(self.hosted.name, members, self.hosted.log.position, binary=self._binary):
            self._link.send(frame)

    def take_entry(self, entry: Entry) -> None:
        """Something happened on the channel."""
        if self._attachment is None:
            return
        records = list(self._attachment.deliveries(entry))
        if records:
            self._link.send(message_frame(self.hosted.name, entry, records, binary=self._binary))

    def take_presence(self, event: PresenceEvent) -> None:
        """Somebody came, changed or left."""
        if "PRESENCE_SUBSCRIBE" in self.modes:
            self._link.send(presence_frame(self.hosted.name, event, binary=self._binary))

    def _start(self, request: AttachRequest, params: AttachParams) -> _Start:
        log, serial = self.hosted.log, request.channel_serial
        if serial is None:
            past = [] if params.rewind is None else self.hosted.rewound(params.rewind)
            return _Start(log.position, is_resumed=False, past=past)
        missed = log.since(serial) if is_serial(serial) else None
        if missed is None:
            return _Start(log.position, is_resumed=False, reason=channel_refusals.expired(self.hosted.name))
        # The answer names the position that the client has come to, not the newest one: it may lose the connection
        # again before it gets what it missed.
        return _Start(serial, is_resumed=True, missed=missed)

    def _answer(self, request: AttachRequest, start: _Start, *, has_presence: bool, has_backlog: bool) -> None:
        flags = mode_flags(self.modes)
        flags |= Flag.HAS_PRESENCE * has_presence | Flag.HAS_BACKLOG * has_backlog | Flag.RESUMED * start.is_resumed
        frame: dict[str, Any] = {
            "action": int(Action.ATTACHED),
            "channel": self.hosted.name,
            "channelSerial": start.serial,
            "flags": int(flags),
        }
        params = {key: value for key, value in request.params.items() if key != "agent"}
        if params:
            frame["params"] = params
        if start.reason is not None:
            frame["error"] = error_info(start.reason)
        self._link.send(frame)

    def _deliver_past(self, records: Sequence[Record], position: str) -> None:
        batch: list[dict[str, Any]] = []
        size = 0
        for record in records:
            message = write_record(record, binary=self._binary)
            weight = len(self._link.format.encode(message))
            if batch and size + weight > _BACKLOG_BYTES:
                self._send_past(batch, position)
                batch, size = [], 0
            batch.append(message)
            size += weight
        if batch:
            self._send_past(batch, position)

    def _send_past(self, messages: list[dict[str, Any]], position: str) -> None:
        self._link.send(
            {
                "action": int(Action.MESSAGE),
                "channel": self.hosted.name,
                "channelSerial": position,
                "messages": messages,
            }
        )
