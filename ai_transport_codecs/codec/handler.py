"""What a turn handler needs of a run: the contract between codecs' ready-made handlers and the session.

A handler is any ``async def handler(run)`` that pipes a source into ``run``; a session's ``serve`` calls it for each
input. These protocols let a codec offer handlers without knowing sessions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

from .contract import CodecMessage


class Conversation(Protocol):
    """The messages up to the input that a run answers."""

    def load(self) -> Awaitable[None]:
        """Fetch what is not here yet, from history."""
        ...

    def get_messages(self) -> Sequence[CodecMessage[Any]]:
        """The messages, oldest first."""
        ...


class Cancellation(Protocol):
    """Whether a reply was cancelled."""

    @property
    def is_cancelled(self) -> bool: ...
    def wait(self) -> Awaitable[None]:
        """Return once it is."""
        ...

    def raise_if_cancelled(self) -> None:
        """Raises OperationCancelledError (40033) once it is."""
        ...


class TurnRun(Protocol):
    """One reply being made."""

    @property
    def run_id(self) -> str: ...
    @property
    def view(self) -> Conversation: ...
    @property
    def cancel_token(self) -> Cancellation: ...
    def has_input(self) -> bool:
        """Whether there is something to answer: at first the input itself, later what was said meanwhile."""
        ...

    def suspend(self) -> Awaitable[None]:
        """Wait for somebody's answer: the handler returns, and is called again for the answer."""
        ...

    def pipe(self, source: Any) -> Awaitable[Any]:
        """Write what ``source`` streams, until it ends, fails or is cancelled."""
        ...


TurnHandler: TypeAlias = Callable[[TurnRun], Awaitable[Any]]
