"""Sample streams and inputs made from a codec's own tables: every row, with values of its fields' types.

A row whose events have to be of a certain make, which only its author knows, may have none; it is named in the result.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ai_transport_codecs.codec.contract import EncoderOptions
from ai_transport_codecs.codec.descriptors import Data, InputEvent, OutputEvent, OutputStream
from ai_transport_codecs.codec.fields import HeaderField
from ai_transport_codecs.codec.tables import is_wildcard
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.absent import ABSENT

from .channel import Log, travelled
from .reader import Reader
from .subject import RUN, AnyCodec, Sample

_PIECES: Final = ("[1", "", ', "Lis', "bon \u00e9\U0001f600", '"]')
"""The text of a stream: JSON, so that arguments of tools are ones; with an empty piece and characters of all sizes."""

_CANDIDATES: Final[tuple[Any, ...]] = ("text", {"a": [1, None]}, ["x"], True, 1)


@dataclass(frozen=True, slots=True)
class Generated:
    """What could be made, and the output types of the rows for which nothing could."""

    samples: tuple[Sample, ...] = ()
    inputs: tuple[Any, ...] = ()
    unreached: tuple[str, ...] = ()


def generate(codec: AnyCodec) -> Generated:
    """Samples and inputs for a codec made by ``define_codec``; nothing for another one."""
    rows = getattr(getattr(codec, "outputs", None), "rows", ())
    scripts: dict[str, list[dict[str, Any]]] = {}
    unreached: list[str] = []
    streams: list[list[dict[str, Any]]] = []
    types: tuple[str, ...]
    for number, row in enumerate(rows):
        match row:
            case OutputStream():
                script = _settled(codec, _stream_script(row, f"{number}a"))
                types = (row.start.type, row.delta.type, row.end.type)
                if script is not None:
                    streams += [_stream_script(row, f"{number}a"), _stream_script(row, f"{number}b")]
            case OutputEvent():
                script = _settled(codec, [_event(row, str(number))])
                types = (row.type,)
            case _:
                continue
        if script is None:
            unreached += types
        else:
            scripts[types[0]] = script
    samples = [Sample(f"generated {name}", script, events=True) for name, script in scripts.items()]
    # In the table's order, which for a codec that repairs what comes before what is no order that a source would have.
    whole = None if _repairs(codec) else _settled(codec, [event for script in scripts.values() for event in script])
    if whole is not None and len(scripts) > 1:
        samples.append(Sample("generated, every row", whole, events=True))
    together = _settled(codec, [*_braided(streams)])
    if together is not None and streams:
        samples.append(Sample("generated, streams at once", together, events=True))
    return Generated(tuple(samples), tuple(_inputs(codec)), tuple(unreached))


# ---------------------------------------------------------------------------------------------------------- outputs


def _event(row: OutputEvent, mark: str) -> dict[str, Any]:
    type_ = f"{row.type[:-1]}sample" if is_wildcard(row.type) else row.type
    return {"type": type_, **_values(row.fields, mark), **(_data_values(row.data) if row.data else {})}


def _stream_script(row: OutputStream, mark: str) -> list[dict[str, Any]]:
    values = _values(row.fields, mark)
    keys = _keys_read(row.stream_id, {"type": row.start.type, **values})
    values |= dict.fromkeys(keys - {"type"}, f"{row.kind}-{mark}")
    rebuilt = {key: values[key] for key in {*keys, *row.delta.rebuild} & values.keys()}
    deltas = [{"type": row.delta.type, **rebuilt, row.delta.field: piece} for piece in _PIECES]
    return [{"type": row.start.type, **values}, *deltas, {"type": row.end.type, **values}]


def _settled(codec: AnyCodec, script: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The script with each event of an author's own making as readers get it, and with what its decoder puts before it.

    None when it cannot be encoded.
    """
    hatches = _hatched_types(codec)
    log, encoder, reader = Log(), codec.create_encoder(_options()), Reader(codec)
    settled: list[dict[str, Any]] = []
    repairs = _repairs(codec)
    try:
        for event in script:
            before = len(log.deliveries)
            log.write(encoder.encode_output(event))
            outputs = [each for d in log.deliveries[before:] for each in reader.take(d)[2]]
            same = [each for each in outputs if each.get("type") == event["type"]]
            if repairs and len(outputs) > 1 and same:
                settled += map(dict, outputs[: outputs.index(same[0])])
            settled.append(dict(same[-1]) if same and event["type"] in hatches else event)
    except Exception:
        # The row wants more of its events than its fields say; its author has to give a sample.
        return None
    return settled


def _options() -> EncoderOptions:
    return EncoderOptions({h.RUN_ID: RUN, h.MESSAGE_ID: f"{RUN}:"}, message_id=f"{RUN}:")


def _repairs(codec: AnyCodec) -> bool:
    """Whether the codec's decoder makes up events for readers who missed them."""
    return getattr(codec, "lifecycle", None) is not None


def _hatched_types(codec: AnyCodec) -> set[str]:
    """Types that an author's function encodes or decodes, so that what they hold depends on more than their fields."""
    found: set[str] = set()
    for row in getattr(getattr(codec, "outputs", None), "rows", ()):
        if isinstance(row, OutputStream):
            if row.end.encode is not None or row.end.decode is not None:
                found.add(row.end.type)
            if row.delta.decode is not None:
                found.add(row.delta.type)
        elif isinstance(row, OutputEvent) and row.encode is not None:
            found.add(row.type)
    return found


def _braided(streams: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """One event of each in turn."""
    for place in range(max(map(len, streams), default=0)):
        yield from (script[place] for script in streams if place < len(script))


# ----------------------------------------------------------------------------------------------------------- values


def _values(fields: Iterable[HeaderField], mark: str) -> dict[str, Any]:
    found = {field.key: _field_value(field, mark) for field in fields}
    return {key: value for key, value in found.items() if value is not ABSENT}


def _field_value(field: HeaderField, mark: str) -> Any:
    """A value that the field writes and reads back; a text is one that no other row's has."""
    for value in (f"{field.key}-{mark}", True, {"n": [1]}):
        written = field.write(value)
        if written is not None and field.read(written) == value:
            return value
    return field.read(ABSENT)  # one of a few words, of which this is the one that we can know


def _data_values(data: Data, type_: str = "") -> dict[str, Any]:
    """Values for the properties that travel as data, such that they come back."""
    keys = _keys_read(data.encode, {"type": type_}) - {"type"}
    found: dict[str, Any] = {}
    for key in sorted(keys):
        for value in _CANDIDATES:
            with contextlib.suppress(Exception):  # hooks of the author's; a value that they cannot take is none
                if data.decode(travelled(data.encode({**found, key: value}))).get(key) == value:
                    found[key] = value
                    break
    return found


def _keys_read(read: Callable[[Any], Any], event: Mapping[str, Any]) -> set[str]:
    """The properties that a function looks at."""
    spy = _Spy(event)
    with contextlib.suppress(Exception):  # it may want more than a text; what it looked at is known all the same
        read(spy)
    return spy.keys_read


class _Spy(dict[str, Any]):
    """An event that has every property, and remembers which were looked at."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__(event)
        self.keys_read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.keys_read.add(key)
        return super().get(key, "text")

    def get(self, key: str, default: Any = None) -> Any:
        return self[key]

    def __contains__(self, key: object) -> bool:
        self.keys_read.add(str(key))
        return True


# ----------------------------------------------------------------------------------------------------------- inputs


def _inputs(codec: AnyCodec) -> Iterator[Any]:
    for value in ("Where to?",):
        with contextlib.suppress(Exception):  # not every codec takes text; that it explains so is a law of its own
            codec.to_input(value)
            yield value
    for row in getattr(getattr(codec, "inputs", None), "rows", ()):
        if isinstance(row, InputEvent) and not row.wire_only:
            payload = {**_values(row.fields, "1"), **(_data_values(row.data) if row.data else {})}
            yield {"kind": row.kind, "codecMessageId": f"{RUN}:", "payload": payload}
