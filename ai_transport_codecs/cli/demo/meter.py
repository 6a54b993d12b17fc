"""What goes over the channel, counted by somebody who only reads it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ai_transport_codecs.channels.protocol import Channel
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage
from ai_transport_codecs.wire.size import message_size


class Meter:
    """Counts the operations on a channel, and keeps the text of each message as the channel has it.

    Sizes are what counts against the channel's limit: name, client id, extras and data.
    """

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.actions: Counter[str] = Counter()
        self.texts: dict[str, str] = {}
        """By serial: the text that a message holds now."""

    async def attach(self, channel: Channel) -> None:
        """Count from now on."""
        channel.subscribe(self.take)
        await channel.attach()

    def take(self, message: InboundMessage) -> None:
        """Count one operation."""
        self.messages += 1
        self.bytes += message_size(
            OutboundMessage(message.name or "", message.data, message.extras or {}), message.client_id
        )
        self.actions[message.action.removeprefix("message.")] += 1
        if message.serial is not None and isinstance(message.data, str):
            self._keep(message.serial, message.action, message.data)

    def _keep(self, serial: str, action: str, data: Any) -> None:
        self.texts[serial] = self.texts.get(serial, "") + data if action == names.APPEND else data
