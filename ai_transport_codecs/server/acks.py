"""Acknowledgements: what became of each operation, told once to whoever asks, in order (Ably protocol 4).

A client that resumes sends again whatever was not acknowledged. The number of an operation is not enough to recognise
it: ably-python may give one number to two operations, so what was sent is compared too.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from ai_transport_codecs.errors import AITransportError

_REMEMBERED: Final = 20_000
"""How many operations of one connection are recognised when they are sent again."""


class Reply(NamedTuple):
    """What an operation is answered with: the serials it led to, or why it was refused."""

    serials: Sequence[str | None] = ()
    error: AITransportError | None = None


class Outcome:
    """What becomes of one operation; ``reply`` is None as long as that is open."""

    __slots__ = ("reply",)

    def __init__(self) -> None:
        self.reply: Reply | None = None


class Operations:
    """The operations of one connection that could be sent again."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[tuple[int, int], Outcome] = OrderedDict()

    def find(self, msg_serial: int, digest: int) -> Outcome | None:
        """The outcome of that operation, if it came before."""
        return self._outcomes.get((msg_serial, digest))

    def add(self, msg_serial: int, digest: int) -> Outcome:
        """The outcome of an operation that comes now."""
        outcome = self._outcomes[msg_serial, digest] = Outcome()
        if len(self._outcomes) > _REMEMBERED:
            self._outcomes.popitem(last=False)
        return outcome


class AckLine:
    """Sends the replies to what one socket brought, in that order: one that is open holds those behind it.

    ``send`` is given the number of the operation and its reply; ``is_held`` tells whether nothing may go out for now.
    """

    def __init__(self, send: Callable[[int, Reply], None], is_held: Callable[[], bool]) -> None:
        self._send = send
        self._is_held = is_held
        self._waiting: deque[tuple[int, Outcome]] = deque()

    def add(self, msg_serial: int, outcome: Outcome) -> None:
        """The place in the line of an operation that came now."""
        self._waiting.append((msg_serial, outcome))

    def flush(self) -> None:
        """Send what is decided."""
        waiting = self._waiting
        while waiting and not self._is_held():
            msg_serial, outcome = waiting[0]
            if outcome.reply is None:
                return
            waiting.popleft()
            self._send(msg_serial, outcome.reply)


class AckRun:
    """Acknowledgements that follow each other, sent as one frame."""

    __slots__ = ("first", "results")

    def __init__(self, first: int, serials: Sequence[str | None]) -> None:
        self.first = first
        self.results: list[dict[str, Any]] = [{"serials": list(serials)}]

    def takes(self, msg_serial: int, serials: Sequence[str | None]) -> bool:
        """Whether the next one was added to the run."""
        if msg_serial != self.first + len(self.results):
            return False
        self.results.append({"serials": list(serials)})
        return True
