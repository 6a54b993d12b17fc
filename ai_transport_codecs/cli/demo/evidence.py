"""What was seen while the demo ran, before anybody judges it."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.session.events import RunStatus

from .meter import Meter
from .witness import Produced


@dataclass(frozen=True, slots=True)
class Arrival:
    """A device came, or came back, while an answer was growing.

    ``tokens``: what the chain had produced by then. ``shown_elsewhere``: the answer on the other device just before;
    ``had_at_once``: on this one just after. ``in_the_middle``: the answer was still growing after that.
    """

    tokens: int
    shown_elsewhere: str
    had_at_once: str
    in_the_middle: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    """A device cancelled a turn.

    ``tokens``: what the chain had produced by then. ``shown``: the answer on that device at that moment. ``latency``
    in seconds, until it saw the turn end. ``provider_closed``: whether the provider noticed; None when unknowable.
    """

    tokens: int
    shown: str
    latency: float
    provider_closed: bool | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one device held in the end, and how it got there."""

    name: str
    messages: list[CodecMessage[BaseMessage]]
    statuses: list[RunStatus]
    updates: int = 0
    faults: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    arrival: Arrival | None = None
    tokens_while_away: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was seen. ``history``: a reader that came when all was over. Times in seconds."""

    questions: tuple[str, str]
    produced: list[Produced]
    laptop: Sighting
    phone: Sighting
    history: Sighting
    cancel: Cancel
    meter: Meter
    first_token: float
    duration: float

    @property
    def devices(self) -> tuple[Sighting, Sighting]:
        """The two devices of the story."""
        return self.laptop, self.phone
