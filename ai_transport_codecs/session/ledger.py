"""The lifecycle of a tree's runs and steps, known or not yet known (session spec 5.5, 5.6)."""

from __future__ import annotations

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .envelope import Envelope
from .events import Applied, OutputEvent, RunEvent, RunStatus, Signals, StepEvent
from .fault_log import FaultLog
from .lifecycle import try_run_event, try_step_event
from .node_index import NodeIndex
from .nodes import RunNode
from .pending import PendingRuns
from .retention import Retention

_WORKING = frozenset({"start", "resume"})
_ACTIONS = frozenset({names.CREATE, names.UPDATE})


class RunLedger:
    """Applies lifecycle events to runs; those of a run that nothing is known of wait until something is."""

    def __init__(self, index: NodeIndex, signals: Signals, retention: Retention, faults: FaultLog) -> None:
        self._index = index
        self._signals = signals
        self._retention = retention
        self._faults = faults
        self._pending = PendingRuns()

    # --- messages

    def apply_run_message(self, message: InboundMessage, *, live: bool) -> Applied:
        """A message named like a run's start, suspend, resume or end. The event is told even if its run is unknown."""
        event = try_run_event(message, transport_headers(message.extras), live=live)
        if event is None or message.action not in _ACTIONS:
            self._faults.skip("a run lifecycle message names no run, or has no serial", str(message.name))
            return Applied(message, live)
        run = self.start(event) if event.type == "start" else self._advance(event)
        self._signals.run.emit(event)
        return Applied(message, live, None if run is None else run.key, run=event)

    def apply_step_message(self, message: InboundMessage, *, live: bool) -> Applied:
        """A message named like a step's start or end."""
        event = try_step_event(message, transport_headers(message.extras))
        if event is None or message.action not in _ACTIONS or message.serial is None:
            self._faults.skip("a step lifecycle message does not say which attempt of which step", str(message.name))
            return Applied(message, live)
        run = self.apply_step(event, message.serial)
        if run is not None:
            self._retention.note_activity(run, message.timestamp)
        return Applied(message, live, None if run is None else run.key, step=event)

    # --- events

    def start(self, event: RunEvent) -> RunNode:
        """The run that started."""
        is_known = self._index.find_run(event.run_id) is not None
        run = self._index.start(event)
        self._record(run, event)
        if not is_known:
            self.catch_up(run)
        return run

    def apply_step(self, event: StepEvent, serial: str) -> RunNode | None:
        """The run whose step started or ended, if it is known; ``serial`` is that of the message that says so."""
        run = self._index.find_run(event.run_id)
        if run is None:
            self._pending.add(event.run_id, serial, event)
        else:
            self._record_step(run, event)
        return run

    def remember(self, run_id: str, serial: str, envelope: Envelope) -> None:
        """A message without content named a run that is not known yet."""
        self._pending.add(run_id, serial, envelope)

    def catch_up(self, run: RunNode) -> None:
        """Apply what was heard of ``run`` before it was known."""
        for serial, item in self._pending.take(run.key):
            if isinstance(item, RunEvent):
                self._record(run, item)
                self._signals.run.emit(item._replace(live=False))
            elif isinstance(item, StepEvent):
                self._record_step(run, item)
            else:
                self._index.place_run(run.key, item, serial)

    def _advance(self, event: RunEvent) -> RunNode | None:
        run = self._index.find_run(event.run_id)
        if run is not None:
            self._record(run, event)
        elif event.serial is not None:
            self._pending.add(event.run_id, event.serial, event)
        return run

    def _record(self, run: RunNode, event: RunEvent) -> None:
        self._retention.note_activity(run, event.timestamp)
        run.progress.add(event)
        if event.type in _WORKING:
            run.note_agent(event.serial, event.agent)
        run.log.set_running(running=run.status is RunStatus.ACTIVE)
        self._retention.consider(run)

    def _record_step(self, run: RunNode, event: StepEvent) -> None:
        is_retry = run.steps_seen.apply(event)
        run.note_agent(event.attempt, event.agent if event.type == "start" else None)
        self._retention.consider(run)
        # A retry hides what the attempt before it wrote as soon as it starts (session spec 5.5).
        if is_retry and run.log.hide_attempts(event.step_id, event.attempt):
            self._signals.output.emit(OutputEvent(run.key, run.key, None, None, None, replaced=True))
