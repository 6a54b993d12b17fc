"""Starts that failed because nobody acknowledged them, and that come back from the channel later all the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.errors import AITransportError, StreamError

from .events import RunEvent
from .recent import Recent

if TYPE_CHECKING:
    from .agent import AgentSession
    from .opening import OpenableRun

_MAX_LOST: Final = 1_000
_ERROR_TEXT: Final = "the agent was cut off as it began to answer; ask again"


class LostStarts:
    """Ends the runs whose starts show up when everybody here has given them up: readers would wait for ever."""

    def __init__(self, session: AgentSession[Any], spawn: Callable[[Coroutine[None, None, None], str], None]) -> None:
        self._session = session
        self._spawn = spawn
        self._lost: Recent[OpenableRun[Any]] = Recent(_MAX_LOST)
        session.tree.on("run", self._on_run)

    def add(self, run: OpenableRun[Any]) -> None:
        """The start, or resume, of that run failed; its caller was told so."""
        self._lost.remember(run.invocation_id, run)

    def _on_run(self, event: RunEvent) -> None:
        if event.serial is None or event.type not in {"start", "resume"}:
            return
        run = self._lost.pop(event.invocation_id)
        if run is not None and run.run_id == event.run_id:
            self._spawn(self._end(run, event), "ai-transport-lost-start")

    async def _end(self, run: OpenableRun[Any], event: RunEvent) -> None:
        node, successor = self._session.tree.run(run.run_id), self._session.cancels.find(run.run_id)
        if successor is not None and (successor.is_open or successor.invocation_id == run.invocation_id):
            return  # it was adopted, or tried again
        is_first = event.type == "resume" or (node is not None and node.invocation_id == run.invocation_id)
        if node is None or node.status.is_terminal or not is_first:
            return  # another process began under the same id before, and answers
        try:
            await run.end_lost(StreamError(_ERROR_TEXT))
        except AITransportError as error:
            if not self._session.connection.is_closed:
                self._session.connection.report(error)
