"""What ``import ai_transport_codecs`` takes, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

_MEASURE: Final = "import time; begin = time.perf_counter(); {}; print((time.perf_counter() - begin) * 1e3)"


def import_milliseconds(statement: str = "import ai_transport_codecs", *, rounds: int = 5) -> float:
    """Milliseconds that ``statement`` takes in a fresh interpreter, without its own start; the best of rounds."""
    command = [sys.executable, "-c", _MEASURE.format(statement)]
    times = [
        subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603  # our own statement
        for _ in range(rounds)
    ]
    return min(map(float, times))
