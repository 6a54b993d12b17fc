"""An answer whose content comes as parts, as text, or as both in turn, as that of Mistral's reasoning models.

Text before the first part is the message's ``content``, as ever. What follows grows in segments beside the message, a
stream for each run of parts or of text, numbered from 1; so their order does not hang on who reads them when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count, groupby
from typing import Any, Final

from .document import in_order

SEGMENTS: Final = "message+"
"""The place beside a choice's message where the segments of its content are."""

_GROWN: Final[Mapping[str, type]] = {"text": str, "thinking": list}
"""Parts that come in pieces: by type, which is also the name of the field that has the text, what they have there."""


def content_of(text: Any, more: Any) -> Any:
    """A message's content: its text as it is, unless there are segments; then a list of parts, pieces joined."""
    segments = more.get("content") if isinstance(more, Mapping) else None
    found = list(joined(chain(_parts(text), *(_parts(each) for _, each in in_order(segments)))))
    return found or text


def joined(parts: Iterable[Any]) -> Iterator[Any]:
    """Parts, with neighbours that are pieces of one text as one; all others as they are."""
    numbers = count()
    for type_, group in groupby(parts, lambda part: _grown_type(part) or next(numbers)):
        if type_ == "text":
            yield {"type": "text", "text": "".join(part["text"] for part in group)}
        elif type_ == "thinking":
            thoughts = chain.from_iterable(part["thinking"] for part in group)
            yield {"type": "thinking", "thinking": list(_joined_texts(thoughts))}
        else:
            yield from group


def _joined_texts(parts: Iterable[Any]) -> Iterator[Any]:
    for is_text, group in groupby(parts, lambda part: _grown_type(part) == "text"):
        if is_text:
            yield {"type": "text", "text": "".join(part["text"] for part in group)}
        else:
            yield from group


def _grown_type(part: Any) -> str | None:
    """The type of a part that says nothing but a piece of text."""
    type_ = part.get("type") if isinstance(part, dict) and len(part) == 2 else None
    kind = _GROWN.get(type_) if isinstance(type_, str) else None
    return type_ if kind is not None and isinstance(part.get(type_), kind) else None


def _parts(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [{"type": "text", "text": value}] if value else []
    return value if isinstance(value, list) else []
