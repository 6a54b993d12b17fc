"""Which inputs resume a suspended run: the first answer to each question, and no repetition of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.codec.inputs import HUMAN_RESPONSE, TOOL_APPROVAL_RESPONSE, TOOL_RESULT, TOOL_RESULT_ERROR

from .events import RunStatus
from .nodes import RunNode
from .steer_agent import answered_ids, inputs_of, own_messages
from .wire_log import LogEntry

_QUESTIONS: Final[Mapping[str, str]] = {
    TOOL_RESULT: "result",
    TOOL_RESULT_ERROR: "result",
    HUMAN_RESPONSE: "result",
    TOOL_APPROVAL_RESPONSE: "approval",
}
_CALL_IDS: Final = ("toolCallId", "tool_call_id", "call_id")
"""What codecs call the id of a tool call in an answer's payload."""


def open_answers(run: RunNode) -> list[LogEntry]:
    """The inputs that a suspended run has yet to be resumed for, oldest first; none for a run that is not suspended.

    What arrived after the suspend is open; of what arrived before, that which no output answers. The second answer to
    one question (two devices approved the same call) is not: the first in channel order counts, for everybody and
    after a restart too. Nor is an answer to a message that the run never wrote.
    """
    if run.status is not RunStatus.SUSPENDED:
        return []
    suspended_at, answered = run.end_serial or "", answered_ids(run)
    askers = own_messages(run) | run.fork_ids
    asked: set[tuple[str, str, str]] = set()
    answers: list[LogEntry] = []
    for entry, message_id in inputs_of(run):
        questions = {question for event in entry.inputs if (question := _question(message_id, event)) is not None}
        is_void = bool(questions) and (questions <= asked or message_id not in askers)
        asked |= questions
        if not is_void and (entry.serial > suspended_at or message_id not in answered):
            answers.append(entry)
    return answers


def _question(message_id: str, event: Any) -> tuple[str, str, str] | None:
    """What an input answers; None for one that answers no question in particular."""
    kind = event.get("kind") if isinstance(event, Mapping) else None
    about = _QUESTIONS.get(kind) if isinstance(kind, str) else None
    if about is None:
        return None
    payload = event.get("payload")
    ids = (payload.get(key) for key in _CALL_IDS) if isinstance(payload, Mapping) else ()
    return message_id, about, next((each for each in ids if isinstance(each, str) and each), "")
