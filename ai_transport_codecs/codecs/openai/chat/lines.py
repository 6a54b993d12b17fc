"""Lists that grow on the wire, by one line of JSON for each entry."""

from __future__ import annotations

import json
from typing import Any, Final

from ai_transport_codecs.codecs.openai.plain import plain_value

_dump: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def line(value: Any) -> str:
    """An entry as its line."""
    try:
        return _dump(value) + "\n"
    except (TypeError, ValueError, RecursionError):
        return _dump(plain_value(value)) + "\n"


class LineBuffer:
    """Lines that arrive in fragments, and the values in them: each is parsed once, malformed ones are left out."""

    __slots__ = ("_fragments", "_tail", "_values")

    def __init__(self) -> None:
        self._fragments: list[str] = []
        self._tail = ""
        self._values: list[Any] = []

    def append(self, fragment: str) -> None:
        """Add to the text."""
        self._fragments.append(fragment)

    def replace(self, text: str) -> None:
        """Begin anew."""
        self._fragments = [text] if text else []
        self._tail = ""
        self._values = []

    def values(self) -> list[Any]:
        """The values of the lines that are whole; a fresh list."""
        if self._fragments:
            *lines, self._tail = (self._tail + "".join(self._fragments)).split("\n")
            self._fragments.clear()
            self._values.extend(value for value in map(_try_json, lines) if value is not _MALFORMED)
        return list(self._values)


_MALFORMED: Final = object()


def _try_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _MALFORMED
