"""The steps of a run: attempts, which of them counts, and how each ended (session spec 5.5)."""

from __future__ import annotations

from typing import Final, NamedTuple

from .events import StepEvent, StepStatus

MAX_STEPS: Final = 10_000
"""Steps that one run may have; later ones are ignored."""
MAX_ATTEMPTS: Final = 1_000
"""Attempts that are counted per step."""


class StepInfo(NamedTuple):
    """A step as readers see it. ``client_id`` is the one that runs its newest attempt ('' when it named none)."""

    step_id: str
    status: StepStatus
    attempt_count: int
    client_id: str


class _Step:
    __slots__ = ("attempts", "canonical", "client_id", "ends", "step_id")

    def __init__(self, step_id: str) -> None:
        self.step_id = step_id
        self.canonical: str | None = None
        self.client_id = ""
        self.attempts: set[str] = set()
        self.ends: dict[str, StepStatus] = {}

    @property
    def status(self) -> StepStatus:
        return self.ends.get(self.canonical or "", StepStatus.ACTIVE)

    def info(self) -> StepInfo:
        return StepInfo(self.step_id, self.status, len(self.attempts), self.client_id)


class Steps:
    """The steps of one run. What it says depends on the events seen, not on the order in which they came."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}

    def apply(self, event: StepEvent) -> bool:
        """Note an attempt's start or end; True when another attempt of its step counts from now on."""
        step = self._step(event)
        if step is None:
            return False
        if event.type == "end":
            step.ends[event.attempt] = event.status
            return False
        if step.canonical is not None and event.attempt <= step.canonical:
            return False
        step.canonical = event.attempt
        step.client_id = event.client_id
        return True

    def is_superseded(self, step_id: str | None, attempt: str | None) -> bool:
        """Whether output of that attempt is hidden, because another attempt of the step counts."""
        step = self._steps.get(step_id) if step_id is not None and attempt is not None else None
        return step is not None and step.canonical is not None and step.canonical != attempt

    @property
    def has_open(self) -> bool:
        """Whether a started step still waits for its end."""
        return any(step.canonical is not None and step.canonical not in step.ends for step in self._steps.values())

    def infos(self) -> list[StepInfo]:
        """The steps, in the order of their first attempts."""
        return [step.info() for step in sorted(self._steps.values(), key=lambda step: min(step.attempts))]

    def _step(self, event: StepEvent) -> _Step | None:
        step = self._steps.get(event.step_id)
        if step is None:
            if len(self._steps) >= MAX_STEPS:
                return None
            step = self._steps[event.step_id] = _Step(event.step_id)
        if event.attempt not in step.attempts:
            if len(step.attempts) >= MAX_ATTEMPTS:
                return step if event.type == "start" else None
            step.attempts.add(event.attempt)
        return step
