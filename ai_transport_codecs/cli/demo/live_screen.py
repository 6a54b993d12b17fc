"""The devices side by side in a terminal, growing live, and above them what happened."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TextIO

from ai_transport_codecs.cli.text import cell_width, fitted, one_line, printable, wrapped

from .pane import Pane

_ROWS: Final = 12
"""The most lines of text that a pane shows; fewer in a small terminal."""

_RESET, _DIM = "\x1b[0m", "\x1b[2m"
_COLOURS: Final = ("\x1b[36m", "\x1b[35m", "\x1b[33m", "\x1b[32m")
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_CLEAR_LINE, _CLEAR_BELOW = "\x1b[K", "\x1b[J"


class _Frame(NamedTuple):
    """The characters that panes are drawn with."""

    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str
    line: str
    side: str


_BOX: Final = _Frame("╭", "╮", "╰", "╯", "─", "│")
_ASCII: Final = _Frame("+", "+", "+", "+", "-", "|")


class LiveScreen:
    """Panes that are redrawn in place, below lines that stay.

    Draws in one write, so that nothing flickers, and only when something changed. The cursor is hidden until
    :meth:`close`.
    """

    def __init__(
        self,
        stream: TextIO,
        panes: Sequence[Pane],
        *,
        clock: Callable[[], float] = time.monotonic,
        size: Callable[[], os.terminal_size] = shutil.get_terminal_size,
    ) -> None:
        self._stream = stream
        self._panes = panes
        self._clock = clock
        self._size = size
        self._start = clock()
        self._colours = {pane.name: _COLOURS[index % len(_COLOURS)] for index, pane in enumerate(panes)}
        self._frame = _BOX if _can_draw_boxes(stream) else _ASCII
        self._drawn: list[str] = []
        self._is_closed = False
        stream.write(_HIDE_CURSOR)

    def say(self, who: str, text: str) -> None:
        stamp = f"{self._clock() - self._start:6.2f} s"
        colour = self._colours.get(who, _DIM)
        room = max(20, self._size().columns - 21)
        first, *more = wrapped(one_line(text), room)
        lines = [f"{_DIM}{stamp}{_RESET}  {colour}{who:<8}{_RESET}  {first}", *(" " * 20 + line for line in more)]
        self._draw(lines, self._region())

    def tick(self) -> None:
        region = self._region()
        if region != self._drawn:
            self._draw([], region)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.tick()
            self._stream.write(_SHOW_CURSOR)
            self._stream.flush()

    def _draw(self, new_lines: Sequence[str], region: list[str]) -> None:
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        lines = "".join(f"{line}{_CLEAR_LINE}\n" for line in [*new_lines, *region])
        self._stream.write(f"\r{up}{_NO_WRAP}{lines}{_CLEAR_BELOW}{_WRAP}")
        self._stream.flush()
        self._drawn = region

    def _region(self) -> list[str]:
        columns, lines = self._size()
        rows = min(_ROWS, lines - 8)
        width = (columns - 1) // max(1, len(self._panes)) - 1
        if rows < 1 or width < 16:
            return [self._short(pane, columns - 1) for pane in self._panes]
        boxes = [self._box(pane, width, rows) for pane in self._panes]
        return [" ".join(parts) for parts in zip(*boxes, strict=True)]

    def _box(self, pane: Pane, width: int, rows: int) -> list[str]:
        frame, colour = self._frame, self._colours[pane.name]
        inner = width - 4
        text = wrapped(printable(pane.text), inner)[-rows:]
        filled = [*text, *[""] * (rows - len(text))]
        side = f"{colour}{frame.side}{_RESET}"
        return [
            f"{colour}{self._edge(frame.top_left, frame.top_right, pane.name, width)}{_RESET}",
            *(f"{side} {fitted(line, inner)} {side}" for line in filled),
            f"{colour}{self._edge(frame.bottom_left, frame.bottom_right, _counted(pane), width)}{_RESET}",
        ]

    def _edge(self, left: str, right: str, label: str, width: int) -> str:
        label = f"{self._frame.line} {label} "
        room = width - 2
        label = fitted(label, room) if cell_width(label) > room else label
        return f"{left}{label}{self._frame.line * (room - cell_width(label))}{right}"

    def _short(self, pane: Pane, width: int) -> str:
        """One line for a pane, when there is no room for more."""
        line = f"{pane.name}: {_counted(pane)}"
        return f"{self._colours[pane.name]}{fitted(line, max(1, width))}{_RESET}"


def _counted(pane: Pane) -> str:
    return f"{pane.status}, {len(pane.text):,} characters" if pane.text else pane.status


def _can_draw_boxes(stream: TextIO) -> bool:
    try:
        "".join(_BOX).encode(getattr(stream, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
