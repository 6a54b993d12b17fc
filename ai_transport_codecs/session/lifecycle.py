"""Reading run and step lifecycle messages, and what a run's lifecycle adds up to (session spec 2.5, 5.6)."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from ai_transport_codecs.errors import AgentError, ErrorCode
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import text_header
from ai_transport_codecs.wire.messages import InboundMessage

from .events import AgentConnection, RunEvent, RunStatus, StepEvent, StepStatus

_RUN_TYPES: Final[Mapping[str, Literal["start", "suspend", "resume", "end"]]] = {
    names.RUN_START: "start",
    names.RUN_SUSPEND: "suspend",
    names.RUN_RESUME: "resume",
    names.RUN_END: "end",
}
_END_STATUSES: Final = {
    "complete": RunStatus.COMPLETE,
    "cancelled": RunStatus.CANCELLED,
    "error": RunStatus.ERROR,
}
_STEP_STATUSES: Final = {
    "complete": StepStatus.COMPLETE,
    "failed": StepStatus.FAILED,
    "cancelled": StepStatus.CANCELLED,
}
_DECIMAL: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_MAX_SAFE_INTEGER: Final = 2**53 - 1


def try_run_event(message: InboundMessage, transport: Mapping[str, Any], *, live: bool) -> RunEvent | None:
    """The run lifecycle event of a message with one of their names; None when it names no run or has no serial."""
    run_id = text_header(transport, h.RUN_ID)
    kind = _RUN_TYPES.get(message.name or "")
    if run_id is None or kind is None or not message.serial:
        return None
    is_start, status = kind == "start", _end_status(transport) if kind == "end" else None
    return RunEvent(
        type=kind,
        run_id=run_id,
        client_id=text_header(transport, h.RUN_CLIENT_ID) or "",
        invocation_id=text_header(transport, h.INVOCATION_ID) or "",
        serial=message.serial,
        timestamp=message.timestamp,
        parent=text_header(transport, h.PARENT) if is_start else None,
        fork_of=text_header(transport, h.FORK_OF) if is_start else None,
        regenerates=text_header(transport, h.REGENERATES) if is_start else None,
        input_message_id=text_header(transport, h.INPUT_MESSAGE_ID),
        input_client_id=text_header(transport, h.INPUT_CLIENT_ID),
        status=status,
        error=agent_error(transport) if status is RunStatus.ERROR else None,
        live=live,
        agent=AgentConnection(message.client_id, message.connection_id),
    )


def try_step_event(message: InboundMessage, transport: Mapping[str, Any]) -> StepEvent | None:
    """The step lifecycle event of a message with one of their names; None when it does not say which attempt."""
    run_id, step_id = text_header(transport, h.RUN_ID), text_header(transport, h.STEP_ID)
    is_start = message.name == names.STEP_START
    attempt = message.serial if is_start else text_header(transport, h.STEP_START_SERIAL)
    if run_id is None or step_id is None or not attempt:
        return None
    reason = text_header(transport, h.STEP_REASON) or ""
    return StepEvent(
        type="start" if is_start else "end",
        run_id=run_id,
        step_id=step_id,
        attempt=attempt,
        client_id=text_header(transport, h.STEP_CLIENT_ID) or "",
        invocation_id=text_header(transport, h.INVOCATION_ID) or "",
        status=StepStatus.ACTIVE if is_start else _STEP_STATUSES.get(reason, StepStatus.COMPLETE),
        agent=AgentConnection(message.client_id, message.connection_id),
    )


def agent_error(transport: Mapping[str, Any]) -> AgentError:
    """The error that the headers of an ``ai-run-end`` report (session spec 2.5)."""
    code = _error_code(text_header(transport, h.ERROR_CODE) or "")
    status_code = code // 100 if 10_000 <= code < 60_000 else 500
    message = text_header(transport, h.ERROR_MESSAGE) or "agent reported an error"
    return AgentError(message, code=code, status_code=status_code)


def _end_status(transport: Mapping[str, Any]) -> RunStatus:
    return _END_STATUSES.get(text_header(transport, h.RUN_REASON) or "", RunStatus.COMPLETE)


def _error_code(text: str) -> int:
    number = float(text) if len(text) <= 32 and _DECIMAL.fullmatch(text) else math.nan
    if number.is_integer() and abs(number) <= _MAX_SAFE_INTEGER:
        return int(number)
    return ErrorCode.STREAM_ERROR


class RunState(NamedTuple):
    """What a run's lifecycle so far adds up to."""

    status: RunStatus = RunStatus.ACTIVE
    error: AgentError | None = None
    end_serial: str | None = None
    last_resume_invocation_id: str | None = None
    answered_by: str | None = None
    last_input: tuple[str | None, str] = (None, "")
    latest: RunEvent | None = None


def _started(state: RunState, event: RunEvent) -> RunState:
    state = state._replace(last_input=(event.input_message_id, event.serial or ""), latest=event)
    return state._replace(status=RunStatus.ACTIVE) if state.status is RunStatus.SUSPENDED else state


def _suspended(state: RunState, event: RunEvent) -> RunState:
    newest = state.last_resume_invocation_id
    if newest and event.invocation_id and event.invocation_id != newest:
        return state  # a straggler of an earlier invocation: a later one has taken the run over
    return state._replace(status=RunStatus.SUSPENDED, error=None, end_serial=event.serial, latest=event)


def _resumed(state: RunState, event: RunEvent) -> RunState:
    if event.invocation_id:
        state = state._replace(last_resume_invocation_id=event.invocation_id)
    state = state._replace(answered_by=event.input_client_id)
    return _started(state, event)


def _ended(state: RunState, event: RunEvent) -> RunState:
    return state._replace(status=event.status or RunStatus.COMPLETE, error=event.error, end_serial=event.serial)


_TRANSITIONS: Final[Mapping[str, Callable[[RunState, RunEvent], RunState]]] = {
    "start": _started,
    "suspend": _suspended,
    "resume": _resumed,
    "end": _ended,
}


class RunProgress:
    """A run's lifecycle events, applied in serial order whatever order they arrive in.

    So a suspend from an older history page never overwrites the end that is already known. At most ``MAX_EVENTS`` are
    kept: of more, the older half is settled for good, and what arrives still older than that is ignored.
    """

    MAX_EVENTS: Final = 256

    __slots__ = ("_events", "_serials", "_settled", "_settled_serial", "state")

    def __init__(self) -> None:
        self.state = RunState()
        self._events: list[RunEvent] = []
        self._serials: list[str] = []
        self._settled = RunState()
        self._settled_serial = ""

    @property
    def last_input(self) -> tuple[str | None, str]:
        """The id of the message that it was started or resumed for last, and the serial of what says so."""
        return self.state.last_input

    def has_answered(self, input_message_id: str) -> bool:
        """Whether it was started or resumed for the message with that id."""
        return any(event.input_message_id == input_message_id for event in self._events)

    def was_opened_by(self, invocation_id: str) -> bool:
        """Whether the channel told that this invocation started or resumed it."""
        return any(each.invocation_id == invocation_id and each.type in ("start", "resume") for each in self._events)

    def add(self, event: RunEvent) -> None:
        """Take one event into account. A local insert, which has no serial, changes nothing; nor does a repetition."""
        serial = event.serial
        if serial is None or serial <= self._settled_serial:
            return
        position = bisect_left(self._serials, serial)
        if position < len(self._serials) and self._serials[position] == serial:
            return
        self._serials.insert(position, serial)
        self._events.insert(position, event)
        if position == len(self._events) - 1:
            self.state = _TRANSITIONS[event.type](self.state, event)
        else:
            self.state = _replay(self._settled, self._events)
        if len(self._events) > self.MAX_EVENTS:
            self._settle(self.MAX_EVENTS // 2)

    def _settle(self, count: int) -> None:
        self._settled = _replay(self._settled, self._events[:count])
        self._settled_serial = self._serials[count - 1]
        del self._events[:count], self._serials[:count]


def _replay(state: RunState, events: list[RunEvent]) -> RunState:
    for event in events:
        state = _TRANSITIONS[event.type](state, event)
    return state
