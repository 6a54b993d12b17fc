"""The rows of a codec's two tables (codec spec d.2, d.3).

Outputs (agent to client) are rows of :func:`event`, :func:`stream` and :func:`drop`; inputs (client to agent) of
:func:`input_event`, :func:`wire_only` and :func:`input_batch`. A type literal ending in ``-*`` is a wildcard:
``data-*`` matches each type that starts with ``data-``, and the concrete type goes on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.headers import Headers

from .contract import Event, WriteOptions
from .fields import HeaderField
from .operations import Operation

if TYPE_CHECKING:
    from .decoder_core import StreamTracker
    from .encoder_core import EncoderCore

Object: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Data:
    """How part of an event travels as message data. ``decode`` gets untrusted data and may return any properties."""

    encode: Callable[[Event], Any]
    decode: Callable[[Any], Mapping[str, Any]]


def text_data(prop: str) -> Data:
    """The property as text; anything but a string is carried and read as ``""``."""
    return Data(lambda event: _text(event.get(prop)), lambda data: {prop: _text(data)})


def value_data(prop: str) -> Data:
    """The property as it is, also when it is not there. Channels carry strings, bytes, objects, lists and null."""
    return Data(lambda event: event.get(prop, ABSENT), lambda data: {} if data is ABSENT else {prop: data})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Discrete:
    """The payload of one message that is not streamed."""

    name: str
    data: Any = ""
    codec_headers: Headers | None = None
    transport_headers: Headers | None = None
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class EncodeContext:
    """What an encode hatch may use: the core of the encoder, the write options and the fallback domain id."""

    core: EncoderCore
    options: WriteOptions | None
    message_id: str | None


EncodeHatch: TypeAlias = Callable[[Event, EncodeContext], Sequence[Operation]]


@dataclass(frozen=True, slots=True)
class OutputEvent:
    """One output type carried as one message."""

    type: str
    fields: tuple[HeaderField, ...] = ()
    data: Data | None = None
    ephemeral: Callable[[Event], bool] | None = None
    encode: EncodeHatch | None = None


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The output type that opens a stream; several streams may share one, told apart by ``match``."""

    type: str
    match: Callable[[Event], bool] | None = None


@dataclass(frozen=True, slots=True)
class StreamDelta:
    """The output type that carries text, in property ``field``.

    A decoded delta has its type and text, the properties named by ``rebuild`` (from the stream's headers), or is what
    ``decode(tracker, fragment)`` returns.
    """

    type: str
    field: str
    rebuild: tuple[str, ...] = ()
    decode: Callable[[StreamTracker, str], Object] | None = None


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The type that ends a stream; ``decode(tracker, accumulated text, closing codec headers)`` may rebuild it."""

    type: str
    encode: EncodeHatch | None = None
    decode: Callable[[StreamTracker, str, Mapping[str, Any]], Object] | None = None


@dataclass(frozen=True, slots=True)
class OutputStream:
    """A group of three output types carried as one growing message of codec kind ``kind``."""

    kind: str
    stream_id: Callable[[Event], str]
    start: StreamStart
    delta: StreamDelta
    end: StreamEnd
    fields: tuple[HeaderField, ...] = ()
    decode_discrete: Callable[[Any, Mapping[str, Any]], Iterable[Object]] | None = None
    """Rebuilds the group's events when its kind arrives as one message: (data, codec headers) to events."""


@dataclass(frozen=True, slots=True)
class Drop:
    """An output type that is known and not carried."""

    type: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One input kind carried as one message; its fields and data are properties of the input's ``payload``."""

    kind: str
    fields: tuple[HeaderField, ...] = ()
    data: Data | None = None
    wire_only: bool = False


@dataclass(frozen=True, slots=True)
class InputPart:
    """One type of part within a batch."""

    part_type: str
    fields: tuple[HeaderField, ...] = ()
    data: Data | None = None


@dataclass(frozen=True, slots=True)
class InputBatch:
    """One input kind carried as one message for each of its parts, published as a unit."""

    kind: str
    explode: Callable[[Event], Sequence[Mapping[str, Any]]]
    parts: tuple[InputPart, ...]
    assemble: Callable[[Object, Mapping[str, Any], Mapping[str, Any]], Object]
    part_type_of: Callable[[Mapping[str, Any]], str]
    message_headers: Callable[[Event], tuple[Headers, Headers]] | None = None


OutputRow: TypeAlias = OutputEvent | OutputStream | Drop
InputRow: TypeAlias = InputEvent | InputBatch


def event(
    type: str,
    *fields: HeaderField,
    data: Data | None = None,
    ephemeral: Callable[[Event], bool] | None = None,
    encode: EncodeHatch | None = None,
) -> OutputEvent:
    """One message per event: ``fields`` as headers, ``data`` as message data.

    ``ephemeral`` marks the events that reach live readers only; ``encode`` replaces the encoding altogether.
    """
    return OutputEvent(type, fields, data, ephemeral, encode)


def stream(
    kind: str,
    *fields: HeaderField,
    stream_id: Callable[[Event], str],
    start: str | StreamStart,
    delta: tuple[str, str] | StreamDelta,
    end: str | StreamEnd,
    decode_discrete: Callable[[Any, Mapping[str, Any]], Iterable[Object]] | None = None,
) -> OutputStream:
    """A growing message: opened by ``start``, extended by ``delta`` (type, property of the text), ended by ``end``."""
    return OutputStream(
        kind,
        stream_id,
        StreamStart(start) if isinstance(start, str) else start,
        delta if isinstance(delta, StreamDelta) else StreamDelta(*delta),
        StreamEnd(end) if isinstance(end, str) else end,
        fields,
        decode_discrete,
    )


def drop(type: str, reason: str = "") -> Drop:
    """An output type that readers have no use for: encoding it writes nothing."""
    return Drop(type, reason)


def input_event(kind: str, *fields: HeaderField, data: Data | None = None) -> InputEvent:
    """One message per input; decodes to ``{kind, codecMessageId, payload}``."""
    return InputEvent(kind, fields, data)


def wire_only(kind: str) -> InputEvent:
    """An input whose meaning is all in its transport headers; it decodes to no event."""
    return InputEvent(kind, wire_only=True)


def part(part_type: str, *fields: HeaderField, data: Data | None = None) -> InputPart:
    """One type of part of an :func:`input_batch`."""
    return InputPart(part_type, fields, data)


def input_batch(
    kind: str,
    *parts: InputPart,
    explode: Callable[[Event], Sequence[Mapping[str, Any]]],
    assemble: Callable[[Object, Mapping[str, Any], Mapping[str, Any]], Object],
    part_type_of: Callable[[Mapping[str, Any]], str] | None = None,
    message_headers: Callable[[Event], tuple[Headers, Headers]] | None = None,
) -> InputBatch:
    """One input as several messages, one per part, published atomically.

    ``explode(input)`` gives the parts; ``message_headers(input)`` what each message repeats (transport tier, codec
    tier); ``assemble(part, transport headers, codec headers)`` the properties of the input that one part decodes to.
    """
    return InputBatch(kind, explode, parts, assemble, part_type_of or _type_of, message_headers)


def _type_of(part: Mapping[str, Any]) -> str:
    return _text(part.get("type"))
