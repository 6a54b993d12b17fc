"""Which runs wait for which input, and which input is the newest (session spec 4.3)."""

from __future__ import annotations

from typing import Any

from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .events import Applied
from .nodes import InputNode, RunNode
from .run_core import RunCore
from .tree import Tree
from .trigger import try_event_id


class Triggers:
    """Gives each run its input when the tree takes it, live or from history: one look-up a message, however many wait.

    The match is made within the delivery, before anybody else hears of it, and at the first part of a message with
    parts: the others may still be on their way (session spec 10.50).
    """

    def __init__(self, tree: Tree[Any]) -> None:
        self._tree = tree
        self._waiting: dict[str, list[RunCore[Any]]] = {}
        self._newest: tuple[str, str, str] | None = None
        tree.on("message", self._on_applied)

    def wait_for(self, event_id: str, run: RunCore[Any]) -> None:
        """Pin ``run`` as soon as the input with that event id is seen."""
        self._waiting.setdefault(event_id, []).append(run)

    def forget(self, run: RunCore[Any]) -> None:
        """Do not look for the input of ``run`` any more."""
        waiting = self._waiting.get(run.input_event_id, [])
        if run in waiting:
            waiting.remove(run)
        if not waiting:
            self._waiting.pop(run.input_event_id, None)

    def try_unanswered(self, since: str = "") -> str | None:
        """The event id of the newest input, if it came after ``since``, belongs to no run and none answers it yet."""
        if self._newest is None or self._newest[0] <= since:
            return None
        _, event_id, message_id = self._newest
        node = self._tree.node_of(message_id)
        if isinstance(node, RunNode):  # of a fork or a regenerate, which shows in its run
            return None if node.is_started else event_id
        if isinstance(node, InputNode) and self._tree.reply_runs(message_id):
            return None
        return event_id

    def try_event_id_of(self, run: RunNode) -> str | None:
        """The event id of the input that a run was started or last resumed for; None when that is not known."""
        message_id, serial = run.progress.last_input
        event_ids = (
            (message.serial, try_event_id(message))
            for message in self._tree.inputs_seen()
            if text_header(transport_headers(message.extras), h.MESSAGE_ID) == message_id is not None
        )
        before = [(at, event_id) for at, event_id in event_ids if isinstance(at, str) and at < serial]
        return max(before, default=(None, None))[1]

    def _on_applied(self, applied: Applied) -> None:
        event_id = try_event_id(applied.message)
        if event_id is None:
            return
        for run in self._waiting.pop(event_id, ()):
            run.pin(applied.message)
        self._note(applied.message, event_id)

    def _note(self, message: InboundMessage, event_id: str) -> None:
        headers = transport_headers(message.extras)
        message_id, serial = text_header(headers, h.MESSAGE_ID), message.serial
        if text_header(headers, h.RUN_ID) is not None or message_id is None or not isinstance(serial, str):
            return
        if self._newest is None or serial > self._newest[0]:
            self._newest = (serial, event_id, message_id)
