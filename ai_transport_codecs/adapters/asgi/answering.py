"""One run, answered by a handler, that may have to stop when the application does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from ai_transport_codecs.session.handling import conclude, run_handler
from ai_transport_codecs.session.opening import OpenableRun
from ai_transport_codecs.session.outcome import RunOutcome

Handler: TypeAlias = Callable[[Any], Awaitable[Any]]


class Answering:
    """A run that was started, and its handler. The run is ended or suspended afterwards in any case."""

    def __init__(self, run: OpenableRun[Any], handler: Handler) -> None:
        self.run = run
        self._handler = handler
        self._hands_off = False

    def stop(self, *, hand_off: bool) -> None:
        """Stop the handler: the run is cancelled, or with ``hand_off`` suspended, for another process to resume."""
        if not self.run.cancel_token.is_cancelled:
            self._hands_off = hand_off
            self.run.cancel_token.cancel()

    async def answer(self) -> RunOutcome:
        """Call the handler, and publish how the run ended.

        Raises RunLifecycleError (104003) when the end cannot be published.
        """
        outcome = await run_handler(self.run, self._handler)
        if self._hands_off and outcome.reason == "cancelled":
            outcome = RunOutcome("suspend")
        await conclude(self.run, outcome)
        return outcome
