"""Repair for readers that join in the middle: events that must precede others, synthesised once (codec spec a, f.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from .decoder_core import StreamTracker

ContextT = TypeVar("ContextT")

MAX_SCOPES: Final = 10_000
"""How many scopes a tracker remembers; the scopes are run ids off the wire, so they must have a bound."""


@dataclass(frozen=True, slots=True)
class LifecyclePolicy:
    """The lead-in events of one decoder; made anew for each decoder, since it may hold state.

    ``on_discrete`` maps a discrete output kind to ``(run id, codec headers) -> lead-in events``; ``on_stream_start``
    gives those of a stream. The run id is ``""`` when the message has none.
    """

    on_discrete: Mapping[str, Callable[[str, Mapping[str, Any]], Iterable[Any]]] = field(default_factory=dict)
    on_stream_start: Callable[[str, StreamTracker], Iterable[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Phase(Generic[ContextT]):
    """One phase that a scope must have passed, and the events that stand for it."""

    key: str
    build: Callable[[ContextT], Iterable[Any]]


class LifecycleTracker(Generic[ContextT]):
    """Which phases of which scope have been seen or synthesised. Forgets the oldest scope beyond :data:`MAX_SCOPES`."""

    def __init__(self, phases: Sequence[Phase[ContextT]]) -> None:
        self._phases = tuple(phases)
        self._emitted: dict[str, set[str]] = {}

    def ensure_phases(self, scope: str, context: ContextT) -> list[Any]:
        """The events of the phases that ``scope`` has not passed, in order; they count as passed from now on."""
        emitted = self._scope(scope)
        events: list[Any] = []
        for phase in self._phases:
            if phase.key not in emitted:
                events.extend(phase.build(context))
                emitted.add(phase.key)
        return events

    def mark_emitted(self, scope: str, key: str) -> None:
        """Phase ``key`` of ``scope`` was seen on the wire."""
        self._scope(scope).add(key)

    def reset_phase(self, scope: str, key: str) -> None:
        """Phase ``key`` of ``scope`` is over and may come again."""
        if scope in self._emitted:
            self._emitted[scope].discard(key)

    def clear_scope(self, scope: str) -> None:
        """Forget all about ``scope``."""
        self._emitted.pop(scope, None)

    def _scope(self, scope: str) -> set[str]:
        emitted = self._emitted.get(scope)
        if emitted is None:
            if len(self._emitted) >= MAX_SCOPES:
                del self._emitted[next(iter(self._emitted))]
            emitted = self._emitted[scope] = set()
        return emitted
