"""When a stream's next append goes out: how much the outbox merges (design: adaptive coalescing)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CoalescePolicy:
    """How deltas of one stream are merged into appends.

    The first delta always goes at once. After it, an append waits while ``max_in_flight`` appends of its stream are
    unacknowledged, but not longer than ``max_wait`` seconds nor beyond ``max_bytes`` of waiting text, and never sooner
    than ``window`` seconds after the one before. ``merge=False`` keeps one append per delta.
    """

    max_in_flight: int
    max_wait: float
    max_bytes: int = 16_384
    window: float = 0.0
    merge: bool = True


IMMEDIATE: Final = CoalescePolicy(max_in_flight=2**31, max_wait=0.0, merge=False)
"""One append per delta, not waiting for acknowledgements: the reference's behaviour."""

ADAPTIVE: Final = CoalescePolicy(max_in_flight=1, max_wait=0.5)
"""Merge what arrives while an append is unacknowledged: no delay on a quiet stream, few messages on a fast one."""


def fixed_window(seconds: float) -> CoalescePolicy:
    """At most one append per stream each ``seconds``."""
    if not 0 < seconds <= 10:
        raise ValueError(f"a coalescing window is between 0 and 10 seconds, not {seconds}")
    return CoalescePolicy(max_in_flight=2**31, max_wait=0.0, window=seconds)


def split_text(text: str, max_bytes: int) -> Iterator[str]:
    """``text`` in pieces of at most ``max_bytes`` of UTF-8 each, cut between characters; at least one piece."""
    if len(text) * 4 <= max_bytes or len(_utf8(text)) <= max_bytes:
        yield text
        return
    start = size = 0
    for index, character in enumerate(text):
        width = len(_utf8(character))
        if size + width > max_bytes and index > start:
            yield text[start:index]
            start, size = index, 0
        size += width
    yield text[start:]


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # half a surrogate pair is legal text here
