"""Which tool call a piece belongs to, and what is new in it.

The index says so. Servers leave it out, or give every call the same one: then the id does; and what has neither id
nor name goes on with the call before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codecs.openai.plain import plain_value
from ai_transport_codecs.wire.json_text import dump_json

from .streams import ARGUMENTS, Event, TextStream, step

_GROWN: Final[Mapping[str, str]] = {"function": "arguments", "custom": "input"}
"""The objects in a tool call, by its type, and the text in each that comes in pieces."""


_Place: TypeAlias = str | tuple[str, str]
"""A field of a call, or an object in it and a field of that."""


class CallWriter:
    """One tool call: its streams, and what readers know of it."""

    __slots__ = ("id", "known", "path", "texts")

    def __init__(self, path: str) -> None:
        self.path = path
        self.id: str | None = None
        self.known: dict[_Place, Any] = {}
        self.texts: dict[str, TextStream] = {}


class CallBook:
    """The tool calls of one choice, in the order in which they began."""

    __slots__ = ("_by_id", "_by_index", "_calls", "_key", "_path", "_streams")

    def __init__(self, key: str, path: str, streams: list[TextStream]) -> None:
        self._key = key
        self._path = path
        self._streams = streams
        self._calls: list[CallWriter] = []
        self._by_index: dict[int, CallWriter] = {}
        self._by_id: dict[str, CallWriter] = {}

    def write(self, pieces: Any, out: list[Event]) -> None:
        """What a delta's ``tool_calls`` add."""
        for piece in pieces if isinstance(pieces, list | tuple) else ():
            if type(piece) is dict or isinstance(piece, Mapping):
                self._piece(piece, out)

    def _piece(self, piece: Mapping[str, Any], out: list[Event]) -> None:
        call = self._call(piece)
        known = call.known
        news: dict[str, Any] = {}
        grown: list[tuple[str, str]] = []
        for field, value in piece.items():
            if value is None:
                continue
            if field in _GROWN and (type(value) is dict or isinstance(value, Mapping)):
                self._object(known, field, value, news, grown)
            elif _is_news(known.get(field), value):
                news[field] = known[field] = plain_value(value)
        if news:
            out.append({"type": "tool-call", "key": self._key, "path": call.path, "data": news})
        for field, text in grown:
            self._grow(call, field, text, out)

    @staticmethod
    def _object(
        known: dict[_Place, Any],
        field: str,
        value: Mapping[str, Any],
        news: dict[str, Any],
        grown: list[tuple[str, str]],
    ) -> None:
        text_field = _GROWN[field]
        for key, item in value.items():
            if item is None:
                continue
            if key == text_field:
                grown.append((field, item if isinstance(item, str) else dump_json(plain_value(item))))
            elif _is_news(known.get((field, key)), item):
                news.setdefault(field, {})[key] = known[field, key] = plain_value(item)

    def _grow(self, call: CallWriter, field: str, text: str, out: list[Event]) -> None:
        stream = call.texts.get(field)
        if stream is None:
            stream = TextStream(self._key, ARGUMENTS, f"{call.path}/{step(field)}/{_GROWN[field]}")
            call.texts[field] = stream
            self._streams.append(stream)
            out.append(stream.start())
        if text:
            out.append({"type": stream.delta_type, "key": self._key, "path": stream.path, "delta": text})

    def _call(self, piece: Mapping[str, Any]) -> CallWriter:
        index, id_ = piece.get("index"), piece.get("id") or None
        if type(index) is not int:
            index = None
        call = self._known(index, id_, piece)
        if call is None:
            call = CallWriter(f"{self._path}/{len(self._calls)}")
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        if isinstance(id_, str) and call.id is None:
            call.id = id_
            self._by_id.setdefault(id_, call)
        return call

    def _known(self, index: int | None, id_: Any, piece: Mapping[str, Any]) -> CallWriter | None:
        if index is not None:
            call = self._by_index.get(index)
            # There are servers that give parallel calls one index; what names itself anew under another id is new.
            is_other = call is not None and id_ and call.id and id_ != call.id and _name(piece)
            return None if is_other else call
        if id_:
            return self._by_id.get(id_) if isinstance(id_, str) else None
        return self._calls[-1] if self._calls and not _name(piece) else None


def _name(piece: Mapping[str, Any]) -> Any:
    return next(
        (value["name"] for field in _GROWN if isinstance(value := piece.get(field), Mapping) and value.get("name")),
        None,
    )


def _is_news(known: Any, value: Any) -> bool:
    """Whether to say a field of a call: when it has a value for the first time, for what is said does not change."""
    return not known if value else known is None
