"""Objects of OpenAI's SDK as plain dictionaries, without importing the SDK.

The SDK's objects are pydantic models, in versions 2 and 3 alike, and so are those of the many libraries that speak the
same API. A copy holds what the provider sent, unknown fields included, under the names of the wire, and leaves out
what the model has by default only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from ai_transport_codecs.wire.absent import ABSENT

_SCALARS: Final = frozenset({str, int, bool, type(None)})
_MAX_DEPTH: Final = 200


def try_plain(item: Any, without: AbstractSet[str] = frozenset()) -> Mapping[str, Any] | None:
    """``item`` as a mapping of plain JSON values; None for what is no object.

    A mapping is returned as it is: what is kept of it after this call has to be copied (:func:`plain_value`). Of a
    model, and of other objects with ``to_dict`` or ``model_dump``, a fresh dictionary, without the fields named by
    ``without``: the accumulated snapshots of the SDK's event wrappers cost more to copy with each event.
    """
    if isinstance(item, Mapping):
        return item
    if isinstance(item, type):
        return None
    if hasattr(item, "__pydantic_fields_set__"):
        return _model(item, set(without) or None)
    for name in ("to_dict", "model_dump"):
        dump = getattr(item, name, None)
        if callable(dump):
            found = plain_value(dump())
            return {key: value for key, value in found.items() if key not in without} if type(found) is dict else None
    return None


def plain_value(value: Any) -> Any:
    """A fresh copy of a value as JSON has it; what JSON cannot carry is left out of objects, and else None."""
    if type(value) in _SCALARS:
        return value
    found = _plain(value, 0)
    return None if found is ABSENT else found


def _model(model: Any, without: set[str] | None) -> dict[str, Any]:
    # Without warnings: real providers send values that are not of the declared type, such as a null index.
    try:
        found: dict[str, Any] = model.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude=without, warnings=False
        )
    except Exception:
        # Something in it is not for JSON, such as a parsed result of the user's own class: leave out that alone.
        dumped = model.model_dump(mode="python", by_alias=True, exclude_unset=True, exclude=without, warnings=False)
        found = plain_value(dumped)
    return found


def _plain(value: Any, depth: int) -> Any:
    cls = type(value)
    if cls in _SCALARS:
        return value
    if depth >= _MAX_DEPTH:
        return ABSENT
    if isinstance(value, Mapping):
        return _object(value, depth)
    if isinstance(value, list | tuple):
        return [None if (found := _plain(item, depth + 1)) is ABSENT else found for item in value]
    if isinstance(value, str):  # of a subclass, such as an enumeration's member
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else ABSENT
    found = try_plain(value)
    return ABSENT if found is None else _object(found, depth)


def _object(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        plain = _plain(item, depth + 1)
        if plain is not ABSENT and isinstance(key, str):
            found[key] = plain
    return found
