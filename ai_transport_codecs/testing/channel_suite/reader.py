"""Somebody who listens to a channel, remembers what was said, and makes of it what every reader should."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ai_transport_codecs.channels.protocol import Channel
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage

PATIENCE = 10.0
"""Seconds to wait for what should come; only a failing test waits so long."""


class Said(NamedTuple):
    """A message as a reader knows it."""

    version: str
    name: str | None
    data: Any
    extras: Any
    is_deleted: bool


class Transcript:
    """The messages of a channel by serial, folded from deliveries and history in whatever order they come.

    Versions decide: what is not newer than what is known is skipped, an append continues what is known, everything
    else replaces it. Raises AssertionError for an append that continues nothing.
    """

    def __init__(self) -> None:
        self.messages: dict[str, Said] = {}

    def add(self, message: InboundMessage) -> None:
        """Fold one message."""
        serial, version = message.serial, message.version
        assert serial is not None
        assert version is not None
        known = self.messages.get(serial)
        if known is not None and version <= known.version:
            return
        name, data = message.name, message.data
        if message.action == names.APPEND:
            assert known is not None, f"an append to {serial}, of which this reader was told nothing"
            name = known.name
            data = known.data if data is ABSENT or data is None else known.data + data
        self.messages[serial] = Said(version, name, data, message.extras, message.action == names.DELETE)

    @property
    def texts(self) -> list[Any]:
        """What is said, in the order of creation."""
        return [said.data for _, said in sorted(self.messages.items())]


class Reader:
    """A listener of one channel; ``messages`` is every delivery, ``transcript`` what they amount to."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.messages: list[InboundMessage] = []
        self.transcript = Transcript()
        self._news = asyncio.Event()
        self.stop = channel.subscribe(self._hear)

    def _hear(self, message: InboundMessage) -> None:
        self.messages.append(message)
        self.transcript.add(message)
        self._news.set()

    @property
    def data(self) -> list[Any]:
        """The data of every delivery."""
        return [message.data for message in self.messages]

    @property
    def actions(self) -> list[str]:
        """The action of every delivery."""
        return [message.action for message in self.messages]

    async def until(self, condition: Callable[[Reader], bool]) -> None:
        """Wait until it is so. Raises AssertionError, with what was heard, when it does not become so."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain; heard {self.messages}") from None

    async def count(self, number: int) -> list[InboundMessage]:
        """Wait for so many deliveries; all that came by then."""
        await self.until(lambda reader: len(reader.messages) >= number)
        return self.messages

    async def hears(self, serial: str | None) -> None:
        """Wait for a delivery of that message, which is then also proof that nothing else comes before it."""
        await self.until(lambda reader: any(message.serial == serial for message in reader.messages))

    async def knows(self, version: str | None) -> None:
        """Wait until that version, or a later one, has come."""
        assert version is not None
        await self.until(lambda reader: any((message.version or "") >= version for message in reader.messages))


async def everything(channel: Channel, *, limit: int = 100, until_attach: bool = False) -> list[InboundMessage]:
    """All of history, newest first, read page by page."""
    page = await channel.history(limit=limit, until_attach=until_attach)
    messages = list(page.items)
    while page.has_next:
        older = await page.next()
        assert older is not None
        page = older
        messages += page.items
    return messages


def transcript_of(messages: Iterable[InboundMessage]) -> Transcript:
    """What these messages amount to."""
    transcript = Transcript()
    for message in messages:
        transcript.add(message)
    return transcript
