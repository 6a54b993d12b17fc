"""Codecs described in JSON: the definitions inside ``define`` vectors and the table of the ``tiny`` codec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ai_transport_codecs.codec import fields
from ai_transport_codecs.codec.contract import CodecMessage, FoldMeta
from ai_transport_codecs.codec.decoder_core import StreamTracker
from ai_transport_codecs.codec.define import TableCodec, define_codec
from ai_transport_codecs.codec.descriptors import (
    Data,
    InputPart,
    InputRow,
    Object,
    OutputRow,
    StreamDelta,
    StreamEnd,
    StreamStart,
    drop,
    event,
    input_batch,
    input_event,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)
from ai_transport_codecs.codec.fields import HeaderField
from ai_transport_codecs.codec.lifecycle import LifecyclePolicy, LifecycleTracker, Phase

Json = Mapping[str, Any]
EventLog = dict[str, list[Any]]


def codec_from_json(definition: Json) -> TableCodec[Any, Any, EventLog, Any]:
    """The codec that a definition describes; raises CodecDefinitionError as any codec would."""
    lifecycle = definition.get("lifecycle")
    return define_codec(
        name=definition.get("adapterTag") or "described",
        adapter_tag=definition.get("adapterTag"),
        outputs=[_output(row) for row in definition.get("outputs", ())],
        inputs=[_input(row) for row in definition.get("inputs", ())],
        reducer=EventLogReducer(),
        lifecycle=None if lifecycle is None else lambda: _policy(lifecycle),
        tool_inputs=definition.get("factories") == "full",
    )


class EventLogReducer:
    """One message per ``codec-message-id``: the list of its events, each with its direction."""

    def init(self) -> EventLog:
        """No messages."""
        return {}

    def fold_input(self, projection: EventLog, event: Any, meta: FoldMeta) -> EventLog:
        """Note an input."""
        projection.setdefault(meta.message_id or "", []).append({"direction": "input", "event": event})
        return projection

    def fold_output(self, projection: EventLog, event: Any, meta: FoldMeta) -> EventLog:
        """Note an output."""
        projection.setdefault(meta.message_id or "", []).append({"direction": "output", "event": event})
        return projection

    def get_messages(self, projection: EventLog) -> Sequence[CodecMessage[Any]]:
        """The messages in order of their first event."""
        return [CodecMessage(id_, {"events": list(events)}) for id_, events in projection.items()]


def _lookup(path: Sequence[str], source: Any) -> Any:
    for key in path:
        source = source.get(key) if isinstance(source, Mapping) else None
    return source


def _equals(rule: Json | None) -> Callable[[Json], bool] | None:
    if rule is None:
        return None
    path, wanted = rule["path"], rule["equals"]

    def holds(source: Json) -> bool:
        value = _lookup(path, source)
        return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)

    return holds


def _field(row: Json) -> HeaderField:
    key, default = row["key"], row.get("default")
    match row["field"]:
        case "str":
            return fields.text(key, default)
        case "bool":
            return fields.flag(key, default=default)
        case "json":
            return fields.json(key)
        case "enum":
            return fields.choice(key, row["allowed"], row["default"])
        case other:
            raise ValueError(f"unknown field type {other!r} in a codec definition")


def _fields(row: Json) -> list[HeaderField]:
    return [_field(field) for field in row.get("fields", ())]


def _data(row: Json) -> Data | None:
    rule = row.get("data")
    if rule is None:
        return None
    return {"text": text_data, "value": value_data}[rule["kind"]](rule["prop"])


def _output(row: Json) -> OutputRow:
    match row["construct"]:
        case "event":
            return event(row["type"], *_fields(row), data=_data(row), ephemeral=_equals(row.get("ephemeral")))
        case "drop":
            return drop(row["type"])
        case "stream":
            return _stream(row)
        case other:
            raise ValueError(f"unknown output construct {other!r} in a codec definition")


def _stream(row: Json) -> OutputRow:
    path, suffix = row["streamId"]["path"], row["streamId"].get("suffix", "")
    delta, end = row["delta"], row["end"]
    return stream(
        row["kind"],
        *_fields(row),
        stream_id=lambda source: f"{_lookup(path, source)}{suffix}",
        start=StreamStart(row["start"]["type"], _equals(row["start"].get("match"))),
        delta=StreamDelta(delta["type"], delta["field"], tuple(delta.get("rebuild", ()))),
        end=StreamEnd(end["type"], decode=_accumulated(end)),
        decode_discrete=_discrete(row) if row.get("decodeDiscrete") else None,
    )


def _accumulated(end: Json) -> Callable[[StreamTracker, str, Json], Object] | None:
    prop = end.get("accumulatedInto")
    if prop is None:
        return None

    def rebuild(tracker: StreamTracker, text: str, closing: Json) -> Object:
        rebuilt = {
            "type": end["type"],
            "id": tracker.codec_headers.get("id"),
            "streamId": tracker.stream_id,
            prop: text,
        }
        return {key: value for key, value in rebuilt.items() if value is not None}

    return rebuild


def _discrete(row: Json) -> Callable[[Any, Json], Iterable[Object]]:
    def rebuild(data: Any, headers: Json) -> Iterable[Object]:
        identity = {"id": headers["id"]} if "id" in headers else {}
        yield {"type": row["start"]["type"], **identity, "via": row["kind"]}
        yield {"type": row["end"]["type"], **identity, "data": data}

    return rebuild


def _input(row: Json) -> InputRow:
    kind = row["kind"]
    if row["construct"] == "batch":
        return _batch(row)
    if row.get("wireOnly"):
        return wire_only(kind)
    return input_event(kind, *_fields(row), data=_data(row))


def _part(row: Json) -> InputPart:
    return part(row["partType"], *_fields(row), data=_data(row))


def _batch(row: Json) -> InputRow:
    explode = row.get("explode", ["message", "parts"])
    tiers = row.get("messageHeaders", {})

    def headers(source: Json) -> tuple[dict[str, str], dict[str, str]]:
        transport, codec = (
            {key: value for key, path in tiers.get(tier, {}).items() if isinstance(value := _lookup(path, source), str)}
            for tier in ("transport", "codec")
        )
        return transport, codec

    return input_batch(
        row["kind"],
        *(_part(part_row) for part_row in row.get("parts", ())),
        explode=lambda source: _lookup(explode, source) or [],
        message_headers=headers,
        assemble=lambda rebuilt, transport, codec: {
            "message": {"id": codec.get("mid", ""), "role": transport.get("role", "user"), "parts": [rebuilt]}
        },
    )


def _policy(rule: Json) -> LifecyclePolicy:
    def phase(key: str) -> Phase[Any]:
        def build(headers: Any) -> list[Object]:
            identity = headers.get("id")
            return [{"type": f"phase-{key}"} | ({} if identity is None else {"id": identity})]

        return Phase(key, build)

    tracker: LifecycleTracker[Any] = LifecycleTracker([phase(key) for key in rule["phases"]])

    def lead_in(action: str, key: str) -> Callable[[str, Json], list[Any]]:
        def run(run_id: str, headers: Json) -> list[Any]:
            match action:
                case "mark":
                    tracker.mark_emitted(run_id, key)
                case "reset":
                    tracker.reset_phase(run_id, key)
                case "clear":
                    tracker.clear_scope(run_id)
                case _:
                    return tracker.ensure_phases(run_id, headers)
            return []

        return run

    return LifecyclePolicy(
        on_discrete={kind: lead_in(action, key) for kind, (action, key) in rule["onDiscrete"].items()},
        on_stream_start=lambda run_id, stream_tracker: tracker.ensure_phases(run_id, stream_tracker.codec_headers),
    )
