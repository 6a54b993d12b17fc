"""The encoder of a codec defined by tables: events to operations (codec spec d.2, d.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.errors import InvalidArgumentError, UnsupportedEventError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names

from .contract import EncoderOptions, Event, WriteOptions
from .descriptors import Discrete, EncodeContext, InputBatch, InputEvent, OutputEvent, OutputStream
from .encoder_core import EncoderCore
from .fields import headers_of
from .operations import Operation
from .tables import InputTable, OutputTable

_NOTHING: Final[tuple[Operation, ...]] = ()


class TableEncoder:
    """Encodes by table. Looking an event up and building its headers happen before the check for a closed encoder."""

    def __init__(
        self, codec_name: str, outputs: OutputTable, inputs: InputTable, options: EncoderOptions | None = None
    ) -> None:
        self._codec_name = codec_name
        self._outputs = outputs
        self._inputs = inputs
        self._message_id = options.message_id if options else None
        self._core = EncoderCore(options)

    def encode_output(self, event: Event, options: WriteOptions | None = None) -> Sequence[Operation]:
        """The operations that write one output event; none for a dropped type.

        Raises UnsupportedEventError when no row carries its type, SessionClosedError after :meth:`close`.
        """
        type_ = _name(event, "type")
        table = self._outputs
        stream = table.deltas.get(type_)
        if stream is not None:
            return self._delta(stream, event)
        starts = table.starts.get(type_)
        if starts is not None:
            for stream in starts:
                if stream.start.match is None or stream.start.match(event):
                    return self._start(stream, event, options)
        elif type_ in table.ends:
            return self._end(table.ends[type_], event, options)
        row = table.events.get(type_)
        if row is None:
            if type_ in table.dropped:
                return _NOTHING
            row = table.wildcards.match(type_)
        if row is None:
            raise UnsupportedEventError(
                f"unable to encode output; codec {self._codec_name!r} has no row for type {type_!r},"
                " so it cannot be carried: leave such events out, or use a codec that knows them"
            )
        return self._event(row, type_, event, options)

    def encode_input(self, event: Event, options: WriteOptions | None = None) -> Sequence[Operation]:
        """The operations that write one input event; raises as :meth:`encode_output`."""
        kind = _name(event, "kind")
        row = self._inputs.kinds.get(kind)
        if row is None:
            raise UnsupportedEventError(
                f"unable to encode input; codec {self._codec_name!r} has no row for kind {kind!r},"
                f" it takes {', '.join(map(repr, self._inputs.kinds)) or 'none'}"
            )
        if isinstance(row, InputBatch):
            return self._batch(row, event, options)
        return self._input(row, event, options)

    def cancel_streams(self) -> Sequence[Operation]:
        """Mark every open stream cancelled. Idempotent; emits no event."""
        return self._core.cancel_all_streams()

    def close(self) -> None:
        """End the encoder; open streams get no terminal."""
        self._core.close()

    def _start(self, row: OutputStream, event: Event, options: WriteOptions | None) -> Sequence[Operation]:
        payload = Discrete(names.OUTPUT, "", headers_of(row.fields, row.kind, event))
        return self._core.start_stream(row.stream_id(event), payload, options)

    def _delta(self, row: OutputStream, event: Event) -> Sequence[Operation]:
        fragment = event.get(row.delta.field)
        if not isinstance(fragment, str):
            raise InvalidArgumentError(
                f"unable to encode output; {row.delta.field!r} of a {row.delta.type!r} event must be text,"
                f" not {type(fragment).__name__}"
            )
        return self._core.append_stream(row.stream_id(event), fragment)

    def _end(self, row: OutputStream, event: Event, options: WriteOptions | None) -> Sequence[Operation]:
        if row.end.encode is not None:
            return row.end.encode(event, self._context(options))
        payload = Discrete(names.OUTPUT, "", headers_of(row.fields, row.kind, event))
        return self._core.close_stream(row.stream_id(event), payload)

    def _event(self, row: OutputEvent, type_: str, event: Event, options: WriteOptions | None) -> Sequence[Operation]:
        if row.encode is not None:
            return row.encode(event, self._context(options))
        return self._core.publish_discrete(
            Discrete(
                names.OUTPUT,
                row.data.encode(event) if row.data else "",
                headers_of(row.fields, type_, event),
                ephemeral=row.ephemeral is not None and row.ephemeral(event),
            ),
            options,
        )

    def _input(self, row: InputEvent, event: Event, options: WriteOptions | None) -> Sequence[Operation]:
        if row.wire_only:
            return self._core.publish_discrete(Discrete(names.INPUT, "", {h.KIND: row.kind}), options)
        payload = event.get("payload")
        if not isinstance(payload, Mapping):
            raise InvalidArgumentError(
                f"unable to encode input; a {row.kind!r} input needs an object as its payload,"
                f" not {type(payload).__name__}"
            )
        data = row.data.encode(payload) if row.data else ""
        return self._core.publish_discrete(
            Discrete(names.INPUT, data, headers_of(row.fields, row.kind, payload)), options
        )

    def _batch(self, row: InputBatch, event: Event, options: WriteOptions | None) -> Sequence[Operation]:
        transport, codec = row.message_headers(event) if row.message_headers else ({}, {})
        payloads = []
        for part in row.explode(event):
            part_type = row.part_type_of(part)
            part_row = self._inputs.part(row, part_type)
            if part_row is not None:
                headers = headers_of(part_row.fields, row.kind, part) | codec | {h.PART_TYPE: part_type}
                data = part_row.data.encode(part) if part_row.data else ""
                payloads.append(Discrete(names.INPUT, data, headers, transport))
        if payloads:
            return self._core.publish_discrete_batch(payloads, options)
        # Nothing to carry, yet the message must exist on the channel: it names itself and decodes to nothing (g.40).
        return self._core.publish_discrete(Discrete(names.INPUT, "", {h.KIND: row.kind} | codec, transport), options)

    def _context(self, options: WriteOptions | None) -> EncodeContext:
        return EncodeContext(self._core, options, self._message_id)


def _name(event: Any, key: str) -> str:
    """What the event calls itself; raises for what is no event at all."""
    name = event.get(key) if isinstance(event, Mapping) else None
    if not isinstance(name, str):
        raise UnsupportedEventError(
            f"unable to encode event; it must be a mapping with a string {key!r}, not {type(event).__name__}"
            + (f" with {key}={name!r}" if isinstance(event, Mapping) else "")
        )
    return name
