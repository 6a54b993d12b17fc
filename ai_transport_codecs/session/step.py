"""A step: the bracket around output of a run that may be attempted again (session spec 4.6)."""

from __future__ import annotations

import logging
from typing import Any

from ai_transport_codecs.channels.protocol import Channel
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers

from .publishing import publish_headers
from .retry import RetryPolicy
from .tree import Tree

_log = logging.getLogger("ai_transport_codecs.session")


class Step:
    """One attempt of a step. Opened by its first output; the serial of its start names the attempt."""

    def __init__(
        self, channel: Channel, tree: Tree[Any], run_headers: Headers, step_id: str, client_id: str, retry: RetryPolicy
    ) -> None:
        self.step_id = step_id
        self._channel = channel
        self._tree = tree
        self._headers = run_headers | {h.STEP_ID: step_id, h.STEP_CLIENT_ID: client_id}
        self._retry = retry
        self.start_serial: str | None = None
        self.is_open = False

    @property
    def output_headers(self) -> Headers:
        """What the step adds to each of its outputs; no serial before it is open (session spec 2.3)."""
        headers = {key: self._headers[key] for key in (h.STEP_ID, h.STEP_CLIENT_ID)}
        if self.start_serial is not None:
            headers[h.STEP_START_SERIAL] = self.start_serial
        return headers

    async def start(self) -> None:
        """Publish the start, and wait for its serial, which all output carries. Raises the channel's error."""
        self.start_serial = await publish_headers(self._channel, names.STEP_START, self._headers, self._retry)
        self.is_open = True
        if self.start_serial is not None:
            self._tree.seed_step(
                self._headers[h.RUN_ID],
                self.step_id,
                self.start_serial,
                client_id=self._headers[h.STEP_CLIENT_ID],
                invocation_id=self._headers[h.INVOCATION_ID],
            )

    async def end(self, reason: str) -> None:
        """Publish the end: ``complete``, ``failed`` or ``cancelled``. A failure is only logged: the run ends too."""
        if not self.is_open:
            return
        self.is_open = False
        if self.start_serial is None:
            return  # no reader could tell which attempt ended
        headers = self._headers | {h.STEP_START_SERIAL: self.start_serial, h.STEP_REASON: reason}
        try:
            await publish_headers(self._channel, names.STEP_END, headers, self._retry)
        except Exception as error:
            _log.warning("the end of step %r could not be published: %s", self.step_id, error)
