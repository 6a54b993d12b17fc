"""Which process answers an input, when several were asked to at once: the one whose start came first on the channel.

All of them publish the start under the same run id, which is made of the session and the input, so that readers see one
run in any case. A channel has one order: the process whose start or resume is not the first one leaves the run alone.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Final, Self

from ai_transport_codecs.session.events import RunEvent
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.opening import OpenableRun

from .receipt import Receipt

_ECHO_TIMEOUT: Final = 5.0
"""Seconds after which a start that does not come back is taken for the first one: nothing is heard of any other."""

_RUNS: Final = uuid.UUID("5d6ab7b4-2f5c-4c64-9a4e-0c7c6cf3c1f2")


def run_id_of(invocation: Invocation) -> str:
    """The id of the run that answers the invocation's input, unless that goes on with a run."""
    return str(uuid.uuid5(_RUNS, f"{invocation.session_name}\n{invocation.input_event_id}"))


class Claim:
    """Listens from before a run is started; used as a context manager."""

    def __init__(self, run: OpenableRun[Any]) -> None:
        self._run = run
        self._first: RunEvent | None = None
        self._heard = asyncio.Event()

    def __enter__(self) -> Self:
        session = self._run.session
        self._endings = [session.tree.on("run", self._hear), session.connection.on_close(self._heard.set)]
        return self

    def __exit__(self, *_: object) -> None:
        for ending in self._endings:
            ending()

    async def rival(self) -> Receipt | None:
        """Once the run is started: the invocation that came first, None when it is this run's own."""
        try:
            async with asyncio.timeout(_ECHO_TIMEOUT):
                await self._heard.wait()
        except TimeoutError:
            return None
        first = self._first
        if first is None or first.invocation_id == self._run.invocation_id:
            return None
        return Receipt(first.run_id, first.invocation_id, is_new=False)

    def _hear(self, event: RunEvent) -> None:
        is_ours = event.run_id == self._run.run_id and event.type in {"start", "resume"}
        if is_ours and event.serial is not None and event.live and self._first is None:
            self._first = event
            self._heard.set()
