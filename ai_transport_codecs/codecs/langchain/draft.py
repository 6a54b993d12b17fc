"""A message as its sender writes it: what changed since the last event, as few output events as will do.

What is new goes in a ``message`` or ``patch`` event, which sets values at pointers. What keeps changing becomes a
stream: a string that grows, a list that gets longer (one line of JSON per entry), a value that is stated again and
again (one line each, the last one counts). A stream costs its readers one append per change, not one message.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

from .pointers import child

Event: TypeAlias = dict[str, Any]

LONG_TEXT: Final = 16_384
"""A string of more characters than this is streamed even when it arrives whole: appends can be cut to fit a channel."""

_KINDS: Final = {
    "text": "text",
    "refusal": "text",
    "reasoning": "reasoning",
    "thinking": "reasoning",
    "reasoning_content": "reasoning",
    "args": "tool-call",
    "arguments": "tool-call",
    "partial_json": "tool-call",
    "input": "tool-call",
}

TEXT_KEYS: Final = frozenset(_KINDS)
"""Keys whose strings come in pieces."""

_LINES: Final = frozenset({"items", "value"})
_CALLS: Final = "tool_call_chunks/"
_PATIENCE: Final = 2
"""How often a place may change by patches before it becomes a stream."""


class Stream:
    """An open stream, and the places that it extends: one, or two that always grow by the same text."""

    __slots__ = ("block", "delta_type", "kind", "places")

    def __init__(self, block: str, kind: str, places: tuple[Place, ...]) -> None:
        self.block = block
        self.kind = kind
        self.delta_type = f"{kind}-delta"
        self.places = places


class Place:
    """One place of a message that has grown or changed, and the open stream that carries its growth."""

    __slots__ = ("changes", "kind", "path", "start", "stream")

    def __init__(self, path: str, kind: str) -> None:
        self.path = path
        self.start = path
        """The pointer to give to readers; for a list, the position of the first entry in the stream."""
        self.kind = kind
        self.stream: Stream | None = None
        self.changes = 0


class Draft:
    """One message being written. ``header`` is what its ``message`` event says beside the data."""

    __slots__ = ("_count", "_grown", "_header", "_ops", "_out", "_places", "_streams", "ended", "key")

    def __init__(self, key: str, header: Event) -> None:
        self.key = key
        self.ended = False
        self._header: Event | None = header
        self._ops: dict[str, Any] = {}
        self._grown: dict[Place, str] = {}
        self._out: list[Event] = []
        self._places: dict[str, Place] = {}
        self._streams: dict[Stream, None] = {}
        self._count = 0

    @property
    def is_new(self) -> bool:
        """Whether readers have not heard of the message."""
        return self._header is not None

    def successor(self, header: Event) -> Draft:
        """A draft that states the same message anew; its streams have other names than this one's."""
        draft = Draft(self.key, header)
        draft._count = self._count
        return draft

    def put(self, path: str, value: Any) -> None:
        """State the value of a place for the first time."""
        self._ops[path] = value

    def restate(self, path: str, value: Any) -> None:
        """State another value for a place: a number, a short string, a small object."""
        place = self._place(path, "value")
        place.changes += 1
        if place.kind != "value":
            self.replace(path, value)
        elif place.stream is None and (place.changes <= _PATIENCE or path in self._ops):
            self._ops[path] = value
        else:
            self._grow(place, _line(value))

    def replace(self, path: str, value: Any) -> None:
        """Put a value instead of whatever a place and the places in it held, streams included."""
        inside = f"{path}/"
        for place in [place for key, place in self._places.items() if key == path or key.startswith(inside)]:
            self._close(place)
            self._grown.pop(place, None)
            del self._places[place.path]
        self._ops = {key: held for key, held in self._ops.items() if not key.startswith(inside)}
        self._ops[path] = value

    def grow(self, path: str, text: str) -> Place:
        """Append text to the string at a place."""
        place = self._place(path, None)
        self._grow(place, text)
        return place

    def extend(self, path: str, position: int, item: Any, *, is_final: bool) -> None:
        """Add an entry at the end of the list at ``path``; ``is_final`` says that nothing in it will ever change."""
        place = self._place(f"{path}/#", "items")
        if not is_final:
            # The entries before this one are settled: their stream ends, and another one would begin behind it.
            if place in self._grown:
                self._write(place, self._grown.pop(place))
            self._close(place)
            place.changes = 0
        elif place.stream is not None or place in self._grown:
            self._grow(place, _line(item))
            return
        else:
            place.changes += 1
            if place.changes > _PATIENCE and not self._has_ops_in(path):
                place.start = f"{path}/#{position}"
                self._grow(place, _line(item))
                return
        self._ops[f"{path}/#{position}"] = item

    def events(self) -> list[Event]:
        """What changed since the last call; the first call gives at least the ``message`` event."""
        return self._stated(self._taken_ops()) + self._taken_growth()

    def end(self) -> list[Event]:
        """The events that remain, the ends of all open streams, and the end of the message."""
        ops = self._taken_ops()
        found: list[Event] = []
        if self._grown or self.is_new:
            # What grows may lie inside what is put, so readers need that first; otherwise it travels with the end.
            found, ops = self._stated(ops), {}
        found += self._taken_growth()
        for stream in list(self._streams):
            self._end(stream)
        found += self._taken_growth()
        if ops or found or not self.ended:
            found.append({"type": "message-end", "key": self.key, "data": ops})
        self.ended = True
        return found

    def _stated(self, ops: dict[str, Any]) -> list[Event]:
        if self._header is not None:
            header, self._header = self._header, None
            return [{"type": "message", "key": self.key, **header, "data": ops}]
        return [{"type": "patch", "key": self.key, "data": ops}] if ops else []

    def delta(self, stream: Stream, text: str) -> Event:
        """The event that extends an open stream."""
        return {"type": stream.delta_type, "key": self.key, "block": stream.block, "delta": text}

    def try_place(self, path: str) -> Place | None:
        """The place at ``path``, if it has grown or changed."""
        return self._places.get(path)

    def _place(self, path: str, kind: str | None) -> Place:
        place = self._places.get(path)
        if place is None:
            place = self._places[path] = Place(path, kind or text_kind(path))
        return place

    def _grow(self, place: Place, text: str) -> None:
        self._grown[place] = self._grown.get(place, "") + text

    def _has_ops_in(self, path: str) -> bool:
        inside = f"{path}/"
        return any(key == path or key.startswith(inside) for key in self._ops)

    def _taken_ops(self) -> dict[str, Any]:
        ops = self._ops
        self._ops = {}
        return {path: self._lift(path, value) for path, value in ops.items()}

    def _lift(self, path: str, value: Any) -> Any:
        """``value`` with each long string in it left to a stream, and ``""`` in its place."""
        if type(value) is str and len(value) > LONG_TEXT:
            place = self._place(path, None)
            if place.kind not in _LINES and place.stream is None:
                self._grown[place] = value + self._grown.get(place, "")
                return ""
        elif type(value) is dict:
            return {key: self._lift(child(path, key), item) for key, item in value.items()}
        elif type(value) is list:
            return [self._lift(f"{path}/#{position}", item) for position, item in enumerate(value)]
        return value

    def _taken_growth(self) -> list[Event]:
        while self._grown:
            place = next(iter(self._grown))
            self._write(place, self._grown.pop(place))
        found = self._out
        self._out = []
        return found

    def _write(self, place: Place, text: str) -> None:
        twins = _twins(place, text, self._grown)
        stream = place.stream
        if stream is None or stream.places != (place, *twins):
            stream = self._open(place, *twins)
        for twin in twins:
            del self._grown[twin]
        self._out.append(self.delta(stream, text))

    def _open(self, *places: Place) -> Stream:
        for place in places:
            self._close(place)
        self._count += 1
        stream = Stream(str(self._count), places[0].kind, places)
        for place in places:
            place.stream = stream
        self._streams[stream] = None
        pointers = " ".join(place.start for place in places)
        self._out.append({"type": f"{stream.kind}-start", "key": self.key, "block": stream.block, "path": pointers})
        return stream

    def _close(self, place: Place) -> None:
        if place.stream is not None:
            self._end(place.stream)

    def _end(self, stream: Stream) -> None:
        for place in stream.places:
            place.stream = None
        del self._streams[stream]
        self._out.append({"type": f"{stream.kind}-end", "key": self.key, "block": stream.block})


def text_kind(path: str) -> str:
    """The kind of the stream that carries the growth of the string at a place."""
    if "/summary/" in path:
        return "reasoning"
    step = path.rsplit("/", 1)[-1]
    return "text" if step.startswith("#") else _KINDS.get(step, "string")


def _twins(place: Place, text: str, grown: dict[Place, str]) -> tuple[Place, ...]:
    """The places that grow by the same text for the same reason: providers say a call's arguments twice."""
    if place.stream is not None:
        twins = place.stream.places[1:]
        if place is place.stream.places[0] and all(grown.get(twin) == text for twin in twins):
            return twins
    elif place.kind == "tool-call" and not place.path.startswith(_CALLS):
        for other, grows in grown.items():
            if grows == text and other.stream is None and other.path.startswith(_CALLS) and other.kind == "tool-call":
                return (other,)
    return ()


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
