"""A message as its readers hold it: plain data that grows, at each point of which a whole value can be read.

Values are set at pointers, and texts grow in buffers that are attached at pointers. The buffers of one message may grow
in any order relative to each other and to what is set elsewhere, with the same result: a reader who joins late gets
each stream's whole text at once, in another order than the reader who was there (codec spec a, canonical order).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from ai_transport_codecs.wire.text import TextBuffer

from .plain import restored_key, try_bytes
from .pointers import Steps

_MAX_DEPTH: Final = 250


class _Fields(dict[str, Any]):
    """An object of this document; a plain dict in it belongs to an event and must not change."""


class _Sparse(dict[int, Any]):
    """A list of this document, by position: entries may be missing, for a reader who came late, and cost nothing."""


class _Text:
    """A string made of what was set first and of buffers that grow."""

    __slots__ = ("parts",)

    def __init__(self, *parts: str | TextBuffer) -> None:
        self.parts = list(parts)


class _Items:
    """Consecutive list entries, one line of JSON each."""

    __slots__ = ("lines",)

    def __init__(self, lines: TextBuffer) -> None:
        self.lines = lines

    def values(self) -> list[Any]:
        return [value for value in map(_try_json, _complete_lines(self.lines)) if value is not _MALFORMED]


class _Latest:
    """A value that is stated again and again, one line of JSON each; the last complete line counts."""

    __slots__ = ("before", "lines")

    def __init__(self, before: Any, lines: TextBuffer) -> None:
        self.before = before
        self.lines = lines

    def value(self) -> Any:
        for line in reversed(_complete_lines(self.lines)):
            value = _try_json(line)
            if value is not _MALFORMED:
                return value
        return self.before


class Document:
    """One message's data, from untrusted parts. Never raises, and never changes a value it was given."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Fields()

    def set(self, steps: Steps, value: Any) -> None:
        """Put ``value`` at a place, instead of what is there; what grew there grows unseen from now on."""
        self._container(steps)[steps[-1]] = value

    def attach_text(self, steps: Steps, buffer: TextBuffer) -> None:
        """Let ``buffer`` continue the string at a place."""
        container = self._container(steps)
        held = container.get(steps[-1])
        if isinstance(held, _Text):
            held.parts.append(buffer)
        else:
            container[steps[-1]] = _Text(held, buffer) if isinstance(held, str) else _Text(buffer)

    def attach_items(self, steps: Steps, buffer: TextBuffer) -> None:
        """Let the lines of ``buffer`` be entries of a list, from a position on."""
        self._container(steps)[steps[-1]] = _Items(buffer)

    def attach_latest(self, steps: Steps, buffer: TextBuffer) -> None:
        """Let the last line of ``buffer`` be the value at a place."""
        container = self._container(steps)
        container[steps[-1]] = _Latest(container.get(steps[-1]), buffer)

    def value(self) -> dict[str, Any]:
        """All of it as it is now: fresh data that the caller may change."""
        return {restored_key(key): _shallow_value(item) for key, item in self._root.items()}

    def _container(self, steps: Steps) -> dict[Any, Any]:
        node: dict[Any, Any] = self._root
        for step, following in pairwise(steps):
            node = _opened(node, step, _Sparse if isinstance(following, int) else _Fields)
        return node


def restored(value: Any) -> Any:
    """A fresh copy of plain JSON, as it was before it became plain."""
    return _value(value, 0)


def _opened(node: dict[Any, Any], step: str | int, kind: type[_Fields | _Sparse]) -> dict[Any, Any]:
    """The container at ``step``, made ours; anything else there gives way to an empty one."""
    held = node.get(step)
    if isinstance(held, kind):
        return held
    opened: dict[Any, Any]
    if kind is _Sparse:
        opened = _Sparse(enumerate(held)) if isinstance(held, list) else _Sparse()
    else:
        opened = _Fields(held) if type(held) is dict else _Fields()
    node[step] = opened
    return opened


def _shallow_value(node: Any) -> Any:
    """The value, or None where what a stranger nested and the reader's own calls are together too deep for Python."""
    try:
        return _value(node, 0)
    except RecursionError:
        return None


def _value(node: Any, depth: int) -> Any:
    make = _VALUES.get(type(node))
    if make is None:
        return node
    return make(node, depth + 1) if depth < _MAX_DEPTH else None


def _object(node: dict[str, Any], depth: int) -> Any:
    found = try_bytes(node)
    return {restored_key(key): _value(item, depth) for key, item in node.items()} if found is None else found


def _sparse(node: _Sparse, depth: int) -> list[Any]:
    values: list[Any] = []
    for position in sorted(node):
        item = node[position]
        if isinstance(item, _Items):
            values.extend(_value(each, depth) for each in item.values())
        else:
            values.append(_value(item, depth))
    return values


_VALUES: Final[dict[type, Callable[[Any, int], Any]]] = {
    dict: _object,
    _Fields: _object,
    list: lambda node, depth: [_value(item, depth) for item in node],
    _Sparse: _sparse,
    _Text: lambda node, _: "".join(map(str, node.parts)),
    _Latest: lambda node, depth: _value(node.value(), depth),
    _Items: lambda node, depth: _value(node.values(), depth),
}

_MALFORMED: Final = object()


def _complete_lines(buffer: TextBuffer) -> list[str]:
    return str(buffer).split("\n")[:-1]


def _try_json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _MALFORMED
