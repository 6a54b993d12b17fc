"""When a finished run's events may be let go of (session spec 5.4)."""

from __future__ import annotations

from collections import deque

from .nodes import RunNode


class Retention:
    """Sweeps the logs of runs that are over, once nothing happened in them for the reorder window.

    Time is the latest creation time of any message seen, in milliseconds, so a quiet channel sweeps nothing. A swept
    run keeps its projection and still tells repeated messages from new ones; it is no longer put in serial order.
    """

    def __init__(self, window_ms: int) -> None:
        self._window = window_ms
        self._clock = 0
        self._queue: deque[RunNode] = deque()

    def note_activity(self, run: RunNode, timestamp: int | None) -> None:
        """Something happened in ``run`` at that time."""
        if timestamp is not None and timestamp > run.last_activity:
            run.last_activity = timestamp

    def consider(self, run: RunNode) -> None:
        """Queue ``run`` for its sweep when it is over."""
        if not run.is_sweep_queued and _is_over(run):
            run.is_sweep_queued = True
            self._queue.append(run)

    def advance(self, timestamp: int | None) -> None:
        """A message of that time was seen; sweep what is due."""
        if timestamp is None or timestamp <= self._clock:
            return
        self._clock = timestamp
        queue = self._queue
        while queue and queue[0].last_activity + self._window < timestamp:
            run = queue.popleft()
            run.is_sweep_queued = False
            if _is_over(run):
                run.log.sweep()


def _is_over(run: RunNode) -> bool:
    return run.is_started and run.status.is_terminal and not run.steps_seen.has_open and not run.log.is_swept
