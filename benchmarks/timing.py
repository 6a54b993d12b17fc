"""Timing: the best of several rounds, since other work on the machine can only make a round slower."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final

ROUNDS: Final = 7


def best_microseconds(work: Callable[[], object], units: int, *, rounds: int = ROUNDS) -> float:
    """Microseconds per unit of ``work``, which does ``units`` of them: the best of ``rounds``, not collecting."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        try:
            begin = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - begin)
        finally:
            gc.enable()
    return best / units * 1e6
