"""When a provider sends what: recordings hold no times, so these are made up, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from .recording import Recording

FIRST_TOKEN: Final = 0.4
"""The seconds that a model takes before it says anything."""

_REGULARITY: Final = 4.0
"""How even the gaps are: 1 would be pure chance, more is more even."""


def pauses(recording: Recording, seed: int) -> list[float]:
    """The seconds to wait before each event: a while before the first, then gaps around the model's usual one.

    Events without text (the role, the usage, the end mark) come together with what precedes them.
    """
    chance = random.Random(seed)  # noqa: S311 - pacing, not secrets
    mean = 1.0 / recording.tokens_per_second
    gaps = [chance.gammavariate(_REGULARITY, mean / _REGULARITY) if text else 0.0 for text in recording.texts()]
    return [FIRST_TOKEN, *gaps[1:]]


def no_pauses(recording: Recording) -> Sequence[float]:
    """No waiting at all."""
    return [0.0] * len(recording.events)
