"""Text in columns."""

from __future__ import annotations

from collections.abc import Sequence

from .text import cell_width


def aligned(rows: Sequence[Sequence[str]], *, indent: str = "  ", gap: str = "   ") -> list[str]:
    """The rows as lines, each column as wide as its widest cell; no spaces at the ends of lines."""
    columns = max(map(len, rows), default=0)
    widths = [max((cell_width(row[index]) for row in rows if index < len(row)), default=0) for index in range(columns)]
    return [
        (indent + gap.join(cell + " " * (widths[index] - cell_width(cell)) for index, cell in enumerate(row))).rstrip()
        for row in rows
    ]
