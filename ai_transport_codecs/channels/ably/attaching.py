"""What an attachment is, as the frames say it; ably-python forgets half of it (P11, P15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai_transport_codecs.errors import ChannelError

from . import refusals
from .protocol_numbers import Flag, mode_flags, modes_in
from .sdk import ChannelOptions


class Attachment:
    """What is known of the attachment of one channel, and what the next one asks for."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self.params: dict[str, str] = {}
        self.asked_modes: tuple[str, ...] | None = None
        self.modes: frozenset[str] = frozenset()
        """The modes that were granted."""
        self.start: str | None = None
        """Where deliveries began: at the newest attach that was not resumed, so that history ends where they begin."""
        self.position: str | None = None
        """The newest place in the channel that any frame named."""
        self.resumed = False
        self.is_news = False
        """Whether an ATTACHED came that nobody was told of yet."""
        self.reason: ChannelError | None = None
        """What the newest frame that ended, refused or renewed the attachment gave as its reason."""

    def ask(self, params: Mapping[str, str] | None, modes: Sequence[str] | None) -> None:
        """Ask for these too. Raises ChannelError 40003 for a mode that does not exist."""
        if modes is not None:
            try:
                mode_flags(modes)
            except KeyError as error:
                raise ChannelError(f"there is no channel mode {error}", code=40003, status_code=400) from None
            self.asked_modes = tuple(mode.upper() for mode in modes)
        if params:
            self.params |= params

    def options(self) -> Any:
        """As ably-python wants it."""
        modes = None if self.asked_modes is None else mode_flags(self.asked_modes)
        return ChannelOptions(params=dict(self.params) or None, modes=modes)

    @property
    def is_deaf(self) -> bool:
        """Whether messages will not come, although they were asked for."""
        return "SUBSCRIBE" not in self.modes and (self.asked_modes is None or "SUBSCRIBE" in self.asked_modes)

    def attached(self, frame: Mapping[str, Any]) -> None:
        """Take in an ATTACHED."""
        flags = frame.get("flags")
        flags = flags if type(flags) is int else 0
        self.resumed = bool(flags & Flag.RESUMED)
        self.is_news = True
        self.modes = modes_in(flags)
        self.reason = refusals.from_frame("attach", self._channel, frame.get("error"))
        self.moved(frame)
        if not self.resumed or self.start is None:
            self.start = self.position

    def ended(self, frame: Mapping[str, Any]) -> None:
        """Take in a DETACHED or an ERROR."""
        self.reason = refusals.from_frame("attach", self._channel, frame.get("error"))

    def moved(self, frame: Mapping[str, Any]) -> None:
        """Take in where a frame is in the channel."""
        serial = frame.get("channelSerial")
        if isinstance(serial, str) and serial:
            self.position = serial
