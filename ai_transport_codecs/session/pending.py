"""What is known of runs that nothing else is known of yet (session spec 7.4 b).

A history page may end in the middle of a run: its end is then seen before anything that tells where the run belongs.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from .envelope import Envelope
from .events import RunEvent, StepEvent
from .recent import Recent

MAX_RUNS: Final = 500
"""Unknown runs remembered; beyond that, the one heard of first is forgotten."""
MAX_PER_RUN: Final = 200
"""Messages remembered for one of them; beyond that, the one heard of first is forgotten."""

PendingItem: TypeAlias = RunEvent | StepEvent | Envelope


class PendingRuns:
    """Lifecycle events, and messages without content, of runs that are not in the tree yet."""

    def __init__(self) -> None:
        self._runs: Recent[Recent[tuple[str, PendingItem]]] = Recent(MAX_RUNS)

    def add(self, run_id: str, serial: str, item: PendingItem) -> None:
        """Keep ``item`` until its run is known; one and the same message is kept once."""
        items = self._runs.get(run_id)
        if items is None:
            items = Recent(MAX_PER_RUN)
            self._runs.remember(run_id, items)
        items.remember(serial, (serial, item))

    def take(self, run_id: str) -> list[tuple[str, PendingItem]]:
        """What was kept for a run, in serial order; it is kept no longer."""
        items = self._runs.pop(run_id)
        return [] if items is None else sorted(items.values(), key=_serial_of)

    def __len__(self) -> int:
        return len(self._runs)


def _serial_of(item: tuple[str, PendingItem]) -> str:
    return item[0]
