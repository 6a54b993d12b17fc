"""The encoder's core: discrete, batch and streamed messages, header layering and stream states (codec spec b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ai_transport_codecs.errors import InvalidArgumentError, SessionClosedError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers, build_extras
from ai_transport_codecs.wire.messages import OutboundMessage

from .contract import EncoderOptions, WriteOptions
from .descriptors import Discrete
from .operations import Append, Close, Operation, OutboundStream, Publish, PublishBatch, Start, run_hook

_NOTHING: Final[tuple[Operation, ...]] = ()


class EncoderCore:
    """Turns payloads into operations, and keeps the streams it opened until it is closed.

    Every method raises SessionClosedError (104004) after :meth:`close`.
    """

    def __init__(self, options: EncoderOptions | None = None) -> None:
        options = options or EncoderOptions()
        self._defaults = dict(options.headers)
        self._hook = options.hook
        self._streams: dict[str, OutboundStream] = {}
        self._closed = False

    def publish_discrete(self, payload: Discrete, options: WriteOptions | None = None) -> Sequence[Operation]:
        """One message that is complete by itself."""
        self._check_open()
        return (Publish(self._discrete(payload, options, {})),)

    def publish_discrete_batch(
        self, payloads: Sequence[Discrete], options: WriteOptions | None = None
    ) -> Sequence[Operation]:
        """Several messages as one atomic publish; a batch of one or none is still a batch (b.2, g.2)."""
        self._check_open()
        mark = {h.DISCRETE: "true"}
        return (PublishBatch(tuple(self._discrete(payload, options, mark) for payload in payloads)),)

    def start_stream(
        self, stream_id: str, payload: Discrete, options: WriteOptions | None = None
    ) -> Sequence[Operation]:
        """The message that opens a stream. A second start of one id replaces the first one here, not on the wire."""
        self._check_open()
        transport = self._transport(payload, options)
        transport |= {h.STREAM: "true", h.STATUS: names.STREAMING, h.STREAM_ID: stream_id}
        codec = dict(payload.codec_headers or {})
        message = OutboundMessage(payload.name, payload.data, build_extras(transport, codec))
        run_hook(self._hook, message)
        # The hook's header edits on a start become persistent, because these are the very same objects (b.3.8).
        stream = OutboundStream(stream_id, transport, codec, payload.data, self._hook)
        stream.replaces = self._stream(stream_id)
        if stream.replaces is None:
            self._streams.pop(stream_id, None)  # a start that failed has no place in the order of streams
        self._streams[stream_id] = stream
        return (Start(stream, message),)

    def append_stream(self, stream_id: str, data: str) -> Sequence[Operation]:
        """One fragment; an empty one too. Raises InvalidArgumentError for a stream that was never opened."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.failed or self._closed:  # seldom: this is the hot path
            self._check_open()
            stream = self._stream(stream_id)
            if stream is None:
                raise self._no_stream("append to", stream_id)
        return (Append(stream, data),)

    def close_stream(self, stream_id: str, payload: Discrete) -> Sequence[Operation]:
        """End a stream as complete. The encoder's defaults override per-write headers again here (b.3.7)."""
        self._check_open()
        stream = self._stream(stream_id)
        if stream is None:
            raise self._no_stream("close", stream_id)
        stream.status = names.COMPLETE
        transport = stream.transport | self._defaults | (payload.transport_headers or {})
        transport[h.STATUS] = names.COMPLETE
        return (Close(stream, payload.data, transport, stream.codec | (payload.codec_headers or {})),)

    def cancel_all_streams(self, options: WriteOptions | None = None) -> Sequence[Operation]:
        """End every stream that is still open as cancelled. Idempotent."""
        self._check_open()
        extra = self._caller_headers(options)
        operations: list[Operation] = []
        for stream in filter(None, map(self._stream, self._streams)):
            if stream.status == names.STREAMING:
                stream.status = names.CANCELLED
                transport = stream.transport | extra | {h.STATUS: names.CANCELLED}
                operations.append(Close(stream, "", transport, dict(stream.codec)))
        return operations or _NOTHING

    def close(self) -> None:
        """Forget all streams; open ones get no terminal (b.3.11). Idempotent."""
        self._closed = True
        self._streams.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("unable to write to encoder; it has been closed, create a new one")

    def _stream(self, stream_id: str) -> OutboundStream | None:
        """The stream of this id; one that never opened has replaced nothing (b.3.2)."""
        stream = self._streams.get(stream_id)
        while stream is not None and stream.failed:
            stream = stream.replaces
        if stream is not None and stream.serial is not None:
            stream.replaces = None
        return stream

    @staticmethod
    def _no_stream(verb: str, stream_id: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"unable to {verb} stream; no stream {stream_id!r} is open, its start event must come first"
        )

    def _caller_headers(self, options: WriteOptions | None) -> Headers:
        return self._defaults | dict(options.headers) if options else dict(self._defaults)

    def _transport(self, payload: Discrete, options: WriteOptions | None) -> Headers:
        headers = self._caller_headers(options) | (payload.transport_headers or {})
        if options is not None and options.message_id is not None:
            headers[h.MESSAGE_ID] = options.message_id  # '' counts as given (g.17)
        return headers

    def _discrete(self, payload: Discrete, options: WriteOptions | None, marks: Mapping[str, str]) -> OutboundMessage:
        transport = self._transport(payload, options)
        transport[h.STREAM] = "false"
        transport.update(marks)
        codec = dict(payload.codec_headers or {})
        message = OutboundMessage(
            payload.name, payload.data, build_extras(transport, codec, ephemeral=payload.ephemeral)
        )
        run_hook(self._hook, message)
        return message
