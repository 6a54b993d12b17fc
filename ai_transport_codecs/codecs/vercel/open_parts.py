"""Text and reasoning that go on while a step ends, made to end with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Chunk: TypeAlias = Mapping[str, Any]
_Key: TypeAlias = tuple[str, Any]


class OpenParts:
    """Which text and reasoning parts are open.

    Readers of AI SDK 6 forget the open parts of a step that ends, and fail on what comes for them later. In version 7
    parts may outlive a step, where several streams are merged. So a part that is open ends with its step, and begins
    anew when more of it comes.
    """

    def __init__(self) -> None:
        self._open: dict[_Key, None] = {}
        self._interrupted: set[_Key] = set()

    def start(self, chunk: Chunk) -> Iterable[Chunk]:
        """A part begins."""
        key = _key(chunk)
        self._open[key] = None
        self._interrupted.discard(key)
        return (chunk,)

    def delta(self, chunk: Chunk) -> Iterable[Chunk]:
        """More of a part."""
        if not self._interrupted:
            return (chunk,)
        key = _key(chunk)
        if key not in self._interrupted:
            return (chunk,)
        start = {"type": f"{key[0]}-start", "id": key[1]}
        return (*self.start(start), chunk)

    def end(self, chunk: Chunk) -> Iterable[Chunk]:
        """A part is over; nothing when it already ended with its step."""
        key = _key(chunk)
        self._open.pop(key, None)
        if key in self._interrupted:
            self._interrupted.discard(key)
            return ()
        return (chunk,)

    def end_before(self, chunk: Chunk) -> Iterable[Chunk]:
        """The end of a step or of the message, after the ends of the parts that are open."""
        return (*self.end_all(), chunk)

    def end_all(self) -> Iterable[Chunk]:
        """The ends of the parts that are open."""
        ends = [{"type": f"{kind}-end", "id": id_} for kind, id_ in self._open]
        self._interrupted.update(self._open)
        self._open.clear()
        return ends

    def clear(self) -> None:
        """Another message begins."""
        self._open.clear()
        self._interrupted.clear()


def _key(chunk: Chunk) -> _Key:
    return chunk["type"].partition("-")[0], str(chunk.get("id"))
