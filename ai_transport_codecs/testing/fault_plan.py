"""What may go wrong on a channel, and when: faults, and plans of them that are the same each time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, fields
from random import Random
from typing import Final, Self, TypeAlias

from ai_transport_codecs.errors import InvalidArgumentError

DELIVERY: Final = "delivery"
WRITE: Final = "write"
WRITES: Final = ("publish", "append", "update", "delete")
_CALLS: Final = (*WRITES, "history", "attach")


@dataclass(frozen=True, slots=True)
class Refuse:
    """The call fails, and nothing has happened."""

    code: int = 50000
    status_code: int = 500


@dataclass(frozen=True, slots=True)
class LoseAck:
    """The call is done, and then fails: the acknowledgement was lost."""

    code: int = 80003
    status_code: int = 503


@dataclass(frozen=True, slots=True)
class Hold:
    """The acknowledgement, or the delivery and everything behind it, comes late.

    It takes ``turns`` loop turns more, and does not come before ``until`` is set.
    """

    turns: int = 1
    until: asyncio.Event | None = None

    async def wait(self) -> None:
        """Wait as long as it says."""
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.until is not None:
            await self.until.wait()


@dataclass(frozen=True, slots=True)
class Lag:
    """The delivery, and those behind it of the same publisher, come ``turns`` loop turns late; others overtake them.

    A channel keeps the order of each publisher only. Which messages come first, their serials say.
    """

    turns: int = 1


@dataclass(frozen=True, slots=True)
class Repeat:
    """The delivery comes that many times more."""

    times: int = 1


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is cut after the delivery, or while the call waits for its acknowledgement.

    ``turns`` loop turns later it is back, going on where it was if ``resume`` says so.
    """

    resume: bool = True
    turns: int = 3


Fault: TypeAlias = Refuse | LoseAck | Hold | Lag | Repeat | Cut

_FITS: Final[Mapping[type, tuple[str, ...]]] = {
    Refuse: _CALLS,
    LoseAck: _CALLS,
    Hold: (*_CALLS, DELIVERY),
    Lag: (DELIVERY,),
    Repeat: (DELIVERY,),
    Cut: (*WRITES, DELIVERY),
}


@dataclass(frozen=True, slots=True)
class Rates:
    """How likely each fault is, from 0 to 1, for each write or delivery; at most one happens to each.

    ``refuse``, ``lose_ack`` and ``hold_ack`` are of writes; ``hold``, ``lag``, ``repeat``, ``cut`` and
    ``lose_continuity`` (a cut that cannot be resumed) of deliveries. ``most_turns`` bounds how long things are held,
    late or cut, in loop turns.
    """

    refuse: float = 0.0
    lose_ack: float = 0.0
    hold_ack: float = 0.0
    hold: float = 0.0
    repeat: float = 0.0
    cut: float = 0.0
    lose_continuity: float = 0.0
    lag: float = 0.0
    most_turns: int = 5

    def draw(self, operation: str, random: Random) -> Fault | None:
        """The fault of one operation."""
        turns = random.randint(1, self.most_turns)
        table: tuple[tuple[float, Fault], ...] = ()
        if operation == DELIVERY:
            table = (
                (self.hold, Hold(turns)),
                (self.repeat, Repeat()),
                (self.cut, Cut(turns=turns)),
                (self.lose_continuity, Cut(resume=False, turns=turns)),
                (self.lag, Lag(turns)),
            )
        elif operation in WRITES:
            table = ((self.refuse, Refuse()), (self.lose_ack, LoseAck()), (self.hold_ack, Hold(turns)))
        chance = random.random()
        for rate, fault in table:
            if chance < rate:
                return fault
            chance -= rate
        return None


class FaultPlan:
    """Which fault happens to which operation. What is scripted goes before what chance gives.

    Raises InvalidArgumentError for rates without a ``seed``, or that add up to more than 1.
    """

    def __init__(self, seed: int | str | None = None, *, rates: Rates | None = None) -> None:
        if rates is not None and seed is None:
            raise InvalidArgumentError("a plan with rates needs a seed, so that it can be repeated")
        self._seed = seed
        self._rates = _checked(rates)
        self._script: dict[tuple[str, int], Fault] = {}

    def on(self, operation: str, number: int, fault: Fault) -> Self:
        """Let ``fault`` happen to the ``number``-th (from 1) operation of that kind; the plan, to go on.

        ``publish``, ``append``, ``update``, ``delete``, ``history``, ``attach``; ``write`` for the first four counted
        together; ``delivery``. Raises InvalidArgumentError for a fault that cannot happen to it.
        """
        fitting = _FITS[type(fault)]
        if operation not in fitting and not (operation == WRITE and "publish" in fitting):
            raise InvalidArgumentError(
                f"{type(fault).__name__} cannot happen to {operation!r}; it can to {', '.join(fitting)}"
            )
        self._script[operation, number] = fault
        return self

    @property
    def cuts(self) -> bool:
        """Whether the plan may cut the connection."""
        by_chance = self._rates is not None and self._rates.cut + self._rates.lose_continuity > 0
        return by_chance or any(isinstance(fault, Cut) for fault in self._script.values())

    def fault(self, operation: str, number: int, write_number: int | None = None) -> Fault | None:
        """What happens to the ``number``-th operation of that kind, which is the ``write_number``-th write."""
        scripted = self._script.get((operation, number))
        if scripted is None and write_number is not None:
            scripted = self._script.get((WRITE, write_number))
        if scripted is not None or self._rates is None:
            return scripted
        return self._rates.draw(operation, Random(f"{self._seed}:{operation}:{number}"))  # noqa: S311 - repeatable


def _checked(rates: Rates | None) -> Rates | None:
    if rates is not None:
        chances = {field.name: getattr(rates, field.name) for field in fields(rates) if field.name != "most_turns"}
        writes = rates.refuse + rates.lose_ack + rates.hold_ack
        if min(chances.values()) < 0 or max(writes, sum(chances.values()) - writes) > 1:
            raise InvalidArgumentError(
                f"rates are from 0 to 1, those of writes and of deliveries each in all: {chances}"
            )
    return rates
