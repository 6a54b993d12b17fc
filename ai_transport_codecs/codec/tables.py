"""A codec's two tables, checked once and indexed for dispatch (codec spec d.2-d.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ai_transport_codecs.errors import CodecDefinitionError
from ai_transport_codecs.wire.headers import KIND, PART_TYPE

from .descriptors import Drop, InputBatch, InputEvent, InputPart, InputRow, OutputEvent, OutputRow, OutputStream
from .fields import HeaderField

RowT = TypeVar("RowT")


def is_wildcard(literal: str) -> bool:
    """Whether a type literal matches by prefix."""
    return literal.endswith("-*")


class Wildcards(tuple[tuple[str, RowT], ...]):
    """Rows that match by prefix, in table order."""

    __slots__ = ()

    def match(self, type_: str) -> RowT | None:
        """The first row whose prefix ``type_`` starts with; the bare prefix matches too (g.37)."""
        for prefix, row in self:
            if type_.startswith(prefix):
                return row
        return None


class OutputTable:
    """The output rows, indexed by what encoding and decoding look up."""

    def __init__(self, rows: Sequence[OutputRow]) -> None:
        _check_outputs(rows)
        events = [row for row in rows if isinstance(row, OutputEvent)]
        streams = [row for row in rows if isinstance(row, OutputStream)]
        self.rows: tuple[OutputRow, ...] = tuple(rows)
        self.events: Mapping[str, OutputEvent] = {row.type: row for row in events if not is_wildcard(row.type)}
        self.wildcards: Wildcards[OutputEvent] = Wildcards(
            (row.type[:-1], row) for row in events if is_wildcard(row.type)
        )
        self.dropped = frozenset(row.type for row in rows if isinstance(row, Drop))
        self.streams: Mapping[str, OutputStream] = {row.kind: row for row in streams}
        self.deltas: Mapping[str, OutputStream] = {row.delta.type: row for row in streams}
        self.ends: Mapping[str, OutputStream] = {row.end.type: row for row in streams}
        self.starts: dict[str, list[OutputStream]] = {}
        for row in streams:
            self.starts.setdefault(row.start.type, []).append(row)


class InputTable:
    """The input rows by kind, and each batch's parts by type."""

    def __init__(self, rows: Sequence[InputRow]) -> None:
        _check_inputs(rows)
        self.rows: tuple[InputRow, ...] = tuple(rows)
        self.kinds: Mapping[str, InputRow] = {row.kind: row for row in rows}
        self._parts: dict[str, tuple[dict[str, InputPart], Wildcards[InputPart]]] = {
            row.kind: (
                {part.part_type: part for part in row.parts if not is_wildcard(part.part_type)},
                Wildcards((part.part_type[:-1], part) for part in row.parts if is_wildcard(part.part_type)),
            )
            for row in rows
            if isinstance(row, InputBatch)
        }

    def part(self, batch: InputBatch, part_type: Any) -> InputPart | None:
        """The row for one part of ``batch``: the exact type first, then the first wildcard."""
        if not isinstance(part_type, str):
            return None
        exact, wildcards = self._parts[batch.kind]
        return exact.get(part_type) or wildcards.match(part_type)


class _Literals:
    """Names that may be declared once, and who declared them."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}

    def claim(self, literal: str, owner: str) -> None:
        other = self.owners.setdefault(literal, owner)
        if other is not owner:
            raise CodecDefinitionError(
                f"unable to define codec; {literal!r} is declared by both {other} and {owner}, rename one of them"
            )


def _check_outputs(rows: Sequence[OutputRow]) -> None:
    kinds, types = _Literals(), _Literals()
    phases: dict[str, str] = {}
    for number, row in enumerate(rows):
        match row:
            case Drop():
                types.claim(row.type, f"dropped output {row.type!r} (row {number})")
            case OutputEvent():
                owner = f"output event {row.type!r} (row {number})"
                types.claim(row.type, owner)
                kinds.claim(row.type, owner)
                _check_fields(row.fields, owner)
            case OutputStream():
                owner = f"output stream {row.kind!r} (row {number})"
                kinds.claim(row.kind, owner)
                types.claim(row.delta.type, f"{owner}, delta")
                types.claim(row.end.type, f"{owner}, end")
                _check_fields(row.fields, owner)
                phases |= {row.delta.type: owner, row.end.type: owner}
    for number, row in enumerate(rows):
        if isinstance(row, OutputStream) and row.start.type in phases:
            raise CodecDefinitionError(
                f"unable to define codec; start type {row.start.type!r} of output stream {row.kind!r} (row {number})"
                f" is also a delta or end type of {phases[row.start.type]}, use another type for one of them"
            )


def _check_inputs(rows: Sequence[InputRow]) -> None:
    kinds = _Literals()
    for number, row in enumerate(rows):
        owner = f"input {row.kind!r} (row {number})"
        kinds.claim(row.kind, owner)
        if isinstance(row, InputEvent):
            _check_fields(row.fields, owner)
            continue
        types = _Literals()
        for index, part in enumerate(row.parts):
            part_owner = f"part {part.part_type!r} ({index}) of {owner}"
            types.claim(part.part_type, part_owner)
            _check_fields(part.fields, part_owner)


def _check_fields(fields: Iterable[HeaderField], owner: str) -> None:
    for field in fields:
        if field.key in (KIND, PART_TYPE):
            raise CodecDefinitionError(
                f"unable to define codec; {owner} has a field {field.key!r}, a name the wire reserves, rename it"
            )
