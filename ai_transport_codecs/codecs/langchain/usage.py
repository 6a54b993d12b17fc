"""How token counts of one message add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_cumulative(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two reports count the same tokens: each has the prompt in it and no count went down.

    A provider that reports increments counts the prompt once, so the second report of a prompt is a new total.
    """
    prompt = _count(before, "input_tokens"), _count(now, "input_tokens")
    return min(prompt) > 0 and all(_count(now, key) >= _count(before, key) for key in ("output_tokens", "total_tokens"))


def replaced(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """The newer report, and what only the older one says."""
    return {**left, **{key: value for key, value in right.items() if value is not None}}


def added(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """The sum, key by key and nested; of what is no number, the newer one."""
    total = replaced(left, right)
    for key, value in right.items():
        held = left.get(key)
        if isinstance(held, int) and isinstance(value, int):
            total[key] = held + value
        elif isinstance(held, Mapping) and isinstance(value, Mapping):
            total[key] = added(held, value)
    return total


def _count(usage: Mapping[str, Any], key: str) -> int:
    value = usage.get(key)
    return value if isinstance(value, int) else 0
