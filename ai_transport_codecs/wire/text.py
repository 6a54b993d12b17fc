"""Text that was cut in UTF-16 and has to join to the same text (codec spec g.31).

A JavaScript publisher may cut between the two halves of a surrogate pair; Python then holds two lone surrogates
where there is one character.
"""

from __future__ import annotations

import re
from typing import Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def join_surrogates(text: str) -> str:
    """The same text with surrogate halves that stand next to each other joined; lone ones stay."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def try_suffix(text: str, prefix: str) -> str | None:
    """What ``text`` adds to ``prefix``, or None when it does not start with it; compared by UTF-16 code unit."""
    if text.startswith(prefix):
        return text[len(prefix) :]
    if prefix.isascii() or not (_SURROGATE.search(prefix) or _SURROGATE.search(text)):
        return None  # neither holds half a character, so what differs in Python differs in UTF-16
    units, prefix_units = (part.encode("utf-16-le", "surrogatepass") for part in (text, prefix))
    if not units.startswith(prefix_units):
        return None
    return units[len(prefix_units) :].decode("utf-16-le", "surrogatepass")


class TextBuffer:
    """Text that grows by fragments: O(1) to append, joined when read."""

    __slots__ = ("_parts",)

    def __init__(self, text: str = "") -> None:
        self._parts: list[str] = [text] if text else []

    def append(self, fragment: str) -> None:
        self._parts.append(fragment)

    def replace(self, text: str) -> None:
        self._parts = [text] if text else []

    def __str__(self) -> str:
        parts = self._parts
        if len(parts) > 1:
            self._parts = parts = [join_surrogates("".join(parts))]
        return parts[0] if parts else ""

    def __bool__(self) -> bool:
        return any(self._parts)
