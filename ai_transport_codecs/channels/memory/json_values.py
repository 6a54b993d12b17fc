"""JSON values that belong to nobody else: copies, taken as cheaply as their kind allows, and what they weigh."""

from __future__ import annotations

import marshal
import math
from collections.abc import Mapping
from typing import Any, Final

_ATOMS: Final = frozenset({str, bool, type(None)})
_MAX_DEPTH: Final = 100
_MAX_INTEGER: Final = 2**1024  # beyond it JavaScript reads infinity, and Python refuses to print it at some length


def normalised(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """A copy of ``value`` as it would come out of JSON: plain dicts, lists and atoms, a float that is not finite None.

    Raises TypeError for what JSON cannot carry, ValueError for what is nested deeper than 100 levels, contains itself
    or is a number beyond 2**1024.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is not dict and kind is not list:
        return _normalised_other(value, depth)
    if depth == 0:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep, or contains itself")
    if kind is list:
        return [item if type(item) in _ATOMS else normalised(item, depth - 1) for item in value]
    return {_key(key): item if type(item) in _ATOMS else normalised(item, depth - 1) for key, item in value.items()}


def _normalised_other(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        if not -_MAX_INTEGER < value < _MAX_INTEGER:
            raise ValueError("it holds a number beyond 2**1024")
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return normalised(dict(value), depth)
    if isinstance(value, list | tuple):
        return normalised(list(value), depth)
    raise TypeError(f"it holds a {type(value).__name__}, which JSON cannot carry")


def _key(key: Any) -> str:
    if type(key) is str:
        return key
    if isinstance(key, str):
        return str.__str__(key)
    raise TypeError(f"it holds an object whose key is a {type(key).__name__}, and JSON's are strings")


def copied(value: Any) -> Any:
    """A copy of what :func:`normalised` gave; text and bytes are shared, for nobody can change them."""
    kind = type(value)
    if kind is dict:
        return {key: item if type(item) in _ATOMS else copied(item) for key, item in value.items()}
    if kind is list:
        return [item if type(item) in _ATOMS else copied(item) for item in value]
    return value


def most_bytes(value: Any) -> int:
    """At least the bytes of the JSON text of what :func:`normalised` gave, found without writing it."""
    # In marshal's second format every value takes at least a sixth of what it takes as JSON: text is UTF-8 there and
    # at worst \u0000 here, and each value has a mark of its own there where JSON has quotes and a comma.
    return 6 * len(marshal.dumps(value, 2))
