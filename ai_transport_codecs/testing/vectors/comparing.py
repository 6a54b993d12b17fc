"""Comparing JSON values as the vectors mean it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_transport_codecs.wire.text import join_surrogates


def difference(expected: Any, actual: Any, path: str = "") -> str | None:
    """Where and how two JSON values differ, or None.

    Object key order is free; 1 and 1.0 are equal, 1 and true are not; strings compare with surrogates joined.
    """
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key in [*expected, *(key for key in actual if key not in expected)]:
            if key not in actual:
                return f"{path}.{key}: missing"
            if key not in expected:
                return f"{path}.{key}: unexpected {actual[key]!r:.80}"
            found = difference(expected[key], actual[key], f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
            found = difference(left, right, f"{path}[{index}]")
            if found:
                return found
        return None if len(expected) == len(actual) else f"{path}: {len(actual)} entries, expected {len(expected)}"
    if isinstance(expected, str) and isinstance(actual, str):
        same = join_surrogates(expected) == join_surrogates(actual)
    else:
        same = isinstance(expected, bool) == isinstance(actual, bool) and expected == actual
    return None if same else f"{path}: {actual!r:.120}, expected {expected!r:.120}"
