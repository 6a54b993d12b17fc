"""What users say to a run while it goes on: steers, on the agent's side (session spec 4.9)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.json_text import dump_json

from .nodes import RunNode
from .wire_log import LogEntry


class Steers:
    """The inputs that one run got since it began, by message id: pending, then taken up, then answered by a pipe.

    ``has_input`` takes up what is pending; the next output is stamped with what was taken up, and so answers it.
    """

    __slots__ = ("_has_output", "_known", "_pending", "_taken")

    def __init__(self) -> None:
        self._pending: dict[str, None] = {}
        self._taken: dict[str, None] = {}
        self._known: set[str] = set()
        self._has_output = False

    def seed(self, message_ids: Iterable[str]) -> bool:
        """Take note of inputs that were there before, or were found in history; whether there were any new ones."""
        fresh = [each for each in message_ids if each not in self._known]
        self._pending.update(dict.fromkeys(fresh))
        self._known.update(fresh)
        return bool(fresh)

    def add(self, message_id: str) -> None:
        """An input arrived, or one more part of it."""
        self._pending[message_id] = None
        self._known.add(message_id)

    def take(self) -> bool:
        """Take up what is pending; whether the run has something to answer: that, or its trigger (first pass)."""
        had_pending = bool(self._pending)
        self._taken |= self._pending
        self._pending = {}
        return had_pending or not self._has_output

    def stamp(self) -> Headers:
        """Begin an output: the header that says what it answers, once. Empty when nothing was taken up."""
        self._has_output = True
        taken, self._taken = self._taken, {}
        return {h.STEER_MESSAGE_IDS: dump_json(list(taken))} if taken else {}

    @property
    def unanswered(self) -> Collection[str]:
        """What no output answers yet, whether it was taken up or not."""
        return self._taken | self._pending


def unanswered_inputs(run: RunNode) -> list[LogEntry]:
    """The inputs sent to ``run`` that none of its output answers, oldest first; of a message with parts, the first.

    Output answers the inputs it is stamped with, and what triggered its invocation. Where the reference takes the
    trigger of an *earlier* invocation for a steer of the present one, and so moves that message to the end of the
    prompt, we do not (design D4).
    """
    answered = answered_ids(run)
    unanswered: dict[str, LogEntry] = {}
    for entry, message_id in inputs_of(run):
        if message_id not in answered:
            unanswered.setdefault(message_id, entry)
    return list(unanswered.values())


def answered_ids(run: RunNode) -> set[str]:
    """The message ids that the run's output answers."""
    answered: set[str] = set()
    for entry in run.log.entries:
        if entry.outputs and not entry.is_hidden:
            answered.update(entry.envelope.steer_message_ids)
            if entry.envelope.input_message_id is not None:
                answered.add(entry.envelope.input_message_id)
    return answered


def inputs_of(run: RunNode) -> Iterator[tuple[LogEntry, str]]:
    """The messages that were sent to a run, in order, with their message ids."""
    for entry in run.log.entries:
        if entry.inputs and entry.envelope.message_id is not None:
            yield entry, entry.envelope.message_id


def own_messages(run: RunNode) -> set[str]:
    """The ids of the messages that the run itself wrote (an input may be addressed to one of them, too)."""
    return {entry.envelope.message_id for entry in run.log.entries if entry.outputs and entry.envelope.message_id}


def order_steers(messages: list[Any], run: RunNode, unanswered: Collection[str]) -> list[Any]:
    """The run's messages with those last that are yet to be answered: a model answers what comes last."""
    if not unanswered:
        return messages
    late = set(unanswered) - own_messages(run)  # a tool's result does not move the message that called the tool
    if not late:
        return messages
    return [each for each in messages if each.id not in late] + [each for each in messages if each.id in late]
