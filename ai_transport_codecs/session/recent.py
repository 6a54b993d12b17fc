"""A mapping that remembers what came last, up to a bound."""

from __future__ import annotations

from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Recent(Generic[ValueT]):
    """The first value of each key; beyond ``capacity`` keys the one that came first is forgotten."""

    __slots__ = ("_capacity", "_values")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: dict[str, ValueT] = {}

    def remember(self, key: str, value: ValueT) -> None:
        """Keep the value, unless the key has one."""
        if key in self._values:
            return
        if len(self._values) >= self._capacity:
            del self._values[next(iter(self._values))]
        self._values[key] = value

    def get(self, key: str) -> ValueT | None:
        """The value of that key; None when it has none, or it was forgotten."""
        return self._values.get(key)

    def pop(self, key: str) -> ValueT | None:
        """As :meth:`get`, forgetting it."""
        return self._values.pop(key, None)

    def values(self) -> list[ValueT]:
        """All values, in the order in which they came."""
        return list(self._values.values())

    def __len__(self) -> int:
        return len(self._values)
