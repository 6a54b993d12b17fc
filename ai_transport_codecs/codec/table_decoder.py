"""The decoder of a codec defined by tables: channel messages to events (codec spec c.7, d.2, d.3)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage

from .contract import Decoded
from .decoder_core import DecoderCore, DiscretePayload, StreamTracker
from .descriptors import Data, InputBatch, InputEvent, OutputStream
from .fields import HeaderField, values_of
from .lifecycle import LifecyclePolicy
from .tables import InputTable, OutputTable

_log = logging.getLogger("ai_transport_codecs.codec")
_NOTHING: Final = Decoded()
_REPLACED: Final = Decoded(replaced=True)
_NO_POLICY: Final = LifecyclePolicy()


class TableDecoder:
    """Decodes by table. What is not in the tables, or malformed, decodes to nothing."""

    def __init__(self, outputs: OutputTable, inputs: InputTable, policy: LifecyclePolicy | None = None) -> None:
        self._hooks = _Hooks(outputs, inputs, policy or _NO_POLICY)
        self._core = DecoderCore(self._hooks, on_stream_update=self._note_replaced)
        self._replaced = False

    def decode(self, message: InboundMessage) -> Decoded:
        """The events this delivery adds. Never raises: a message that breaks a codec's hook is logged and skipped."""
        try:
            events = self._core.decode(message)
        except Exception as error:
            _log.warning("skipped message %r, which cannot be decoded: %r", message.serial, error)
            return _NOTHING
        if self._replaced:
            self._replaced = False
            return _REPLACED
        if not events:
            return _NOTHING
        return Decoded(events, ()) if message.name == names.INPUT else Decoded((), events)

    def restate(self, serial: str) -> Decoded:
        """A still open stream from its start with all its text, as a reader joining now would see it."""
        tracker = self._core.tracker(serial)
        if tracker is None or tracker.closed:
            return _NOTHING
        try:
            return Decoded((), self._hooks.restate(tracker))
        except Exception as error:
            _log.warning("message %r cannot be restated (%s: %s)", serial, type(error).__name__, error)
            return _NOTHING

    def _note_replaced(self, _: StreamTracker) -> None:
        self._replaced = True


class _Hooks:
    """The decoder core's hooks, driven by the tables and the lifecycle policy."""

    def __init__(self, outputs: OutputTable, inputs: InputTable, policy: LifecyclePolicy) -> None:
        self._outputs = outputs
        self._inputs = inputs
        self._policy = policy

    def build_start(self, tracker: StreamTracker) -> Iterable[Any]:
        if tracker.name != names.OUTPUT:
            return ()
        row = self._row(tracker)
        # Also a stream of a kind unknown here says that its message has begun (codec spec f.2).
        lead_in = self._policy.on_stream_start
        before = () if lead_in is None else lead_in(_run_id(tracker.transport_headers), tracker)
        if row is None:
            return before
        return [*before, _rebuild(row.fields, tracker.codec_headers, None, None, "type", row.start.type)]

    def build_delta(self, tracker: StreamTracker, fragment: str) -> Iterable[Any]:
        # The hot path: what every delta of a stream has in common is built once.
        template = tracker.template
        if template is None:
            template = tracker.template = self._delta_template(tracker)
        row, common = template
        if row is None:
            return ()
        if row.delta.decode is not None:
            return (row.delta.decode(tracker, fragment),)
        delta = dict(common)
        delta[row.delta.field] = fragment
        return (delta,)

    def _delta_template(self, tracker: StreamTracker) -> tuple[OutputStream | None, dict[str, Any]]:
        row = self._row(tracker)
        if row is None or row.delta.decode is not None:
            return row, {}
        wanted = [field for field in row.fields if field.key in row.delta.rebuild]
        return row, {"type": row.delta.type, **values_of(wanted, tracker.codec_headers)}

    def build_end(self, tracker: StreamTracker, closing_headers: Mapping[str, Any]) -> Iterable[Any]:
        row = self._row(tracker)
        if row is None:
            return ()
        if row.end.decode is not None:
            return (row.end.decode(tracker, str(tracker.text), closing_headers),)
        return (_rebuild(row.fields, closing_headers, None, None, "type", row.end.type),)

    def decode_discrete(self, payload: DiscretePayload) -> Iterable[Any]:
        kind = payload.codec_headers.get(h.KIND)
        if not isinstance(kind, str):
            return ()
        if payload.name == names.INPUT:
            return self._input(kind, payload)
        if payload.name != names.OUTPUT:
            return ()
        lead_in = self._policy.on_discrete.get(kind)
        events = list(lead_in(_run_id(payload.transport_headers), payload.codec_headers)) if lead_in else []
        events.extend(self._output(kind, payload))
        return events

    def restate(self, tracker: StreamTracker) -> list[Any]:
        text = str(tracker.text)
        events = list(self.build_start(tracker))
        if text:
            events.extend(self.build_delta(tracker, text))
        return events

    def _row(self, tracker: StreamTracker) -> OutputStream | None:
        # Only outputs stream; a first contact without a name stays silent for good (c.7).
        kind = tracker.codec_headers.get(h.KIND)
        if tracker.name != names.OUTPUT or not isinstance(kind, str):
            return None
        return self._outputs.streams.get(kind)

    def _output(self, kind: str, payload: DiscretePayload) -> Iterable[Any]:
        row = self._outputs.events.get(kind)
        if row is None:
            stream = self._outputs.streams.get(kind)
            if stream is not None and stream.decode_discrete is not None:
                return stream.decode_discrete(payload.data, payload.codec_headers)
            row = self._outputs.wildcards.match(kind)
        if row is None:
            return ()
        return (_rebuild(row.fields, payload.codec_headers, row.data, payload.data, "type", kind),)

    def _input(self, kind: str, payload: DiscretePayload) -> Iterable[Any]:
        row = self._inputs.kinds.get(kind)
        if isinstance(row, InputEvent):
            return () if row.wire_only else (self._input_event(row, payload),)
        if isinstance(row, InputBatch):
            return self._part(row, payload)
        return ()

    @staticmethod
    def _input_event(row: InputEvent, payload: DiscretePayload) -> dict[str, Any]:
        message_id = payload.transport_headers.get(h.MESSAGE_ID)
        return {
            "kind": row.kind,
            "codecMessageId": message_id if isinstance(message_id, str) else "",
            "payload": _rebuild(row.fields, payload.codec_headers, row.data, payload.data),
        }

    def _part(self, row: InputBatch, payload: DiscretePayload) -> Iterable[Any]:
        part_type = payload.codec_headers.get(h.PART_TYPE)
        part_row = self._inputs.part(row, part_type)
        if part_row is None:
            return ()
        part = _rebuild(part_row.fields, payload.codec_headers, part_row.data, payload.data, "type", part_type)
        return ({"kind": row.kind, **row.assemble(part, payload.transport_headers, payload.codec_headers)},)


def _rebuild(
    fields: tuple[HeaderField, ...],
    headers: Mapping[str, Any],
    codec: Data | None,
    data: Any,
    name_key: str | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """Header values, then what the data holds over them, then the discriminator over both (d.1, g.41)."""
    values = values_of(fields, headers)
    if codec is not None:
        values.update(codec.decode(data))
    if name_key is not None:
        values[name_key] = name
    return values


def _run_id(transport: Mapping[str, Any]) -> str:
    run_id = transport.get(h.RUN_ID)
    return run_id if isinstance(run_id, str) else ""
