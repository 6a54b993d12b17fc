"""The end that a piece of JSON text lacks, when its value is known."""

from __future__ import annotations

import re
from typing import Any, Final

from ai_transport_codecs.wire.json_text import dump_json, parse_json

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*("?)', re.DOTALL)
_CLOSERS: Final = {"{": "}", "[": "]"}


def missing_end(text: str, value: Any) -> str:
    """What makes JSON text say ``value``; "" when it says that already, or when nothing at its end helps."""
    if _says(text, value):
        return ""
    whole = dump_json(value)
    if whole.startswith(text):
        return whole[len(text) :]
    end = _closers(text)
    return end if end and _says(text + end, value) else ""


def _says(text: str, value: Any) -> bool:
    try:
        found = parse_json(text)
    except ValueError:
        return False
    return bool(found == value)


def _closers(text: str) -> str:
    """What closes the strings, lists and objects that are open at the end of ``text``."""
    end = ""
    stack: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        string = _STRING.match(text, position) if character == '"' else None
        if string is not None:
            position = string.end()
            end = "" if string[1] else '"'
            continue
        if character in _CLOSERS:
            stack.append(_CLOSERS[character])
        elif stack and character == stack[-1]:
            stack.pop()
        position += 1
    return end + "".join(reversed(stack))
