"""JSON values of somebody else: bounded copies, places in them by pointer, and what changes one into another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ai_transport_codecs.wire.absent import ABSENT

MAX_DEPTH: Final = 128
"""How deeply a value may be nested. JSON text from a channel may nest deeper than Python can walk."""

MAX_POINTER: Final = 16
"""How many steps a pointer may take, so that values set inside values stay bounded too."""

_Path = tuple[str, ...]


class TooDeepError(ValueError):
    """A value is nested too deeply, or contains itself."""


def copy_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A value that shares no dict or list with ``value``; mappings become dicts, tuples become lists.

    Raises TooDeepError for what is nested more deeply than ``depth``, or contains itself.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if not depth:
        raise TooDeepError(f"a value is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {key: copy_json(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copy_json(item, depth - 1) for item in value]
    return value


def slot_index(value: Any) -> int | None:
    """The position that an untrusted number means: an integer from 0 on, else None (codec spec g.53)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    return int(value) if isinstance(value, float) and value >= 0 and value.is_integer() else None


def path_of(pointer: Any) -> _Path | None:
    """The steps of a JSON pointer, or None for what is none, or takes too many steps."""
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        return None
    steps = pointer[1:].split("/")
    if len(steps) > MAX_POINTER:
        return None
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def pointer_to(*path: str | int) -> str:
    """The JSON pointer of a place."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def child(container: Any, step: str) -> Any:
    """What ``container`` holds at ``step``, or ABSENT. A dict by number is a list that may have gaps."""
    if isinstance(container, list):
        index = _index(step)
        return container[index] if index is not None and index < len(container) else ABSENT
    if not isinstance(container, dict):
        return ABSENT
    return container.get(step, ABSENT)


def put(container: Any, step: str, value: Any) -> None:
    """Set what ``container`` holds at ``step``; a list grows by one at most, what is no container ignores it."""
    if isinstance(container, list):
        index = _index(step)
        if index is not None and index <= len(container):
            container[index : index + 1] = [value]
    elif isinstance(container, dict):
        container[step] = value


def drop(container: Any, step: str) -> None:
    """Remove what a dict holds at ``step``; entries of lists stay, since the ones after them would move."""
    if isinstance(container, dict):
        container.pop(step, None)


def _index(step: str) -> int | None:
    return int(step) if step.isascii() and step.isdigit() and len(step) < 10 else None


def changes(held: Any, wanted: Any, at: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    """What to set, by path, so that ``held`` becomes ``wanted``; ABSENT for what is to be removed.

    Both are containers of the same kind. A list that got shorter is stated whole.
    """
    if isinstance(held, dict):
        for key in held:
            if key not in wanted:
                yield (*at, key), ABSENT
        for key, value in wanted.items():
            yield from _change(held.get(key, ABSENT), value, (*at, key))
    else:
        for index, value in enumerate(wanted):
            yield from _change(held[index] if index < len(held) else ABSENT, value, (*at, str(index)))


def _change(before: Any, after: Any, at: _Path) -> Iterator[tuple[_Path, Any]]:
    if len(at) < MAX_POINTER and (
        (isinstance(before, dict) and isinstance(after, dict))
        or (isinstance(before, list) and isinstance(after, list) and len(after) >= len(before))
    ):
        yield from changes(before, after, at)
    elif type(before) is not type(after) or before != after:
        yield at, after
