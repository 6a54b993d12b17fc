"""A completion as its readers hold it: plain data that grows, and can be read as a whole at each point.

What is said of a place merges by key, and the buffers of streams grow in any order relative to each other: a reader who
joins late gets each stream's whole text at once, in another order than one who was there, and ends with the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.wire.text import TextBuffer

from .lines import LineBuffer

_MAX_DEPTH: Final = 64
_MAX_NODES: Final = 16_384
"""How many places one message may have, so that a stranger's messages cannot fill the memory by adding places."""

_POSITIONS: Final = frozenset({"choices", "tool_calls"})


class Node(dict[str, Any]):
    """An object of a document; a plain dict in it belongs to an event, and must not change."""

    __slots__ = ()


class Document:
    """One message's data, from untrusted parts. Never raises, and never changes a value that it was given."""

    __slots__ = ("_count", "root")

    def __init__(self) -> None:
        self.root = Node()
        self._count = 0

    def merge(self, steps: tuple[str, ...], values: Any) -> None:
        """Say the fields of the object at a place; an object in them merges with the one that is there."""
        if isinstance(values, Mapping):
            node = self._node(steps)
            if node is not None:
                self._merge(node, values, 0)

    def put(self, steps: tuple[str, ...], value: Any) -> None:
        """Say a value in place of what is there."""
        node = self._node(steps[:-1])
        if node is not None and self._has_room():
            node[steps[-1]] = value

    def attach(self, steps: tuple[str, ...], buffer: TextBuffer | LineBuffer) -> None:
        """Let a buffer be the value at a place."""
        self.put(steps, buffer)

    def value(self) -> dict[str, Any]:
        """All of it as it is now, in fresh objects."""
        return {key: _value(key, item) for key, item in self.root.items()}

    def _merge(self, node: Node, values: Mapping[Any, Any], depth: int) -> None:
        for key, value in values.items():
            held = node.get(key)
            if isinstance(held, TextBuffer | LineBuffer) or not isinstance(key, str) or not self._has_room():
                continue
            if not isinstance(value, Mapping):
                node[key] = value
            elif depth < _MAX_DEPTH:
                if not isinstance(held, Node):
                    held = node[key] = Node()
                self._merge(held, value, depth + 1)

    def _node(self, steps: tuple[str, ...]) -> Node | None:
        node = self.root
        for step in steps:
            held = node.get(step)
            if not isinstance(held, Node):
                if not self._has_room():
                    return None
                held = node[step] = Node()
            node = held
        return node

    def _has_room(self) -> bool:
        self._count += 1
        return self._count <= _MAX_NODES


def in_order(positions: Any) -> list[tuple[int, Any]]:
    """The entries of an object by position, in order; what is no position is left out."""
    if not isinstance(positions, Mapping):
        return []
    return sorted(
        ((int(key), item) for key, item in positions.items() if len(key) <= 6 and key.isdecimal() and key.isascii()),
        key=lambda entry: entry[0],
    )


def _value(key: str, item: Any) -> Any:
    if isinstance(item, Node):
        if key in _POSITIONS:
            return in_order({place: _value("", value) for place, value in item.items()})
        return {name: _value(name, value) for name, value in item.items()}
    if isinstance(item, TextBuffer):
        return str(item)
    if isinstance(item, LineBuffer):
        values = item.values()
        return merged_entries(values) if key == _DETAILS else by_index(values) if _has_index(values) else values
    return item


_DETAILS: Final = "reasoning_details"
_DETAIL_TEXTS: Final = frozenset({"text", "summary"})


def merged_entries(values: list[Any]) -> list[Any]:
    """Pieces of entries by type and index: their texts joined, of everything else the last that is not null."""
    return _merged(values, ("type", "index"), _DETAIL_TEXTS)


def by_index(values: list[Any]) -> list[Any]:
    """Versions of entries by index: of each field the last that is not null."""
    return _merged(values, ("index",), frozenset())


def _has_index(values: list[Any]) -> bool:
    return any(isinstance(value, dict) and isinstance(value.get("index"), int) for value in values)


def _merged(values: list[Any], keys: tuple[str, ...], texts: frozenset[str]) -> list[Any]:
    found: list[Any] = []
    pieces: dict[tuple[Any, ...], tuple[dict[str, Any], dict[str, list[str]]]] = {}
    for value in values:
        if not isinstance(value, dict) or not isinstance(value.get("index"), int):
            found.append(value)
            continue
        identity = tuple(str(value.get(key)) for key in keys)
        entry, grown = pieces.get(identity, ({}, {}))
        if identity not in pieces:
            pieces[identity] = (entry, grown)
            found.append(entry)
        for key, item in value.items():
            if key in texts and isinstance(item, str):
                grown.setdefault(key, []).append(item)
                entry[key] = ""  # its place among the keys; the text is joined below
            elif item is not None or key not in entry:
                entry[key] = item
    for entry, grown in pieces.values():
        entry.update((key, "".join(texts_of)) for key, texts_of in grown.items())
    return found
