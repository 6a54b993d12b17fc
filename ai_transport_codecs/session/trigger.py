"""The input that a run answers, and what its headers say about the run (session spec 4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers, text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .nodes import RunNode
from .tree import Tree


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an input message says about the run that answers it. ``anchor`` is the message that output follows."""

    event_id: str = ""
    input_client_id: str | None = None
    client_id: str = ""
    message_id: str | None = None
    continued_run_id: str | None = None
    fork_of: str | None = None
    regenerates: str | None = None
    anchor: str | None = None
    run_parent: str | None = None

    def run_headers(self, run_id: str, invocation_id: str) -> Headers:
        """What every message of the run carries about its run."""
        headers = {h.RUN_ID: run_id, h.RUN_CLIENT_ID: self.client_id, h.INVOCATION_ID: invocation_id}
        if self.input_client_id is not None:
            headers[h.INPUT_CLIENT_ID] = self.input_client_id
        return headers

    def lifecycle_headers(self, run_id: str, invocation_id: str) -> Headers:
        """The headers of a run's suspend, resume and end."""
        headers = self.run_headers(run_id, invocation_id)
        if self.message_id is not None:
            headers[h.INPUT_MESSAGE_ID] = self.message_id
        return headers

    def start_headers(self, run_id: str, invocation_id: str) -> Headers:
        """The headers of a run's start."""
        return self.lifecycle_headers(run_id, invocation_id) | self._origin(self.run_parent)

    def output_headers(self, run_id: str, invocation_id: str) -> Headers:
        """The headers of a run's output, but for the message's and the step's own."""
        return self.lifecycle_headers(run_id, invocation_id) | {h.ROLE: "assistant"} | self._origin(self.anchor)

    def _origin(self, parent: str | None) -> Headers:
        origin = {h.PARENT: parent, h.FORK_OF: self.fork_of, h.REGENERATES: self.regenerates}
        return {key: value for key, value in origin.items() if value is not None}


NO_TRIGGER = Trigger()
"""Of a run that answers no input."""


def read_trigger(message: InboundMessage, tree: Tree[Any]) -> Trigger:
    """The trigger that ``message`` is; it must have been applied to ``tree``."""
    headers = transport_headers(message.extras)
    message_id, parent = text_header(headers, h.MESSAGE_ID), text_header(headers, h.PARENT)
    node = tree.node_of(message_id) if message_id else None
    anchor = message_id if node is not None else parent
    return Trigger(
        event_id=text_header(headers, h.EVENT_ID) or "",
        input_client_id=message.client_id or None,
        client_id=text_header(headers, h.RUN_CLIENT_ID) or "",
        message_id=message_id,
        continued_run_id=text_header(headers, h.RUN_ID),
        fork_of=text_header(headers, h.FORK_OF),
        regenerates=text_header(headers, h.REGENERATES),
        anchor=anchor,
        run_parent=parent if isinstance(node, RunNode) else anchor,
    )


def try_event_id(message: InboundMessage) -> str | None:
    """The event id of an input message; None for any other message."""
    if message.name != names.INPUT:
        return None
    return text_header(transport_headers(message.extras), h.EVENT_ID)
