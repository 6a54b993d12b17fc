"""The decoder's core: deliveries of growing messages to hook calls, each piece of text once (codec spec c)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import codec_headers, has_envelope, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from ai_transport_codecs.wire.text import TextBuffer, try_suffix

_log = logging.getLogger("ai_transport_codecs.codec")
_NOTHING: Final[list[Any]] = []

Events: TypeAlias = list[Any]


class StreamTracker:
    """What the decoder knows of one streamed message; ``headers`` are those of its first sight or last replacement."""

    __slots__ = ("closed", "codec_headers", "name", "stream_id", "template", "text", "transport_headers", "version")

    def __init__(self, message: InboundMessage, text: str) -> None:
        transport = transport_headers(message.extras)
        stream_id = transport.get(h.STREAM_ID)
        self.name = message.name or ""
        self.stream_id = stream_id if isinstance(stream_id, str) else ""
        self.text = TextBuffer(text)
        self.transport_headers: Mapping[str, Any] = dict(transport)
        self.codec_headers: Mapping[str, Any] = dict(codec_headers(message.extras))
        self.version: str = message.version or message.serial or ""
        self.closed = False
        self.template: Any = None
        """For the hooks' own use; reset when the headers are replaced."""


class DiscretePayload(NamedTuple):
    """One message that is not streamed, with its untrusted data and header tiers."""

    name: str
    data: Any
    transport_headers: Mapping[str, Any]
    codec_headers: Mapping[str, Any]


class DecoderHooks(Protocol):
    """What turns a stream's phases and discrete messages into events."""

    def build_start(self, tracker: StreamTracker) -> Iterable[Any]: ...
    def build_delta(self, tracker: StreamTracker, fragment: str) -> Iterable[Any]: ...
    def build_end(self, tracker: StreamTracker, closing_headers: Mapping[str, Any]) -> Iterable[Any]: ...
    def decode_discrete(self, payload: DiscretePayload) -> Iterable[Any]: ...


class DecoderCore:
    """Deliveries, live or from history and overlapping, to events. Never raises for the shape of a message.

    ``on_stream_update`` is told when a message's text was replaced by other text, ``on_stream_delete`` when a message
    was deleted; what they raise is logged.
    """

    def __init__(
        self,
        hooks: DecoderHooks,
        *,
        on_stream_update: Callable[[StreamTracker], None] | None = None,
        on_stream_delete: Callable[[str, StreamTracker | None], None] | None = None,
    ) -> None:
        self._hooks = hooks
        self._on_stream_update = on_stream_update
        self._on_stream_delete = on_stream_delete
        self._trackers: dict[str, StreamTracker] = {}
        self._actions: Mapping[str, Callable[[InboundMessage], Events]] = {
            names.CREATE: self._create,
            names.APPEND: self._append,
            names.UPDATE: self._update,
            names.DELETE: self._delete,
        }

    def tracker(self, serial: str) -> StreamTracker | None:
        """What is known of the streamed message ``serial``."""
        return self._trackers.get(serial)

    def decode(self, message: InboundMessage) -> Events:
        """The events that ``message`` adds to what was delivered before; empty when it adds nothing."""
        act = self._actions.get(message.action)
        return _NOTHING if act is None else act(message)

    def _create(self, message: InboundMessage) -> Events:
        if not _is_streamed(message):
            return self._discrete(message)
        # The create's own data and status are ignored (c.2); a create is the first version, so any later one beats it.
        if not message.serial or message.serial in self._trackers:
            return _NOTHING
        tracker = self._trackers[message.serial] = StreamTracker(message, "")
        return list(self._hooks.build_start(tracker))

    def _append(self, message: InboundMessage) -> Events:
        if not message.serial:
            return _NOTHING
        tracker = self._trackers.get(message.serial)
        if tracker is None:
            return self._update(message) if has_envelope(message.extras) else _NOTHING
        if not _advance(tracker, message.version):
            return _NOTHING
        fragment = message.data
        events: Events = []
        if isinstance(fragment, str) and fragment:
            tracker.text.append(fragment)
            events.extend(self._hooks.build_delta(tracker, fragment))
        return self._terminal(tracker, message, events)

    def _update(self, message: InboundMessage) -> Events:
        if not message.serial:
            return _NOTHING
        tracker = self._trackers.get(message.serial)
        if tracker is None:
            return self._first_contact(message)
        if not _advance(tracker, message.version):
            return _NOTHING
        data = message.data if isinstance(message.data, str) else ""
        fragment = try_suffix(data, str(tracker.text))
        if fragment is None:
            self._replace(tracker, message, data)
            return _NOTHING
        events: Events = []
        if fragment:
            tracker.text.replace(data)
            events.extend(self._hooks.build_delta(tracker, fragment))
        return self._terminal(tracker, message, events)

    def _first_contact(self, message: InboundMessage) -> Events:
        if not _is_streamed(message):
            return self._discrete(message)
        data = message.data if isinstance(message.data, str) else ""
        tracker = self._trackers[message.serial or ""] = StreamTracker(message, data)
        events = list(self._hooks.build_start(tracker))
        if data:
            events.extend(self._hooks.build_delta(tracker, data))
        return self._terminal(tracker, message, events)

    def _terminal(self, tracker: StreamTracker, message: InboundMessage, events: Events) -> Events:
        status = transport_headers(message.extras).get(h.STATUS)
        if status == names.STREAMING:
            return events
        if status == names.COMPLETE:
            events.extend(self._hooks.build_end(tracker, codec_headers(message.extras)))
        if status in (names.COMPLETE, names.CANCELLED):
            _close(tracker)
        return events

    def _replace(self, tracker: StreamTracker, message: InboundMessage, data: str) -> None:
        """Other text than ours plus more: take it silently, with its headers; its terminal status is ignored (c.4)."""
        tracker.text.replace(data)
        tracker.transport_headers = dict(transport_headers(message.extras))
        tracker.codec_headers = dict(codec_headers(message.extras))
        tracker.template = None
        if self._on_stream_update is not None:
            _call(self._on_stream_update, tracker)

    def _delete(self, message: InboundMessage) -> Events:
        if not message.serial:
            return _NOTHING
        tracker = self._trackers.get(message.serial)
        if self._on_stream_delete is not None:
            _call(self._on_stream_delete, message.serial, tracker)
        if tracker is not None:
            _close(tracker)
        return _NOTHING

    def _discrete(self, message: InboundMessage) -> Events:
        extras = message.extras
        payload = DiscretePayload(message.name or "", message.data, transport_headers(extras), codec_headers(extras))
        return list(self._hooks.decode_discrete(payload))


def _is_streamed(message: InboundMessage) -> bool:
    return transport_headers(message.extras).get(h.STREAM) == "true"


def _advance(tracker: StreamTracker, version: str | None) -> bool:
    """The version guard (c.5): whether the delivery is news, and if so remember its version."""
    if version and version <= tracker.version:
        return False
    if tracker.closed:
        return False
    if version:
        tracker.version = version
    return True


def _close(tracker: StreamTracker) -> None:
    tracker.closed = True
    tracker.text.replace("")  # a tombstone keeps only the version


def _call(callback: Callable[..., None], *arguments: Any) -> None:
    try:
        callback(*arguments)
    except Exception:
        _log.warning("a decoder callback raised; decoding goes on", exc_info=True)
