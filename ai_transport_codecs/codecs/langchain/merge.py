"""How chunks add up: LangChain's merge rules, applied to a :class:`.draft.Draft` instead of to objects.

The result is what ``chunk + chunk`` gives, except where that loses data, doubles it or raises. There the newest
statement counts, which is what LangChain's own event stream (v3) does:

* a string that names something (``model_name``, ``finish_reason``, ``mime_type``, a signature, any string directly in
  ``response_metadata``) is replaced, not concatenated with itself;
* an id, a type or a name that is repeated stays as it is;
* booleans and floats that differ, and values whose type changed, are replaced instead of raising TypeError;
* entries with one index within one chunk merge as they would if they came in two chunks.

``held`` arguments are the sender's picture of what readers have: plain JSON, except that of a string that grows only
the beginning is kept. ``right`` arguments are plain JSON that nobody else uses.
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from .draft import TEXT_KEYS, Draft
from .pointers import child

_FIRST: Final = frozenset({"type", "id", "index", "tool_call_id", "tool_use_id", "call_id"})
"""Identities: the first non-empty one counts."""

_NAMES: Final = frozenset(
    {"name", "tool_name", "toolset_name", "server_label", "file_id", "container_id", "url", "title"}
)
"""May come in fragments, yet a repetition of the whole adds nothing."""

_LATEST: Final = frozenset(
    {
        "encoding",
        "encrypted_content",
        "finish_reason",
        "media_type",
        "mime_type",
        "model",
        "model_name",
        "model_provider",
        "output_version",
        "phase",
        "role",
        "service_tier",
        "signature",
        "status",
        "stop_reason",
        "stop_sequence",
        "system_fingerprint",
        "thought_signature",
    }
)
"""Stated as a whole each time: the last one counts."""

_COUNTERS: Final = frozenset({"index", "created", "timestamp"})
"""Numbers that say where or when; all others add up."""


def merge_object(
    draft: Draft, held: dict[str, Any], path: str, right: dict[str, Any], *, whole_strings: bool = False
) -> None:
    """Merge ``right`` into the object at ``path``; ``whole_strings`` says that no string in it comes in pieces."""
    for key, value in right.items():
        place = child(path, key)
        old = held.get(key)
        if old is None:
            if key not in held or value is not None:
                held[key] = value
                (draft.grow if key in TEXT_KEYS and value and type(value) is str else draft.put)(place, value)
        elif value is None:
            continue
        elif type(old) is not type(value):
            held[key] = value
            draft.replace(place, value)
        elif type(value) is str:
            _merge_string(draft, held, key, place, value, whole=whole_strings)
        elif type(value) is dict:
            merge_object(draft, old, place, value)
        elif type(value) is list:
            merge_list(draft, old, place, value)
        elif old != value:
            adds = type(value) is int and key not in _COUNTERS
            held[key] = old + value if adds else value
            draft.restate(place, held[key])


def _merge_string(draft: Draft, held: dict[str, Any], key: str, place: str, right: str, *, whole: bool) -> None:
    old = held[key]
    if not right or (old == right and (whole or key in _LATEST or key in _NAMES)):
        return
    if not old and not (key in _LATEST or whole):
        if key in _FIRST or key in _NAMES:
            held[key] = right
            draft.put(place, right)
        else:
            draft.grow(place, right)
    elif key in _FIRST:
        return
    elif whole or key in _LATEST:
        held[key] = right
        draft.restate(place, right)
    elif key in _NAMES:
        held[key] = old + right
        draft.restate(place, held[key])
    else:
        draft.grow(place, right)


def merge_list(draft: Draft, held: list[Any], path: str, right: list[Any]) -> None:
    """Merge ``right`` into the list at ``path``: entries with an index that is held already merge, others are added."""
    before = len(held)
    for entry in right:
        position = target(held, entry, before)
        if position is None:
            add_entry(draft, held, path, entry)
        else:
            merge_object(draft, held[position], f"{path}/#{position}", addition(held[position], entry))


def add_entry(draft: Draft, held: list[Any], path: str, entry: Any) -> None:
    """Add an entry at the end of the list at ``path``."""
    held.append(entry)
    draft.extend(path, len(held) - 1, entry, is_final=not is_mergeable(entry))


def is_mergeable(entry: Any) -> TypeGuard[dict[str, Any]]:
    """Whether later chunks may add to a list entry: it has a number, or LangChain's own text, as its index."""
    if type(entry) is not dict:
        return False
    index = entry.get("index")
    return isinstance(index, int) or (type(index) is str and index.startswith("lc_"))


def target(held: list[Any], entry: Any, before: int) -> int | None:
    """The position of the held entry that ``entry`` continues; the first ``before`` ones are of earlier chunks."""
    if not is_mergeable(entry):
        return None
    index, own = entry["index"], entry.get("id")
    for position, other in enumerate(held):
        if type(other) is dict and "index" in other and other["index"] == index:
            id_ = other.get("id")
            if (not id_ or not own or id_ == own) and (position < before or _continues(other, entry)):
                return position
    return None


def _continues(first: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Whether two entries of one chunk are pieces of one block; blocks of two kinds may share an index there."""
    kind = entry.get("type")
    return kind is None or kind == first.get("type") or (type(kind) is str and kind.endswith("_delta"))


def addition(held: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """What ``entry`` adds to the entry it continues: the first type counts, what is not standard joins the extras."""
    kind = held.get("type")
    if kind and entry.get("type") == "non_standard" and type(entry.get("value")) is dict:
        value = {key: item for key, item in entry["value"].items() if key != "type"}
        if kind != "non_standard":
            return {"extras": value}
        return {"value": value, "index": entry["index"]}
    return {key: item for key, item in entry.items() if key != "type"}
