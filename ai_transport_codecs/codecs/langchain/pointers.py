"""Pointers: where in a message a value belongs, as text.

``content/#0/text`` is key ``text`` of entry 0 of list ``content``. Entries of lists carry a ``#``, so a pointer says
what containers it goes through even to a reader who missed their beginning. One space separates several pointers.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Steps: TypeAlias = tuple[str | int, ...]
"""A parsed pointer: keys as strings, list positions as numbers."""

MAX_STEPS: Final = 64
MAX_POINTERS: Final = 8
_MAX_DIGITS: Final = 9

_ESCAPES: Final = {"~": "~0", "/": "~1", " ": "~2", "#": "~3"}
_UNESCAPES: Final = {escape: char for char, escape in _ESCAPES.items()}
_SPECIAL: Final = re.compile(r"[~/ #]")
_ESCAPED: Final = re.compile(r"~[0-3]")


def key_step(key: str) -> str:
    """A key as one step of a pointer."""
    return key if _SPECIAL.search(key) is None else _SPECIAL.sub(lambda match: _ESCAPES[match[0]], key)


def child(path: str, key: str) -> str:
    """The pointer to key ``key`` of the object at ``path``; the root is ``""``."""
    step = key_step(key)
    return f"{path}/{step}" if path else step


def try_parse(pointer: str) -> Steps | None:
    """The steps of an untrusted pointer, or None when it is malformed or deeper than :data:`MAX_STEPS`."""
    texts = pointer.split("/", MAX_STEPS)
    if len(texts) > MAX_STEPS or not texts[0] or texts[0].startswith("#"):
        return None
    steps: list[str | int] = []
    for text in texts:
        if not text.startswith("#"):
            steps.append(_ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text) if "~" in text else text)
        elif text[1:].isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS:
            steps.append(int(text[1:]))
        else:
            return None
    return tuple(steps)


def try_parse_all(pointers: str) -> list[Steps] | None:
    """The steps of each of several untrusted pointers, or None when any is malformed or there are too many."""
    texts = pointers.split(" ", MAX_POINTERS)
    parsed = [steps for steps in map(try_parse, texts) if steps is not None]
    return parsed if len(parsed) == len(texts) <= MAX_POINTERS else None
