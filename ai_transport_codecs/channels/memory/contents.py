"""What a message says, which may grow by a token at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.text import join_surrogates

_GROWING = (str, bytes, list)


class Contents:
    """Data that grows at its end: O(1) for each append, joined when read.

    Earlier states stay readable: :class:`Snapshot` remembers how long the data was. Replacing the data takes a new
    object, so snapshots of the old one stay true.
    """

    __slots__ = ("_parts", "length")

    def __init__(self, data: Any) -> None:
        self._parts: list[Any] = [data]
        self.length = len(data) if isinstance(data, _GROWING) else 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no data at all, not even an empty text."""
        return self._parts[0] is None or self._parts[0] is ABSENT

    def takes(self, part: Any) -> bool:
        """Whether ``part`` can be appended: nothing always can, and text to text, bytes to bytes, a list to a list."""
        if part is None or part is ABSENT or self.is_empty:
            return True
        kind = type(part)
        return kind in _GROWING and kind is type(self._parts[0])

    def grown(self, part: Any) -> Contents:
        """The contents with ``part`` appended, which :meth:`takes` allows; the same object where it can be."""
        if part is None or part is ABSENT:
            return self
        if self.is_empty:
            return Contents(part)
        self._parts.append(part)
        self.length += len(part)
        return self

    def snapshot(self) -> Snapshot:
        """The data as it is now, to be read at any later time."""
        return Snapshot(self, self.length)

    def prefix(self, length: int) -> Any:
        """The data as it was when it was ``length`` long; not to be changed."""
        if len(self._parts) > 1:
            self._parts = [self._joined()]
        whole = self._parts[0]
        if isinstance(whole, str):
            # Halves of a character may have come in two parts; lengths count what was stored, before they are joined.
            return join_surrogates(whole[:length])
        return whole[:length] if isinstance(whole, bytes | list) else whole

    def _joined(self) -> Any:
        first = self._parts[0]
        if isinstance(first, list):
            return [item for part in self._parts for item in part]
        return type(first)().join(self._parts)


class Snapshot(NamedTuple):
    """A message's data at one version."""

    contents: Contents
    length: int

    def data(self) -> Any:
        """The data, joined now; not to be changed."""
        return self.contents.prefix(self.length)
