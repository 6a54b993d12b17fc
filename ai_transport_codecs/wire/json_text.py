"""JSON text exactly as JavaScript's ``JSON.stringify`` writes it (codec spec d.1, g.34).

Headers are compared as strings by readers in other languages, so the same value must give the same text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from .text import join_surrogates

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_MAX_INDEX: Final = 2**32 - 2  # ECMAScript's largest array index; larger integer-like keys keep their place
_LONE: Final = re.compile("[\ud800-\udfff]")
_QUOTE: Final = json.JSONEncoder(ensure_ascii=False).encode


def dump_json(value: Any) -> str:
    """The JSON text of ``value``. Raises TypeError for what JSON cannot carry, ValueError when nested too deeply."""
    try:
        return _text(value)
    except RecursionError:
        raise ValueError("value is nested too deeply for JSON, or contains itself") from None


def parse_json(text: str) -> Any:
    """Parse untrusted JSON text. Raises ValueError when it is malformed or nested too deeply."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_string(key)}:{_text(item)}' for key, item in _in_order(value))}}}"
    raise TypeError(f"a {type(value).__name__} cannot be carried as JSON")


def _string(text: str) -> str:
    quoted = _QUOTE(join_surrogates(str(text)))
    # JSON.stringify is well-formed: a surrogate without its other half is escaped, a pair is not.
    return quoted if quoted.isascii() else _LONE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", quoted)


def _in_order(value: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """The entries in ECMAScript's property order: array-index keys ascending, then the others as inserted."""
    indexed: list[tuple[int, str, Any]] = []
    named: list[tuple[str, Any]] = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a JSON object's keys are strings, not {type(key).__name__}")
        if _INDEX.fullmatch(key) and int(key) <= _MAX_INDEX:
            indexed.append((int(key), key, item))
        else:
            named.append((key, item))
    indexed.sort(key=lambda entry: entry[0])
    return [(key, item) for _, key, item in indexed] + named


def _number(value: float) -> str:
    """ECMAScript's Number::toString; the digits are Python's shortest round-trip ones, which are the same."""
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    sign, digit_tuple, raw_exponent = Decimal(repr(value)).as_tuple()
    power = int(raw_exponent)  # a letter only for what is not finite
    digits = "".join(map(str, digit_tuple)).rstrip("0")
    exponent = power + len(digit_tuple) - len(digits)
    point = len(digits) + exponent
    minus = "-" if sign else ""
    if 0 < point <= 21:
        if exponent >= 0:
            return minus + digits + "0" * exponent
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{minus}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
