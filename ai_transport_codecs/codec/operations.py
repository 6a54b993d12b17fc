"""What an encoder asks the session to write: values, in the order they must reach the channel (codec spec b.2).

A :class:`OutboundStream` is the encoder's side of one streamed message. Its serial becomes known only when the channel
acknowledges the start, so operations name the stream, and whoever writes them fills in the serial.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers, build_extras
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from ai_transport_codecs.wire.text import TextBuffer

_log = logging.getLogger("ai_transport_codecs.codec")

Hook: TypeAlias = Callable[[OutboundMessage | OutboundMutation], None]


class OutboundStream:
    """One streamed message being written: its persistent headers and everything written to it so far.

    ``serial`` is set by the writer once the start is acknowledged; ``failed`` when it never will be. ``text`` is all
    text handed to the channel so far, acknowledged or not: what a repair has to state. ``replaces`` is the stream that
    had its id before, until this one is known to have opened.
    """

    __slots__ = ("codec", "failed", "hook", "replaces", "serial", "status", "stream_id", "text", "transport")

    def __init__(self, stream_id: str, transport: Headers, codec: Headers, text: str, hook: Hook | None) -> None:
        self.stream_id = stream_id
        self.transport = transport
        self.codec = codec
        self.text = TextBuffer(text)
        self.hook = hook
        self.serial: str | None = None
        self.failed = False
        self.replaces: OutboundStream | None = None
        self.status: str = names.STREAMING
        """The last status the encoder gave the stream; a closing operation may still be on its way."""

    def append(self, data: str) -> OutboundMutation:
        """The append of one fragment. It repeats all headers, for an append replaces the extras whole (b.3.6)."""
        self.text.append(data)
        extras = build_extras(dict(self.transport), dict(self.codec))
        return self._hooked(OutboundMutation(self._serial(), data, extras))

    def close(self, data: str, transport: Headers, codec: Headers) -> OutboundMutation:
        """The append that ends the stream, with its last text and its closing headers."""
        self.text.append(data)
        return self._hooked(OutboundMutation(self._serial(), data, build_extras(dict(transport), dict(codec))))

    def repair(self, transport: Headers | None = None, codec: Headers | None = None) -> OutboundMutation:
        """The update that states all text so far, by default with the stream going on. Never hooked (b.2)."""
        extras = build_extras(
            dict(self.transport if transport is None else transport), dict(self.codec if codec is None else codec)
        )
        return OutboundMutation(self._serial(), str(self.text), extras)

    def _serial(self) -> str:
        if self.serial is None:
            raise RuntimeError(f"stream {self.stream_id!r} was written to before its start was acknowledged")
        return self.serial

    def _hooked(self, mutation: OutboundMutation) -> OutboundMutation:
        run_hook(self.hook, mutation)
        return mutation


class Publish(NamedTuple):
    """Publish one message."""

    message: OutboundMessage


class PublishBatch(NamedTuple):
    """Publish several messages as one atomic unit."""

    messages: tuple[OutboundMessage, ...]


class Start(NamedTuple):
    """Publish the message that opens a stream, and put its serial into ``stream``."""

    stream: OutboundStream
    message: OutboundMessage


class Append(NamedTuple):
    """Append text to an open stream. May be merged with the appends next to it."""

    stream: OutboundStream
    data: str


class Close(NamedTuple):
    """End a stream, ``complete`` or ``cancelled``, with its last text."""

    stream: OutboundStream
    data: str
    transport: Headers
    codec: Headers


Operation: TypeAlias = Publish | PublishBatch | Start | Append | Close


def run_hook(hook: Hook | None, message: OutboundMessage | OutboundMutation) -> None:
    """Let the application stamp an outgoing message; what it raises must not break the stream (b.3.8)."""
    if hook is None:
        return
    try:
        hook(message)
    except Exception:
        _log.warning("the on_message hook raised; the message is sent as it is", exc_info=True)
