"""Copies and parses of JSON values that came from somebody else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.wire.json_text import parse_json

MAX_DEPTH: Final = 128
"""How deeply a value of a message may be nested. JSON text from a channel may nest deeper than Python can walk."""

_NULL_SAYS_SOMETHING: Final = frozenset({"input", "output", "data"})
_LAST: Final = {"{": "}", "[": "]", '"': '"'}
_SPACE: Final = " \t\n\r"


def copy_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A value that shares no dict or list with ``value``; mappings become dicts, tuples become lists.

    A number too large for a float becomes null, as it does in the JSON that JavaScript writes: else whoever turns a
    message into JSON would fail because somebody sent ``1e999``.

    Raises ValueError for what is nested more deeply than ``depth``, or contains itself.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        if not depth:
            raise ValueError(f"a value is nested more than {MAX_DEPTH} levels deep")
        return {key: copy_json(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if not depth:
            raise ValueError(f"a value is nested more than {MAX_DEPTH} levels deep")
        return [copy_json(item, depth - 1) for item in value]
    return value


def plain_of(item: Any) -> Any:
    """An object with ``model_dump`` (pydantic) as the dict that it stands for; anything else as it is.

    Such objects dump what was not set as null, so nulls are left out, except where null may be a value.
    """
    dump = getattr(item, "model_dump", None)
    if not callable(dump):
        return item
    dumped: Any = dump(mode="json", by_alias=True)
    if not isinstance(dumped, Mapping):
        return item
    return {key: value for key, value in dumped.items() if value is not None or key in _NULL_SAYS_SOMETHING}


def parse_input(text: str) -> Any:
    """The value that a tool's input text stands for. Raises ValueError while it is no JSON, or nested too deeply."""
    stripped = text.strip(_SPACE)
    # Most reads of an input that is still arriving end here instead of scanning all of it in vain.
    if not stripped or stripped[-1] != _LAST.get(stripped[0], stripped[-1]):
        raise ValueError("the input is not complete")
    value = parse_json(stripped)
    if stripped.count("{") + stripped.count("[") > MAX_DEPTH:
        copy_json(value)  # only to find out whether it can be
    return value
