"""Which turns a cancel or a wait is for (session spec 12.1): one, one's own, a client's, or all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ai_transport_codecs.errors import InvalidArgumentError


class TurnFilter(NamedTuple):
    """One of the four is set. The wire has no filters: a client looks for the runs it knows and names each."""

    run_id: str | None = None
    own: bool = False
    client_id: str | None = None
    every: bool = False

    def includes(self, run_id: str, client_id: str, *, is_own: Callable[[], bool]) -> bool:
        """Whether it is for the run of that id and owner."""
        if self.run_id is not None:
            return run_id == self.run_id
        if self.client_id is not None:
            return client_id == self.client_id
        return self.every or is_own()


def turn_filter(operation: str, run_id: str | None, *, own: bool, client_id: str | None, every: bool) -> TurnFilter:
    """The filter that these arguments say; without any, one's own turns.

    Raises InvalidArgumentError when several are given, or an empty id.
    """
    if run_id == "" or client_id == "":
        raise InvalidArgumentError(f"unable to {operation}; an empty id names no turn, leave it out or name one")
    if (run_id is not None) + own + (client_id is not None) + every > 1:
        raise InvalidArgumentError(
            f"unable to {operation}; one filter at a time: give a run_id, own=True, client_id=... or all=True"
        )
    is_default = run_id is None and client_id is None and not every
    return TurnFilter(run_id, own or is_default, client_id, every)
