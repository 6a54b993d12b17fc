"""The wire of one attempt of a step: its start, its end, and what both and all output in between carry."""

from __future__ import annotations

import asyncio
from typing import Any

from ai_transport_codecs.channels.protocol import Channel
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers

from .publishing import publish_headers, to_the_end
from .retry import RetryPolicy
from .tree import Tree


class StepBracket:
    """One attempt of a step. The serial of its start, which the channel's acknowledgement gives, names the attempt."""

    __slots__ = ("_channel", "_headers", "_opening", "_retry", "_tree", "is_open", "start_serial", "step_id")

    def __init__(
        self, channel: Channel, tree: Tree[Any], run_headers: Headers, step_id: str, client_id: str, retry: RetryPolicy
    ) -> None:
        self.step_id = step_id
        self._channel = channel
        self._tree = tree
        self._headers = run_headers | {h.STEP_ID: step_id, h.STEP_CLIENT_ID: client_id}
        self._retry = retry
        self._opening = asyncio.Lock()
        self.start_serial: str | None = None
        self.is_open = False

    @property
    def output_headers(self) -> Headers:
        """What the step adds to each of its outputs; no serial before it is open (session spec 2.3)."""
        headers = {key: self._headers[key] for key in (h.STEP_ID, h.STEP_CLIENT_ID)}
        if self.start_serial is not None:
            headers[h.STEP_START_SERIAL] = self.start_serial
        return headers

    async def open(self) -> None:
        """Publish the start, and wait for its serial, which all output carries. Raises the channel's error.

        A cancellation meanwhile takes effect once it is known whether readers wait for this step's end.
        """
        await to_the_end(self._open())

    async def close(self, reason: str) -> None:
        """Publish the end: ``complete``, ``failed`` or ``cancelled``; nothing when the step is not open.

        Nothing either when the start was acknowledged without a serial: no reader could tell which attempt ended.
        Raises the channel's error.
        """
        if not self.is_open:
            return
        self.is_open = False
        if self.start_serial is not None:
            headers = self._headers | {h.STEP_START_SERIAL: self.start_serial, h.STEP_REASON: reason}
            await to_the_end(publish_headers(self._channel, names.STEP_END, headers, self._retry))

    async def _open(self) -> None:
        async with self._opening:
            if self.is_open:
                return
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
