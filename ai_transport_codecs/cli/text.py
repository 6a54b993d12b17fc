"""Text that is safe and measured for a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# What a model says must not move the cursor, change colours or turn text round.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_WORD: Final = re.compile(r"\S+\s*|\s+")


def printable(text: str) -> str:
    """The text without control characters, except line feeds; tabs become spaces, half surrogates question marks."""
    plain = _CONTROLS.sub("", text.replace("\t", "    "))
    return plain.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(printable(text).split())


def shortened(text: str, limit: int = 60) -> str:
    """The beginning and the end of the text, at most ``limit`` characters together."""
    if len(text) <= limit:
        return text
    tail = (limit - 3) // 3
    return f"{text[: limit - 3 - tail]}...{text[len(text) - tail :]}"


def cell_width(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def fitted(text: str, width: int) -> str:
    """The text cut or filled with spaces to exactly ``width`` cells."""
    if cell_width(text) > width:
        text = next(_pieces(text, width), "")
    return text + " " * (width - cell_width(text))


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` cells, broken between words where possible; at least one."""
    return [line for paragraph in text.split("\n") for line in _paragraph(paragraph, width)]


def _paragraph(paragraph: str, width: int) -> Iterator[str]:
    line, used = "", 0
    for word in _WORD.findall(paragraph):
        size = cell_width(word.rstrip())
        if line and used + size > width:
            yield line.rstrip()
            line, used = "", 0
        if size > width:
            *full, rest = _pieces(word, width)
            yield from full
        else:
            rest = word
        line += rest
        used += cell_width(rest)
    yield line.rstrip()


def _pieces(text: str, width: int) -> Iterator[str]:
    piece, used = "", 0
    for character in text:
        size = _cells(character)
        if piece and used + size > width:
            yield piece
            piece, used = "", 0
        if size <= width:
            piece += character
            used += size
    yield piece


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
