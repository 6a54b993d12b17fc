"""Where the demo shows what happens: nowhere, as plain lines, or live in a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TextIO

from ai_transport_codecs.cli.text import one_line

from .pane import Pane

_PROGRESS_EVERY: Final = 2.0
_TAIL: Final = 48


class Screen(Protocol):
    """Shows what happened, and how the panes are doing."""

    def say(self, who: str, text: str) -> None:
        """Something happened, to a device or, for instance, to the provider."""

    def tick(self) -> None:
        """Show the panes as they are now; called some twenty times a second."""

    def close(self) -> None:
        """Leave the terminal as it was found, with everything that was shown still there. Idempotent."""


class SilentScreen:
    """Shows nothing."""

    def say(self, who: str, text: str) -> None:
        pass

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass


class PlainScreen:
    """Lines of plain text: one for each thing that happened, and every two seconds one for each device that grew."""

    def __init__(self, stream: TextIO, panes: Sequence[Pane], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._panes = panes
        self._clock = clock
        self._start = self._due = clock()
        self._shown: dict[str, str] = {}

    def say(self, who: str, text: str) -> None:
        self._stream.write(f"{self._clock() - self._start:6.2f} s  {who:<8}  {one_line(text)}\n")
        self._stream.flush()

    def tick(self) -> None:
        if self._clock() < self._due:
            return
        self._due = self._clock() + _PROGRESS_EVERY
        for pane in self._panes:
            if pane.text and pane.text != self._shown.get(pane.name):
                self._shown[pane.name] = pane.text
                self.say(pane.name, f"{len(pane.text):,} characters: ...{pane.text[-_TAIL:]}")

    def close(self) -> None:
        pass


def is_terminal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether control codes are welcome there (https://no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
