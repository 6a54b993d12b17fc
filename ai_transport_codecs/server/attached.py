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
from .formats import Raw
from .link import Link
from .members import presence_frame, sync_frames
from .messages import SharedFrames, message_frame, write_record
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
    """Where deliveries begin: after ``serial``, with these frames first."""

    serial: str
    attachment: Attachment
    frames: Sequence[Raw] = ()
    is_resumed: bool = False
    reason: AITransportError | None = None


class Attached:
    """Delivers one channel through one link, and answers the attach that it was made for."""

    def __init__(
        self, hosted: HostedChannel, link: Link, connection_id: str, grant: Grant, frames: SharedFrames
    ) -> None:
        self.hosted = hosted
        self.modes: frozenset[str] = frozenset()
        self._link = link
        self._connection_id = connection_id
        self._grant = grant
        self._frames = frames
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
        self._attachment = start.attachment
        has_members = "PRESENCE_SUBSCRIBE" in modes and bool(self.hosted.presence.members)
        self._answer(request, start, has_members=has_members)
        if has_members:
            self.sync()
        for raw in start.frames:
            self._link.send_raw(Action.MESSAGE, raw)
        self.hosted.attach(self._connection_id, self)

    def sync(self) -> None:
        """Tell who is there."""
        members = self.hosted.presence.members if "PRESENCE_SUBSCRIBE" in self.modes else []
        # Clients split the two at the first colon, which a position has within.
        sequence = self.hosted.log.position.partition("@")[0]
        for frame in sync_frames(self.hosted.name, members, sequence, binary=self._binary):
            self._link.send(frame)

    def take_entry(self, entry: Entry) -> None:
        """Something happened on the channel."""
        if self._attachment is None:
            return
        records = list(self._attachment.deliveries(entry))
        if records:
            raw = self._frames.encoded(self._link.format, self.hosted.name, entry, records)
            self._link.send_raw(Action.MESSAGE, raw)

    def take_presence(self, event: PresenceEvent) -> None:
        """Somebody came, changed or left."""
        if "PRESENCE_SUBSCRIBE" in self.modes:
            self._link.send(presence_frame(self.hosted.name, event, binary=self._binary))

    def _start(self, request: AttachRequest, params: AttachParams) -> _Start:
        serial = request.channel_serial
        if serial is None:
            start = self._begin_at(self.hosted.log.position, params)
            past = [] if params.rewind is None else self.hosted.rewound(params.rewind)
            return start._replace(frames=self._past_frames(start.attachment.rewound(past), start.serial))
        missed = self.hosted.log.since(serial) if is_serial(serial) else None
        if missed is not None:
            # The answer names the position that the client has come to, not the newest one: it may lose the connection
            # again before it gets what it missed.
            start = self._begin_at(serial, params)
            frames = self._missed_frames(start.attachment, missed)
            if frames is not None:
                return start._replace(frames=frames, is_resumed=True)
        start = self._begin_at(self.hosted.log.position, params)
        return start._replace(reason=channel_refusals.expired(self.hosted.name))

    def _begin_at(self, serial: str, params: AttachParams) -> _Start:
        return _Start(serial, Attachment(self._connection_id, serial, params, self.modes))

    def _missed_frames(self, attachment: Attachment, missed: Sequence[Entry]) -> list[Raw] | None:
        """What was missed, or None when that is more than a client can be sent at once: it has history to read."""
        frames: list[Raw] = []
        room = self._link.room
        for entry in missed:
            records = list(attachment.deliveries(entry))
            if records:
                frame = message_frame(self.hosted.name, entry, records, binary=self._binary)
                frames.append(self._link.format.encode(frame))
                room -= len(frames[-1])
            if room < 0:
                return None
        return frames

    def _answer(self, request: AttachRequest, start: _Start, *, has_members: bool) -> None:
        flags = mode_flags(self.modes)
        flags |= Flag.HAS_PRESENCE * has_members | Flag.HAS_BACKLOG * bool(start.frames)
        flags |= Flag.RESUMED * start.is_resumed
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

    def _past_frames(self, records: Sequence[Record], position: str) -> list[Raw]:
        """The newest of the messages, as many as a client can be sent at once, oldest first."""
        encode, room = self._link.format.encode, self._link.room
        batches: list[list[dict[str, Any]]] = []
        size = _BACKLOG_BYTES
        for record in reversed(records):
            message = write_record(record, binary=self._binary)
            weight = len(encode(message))
            room -= weight
            if room < 0:
                break
            size += weight
            if size > _BACKLOG_BYTES:
                batches.append([])
                size = weight
            batches[-1].append(message)
        frame = {"action": int(Action.MESSAGE), "channel": self.hosted.name, "channelSerial": position}
        return [encode({**frame, "messages": batch[::-1]}) for batch in reversed(batches)]
