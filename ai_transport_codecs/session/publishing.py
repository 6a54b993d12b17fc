"""Publishing the session's own messages: run and step lifecycle, and cancels. They carry headers and no data."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.messages import OutboundMessage

from .retry import RetryPolicy


class Publisher(Protocol):
    """The part of a channel used here."""

    async def publish(self, messages: OutboundMessage) -> list[str | None]: ...


async def publish_headers(channel: Publisher, name: str, transport: Headers, retry: RetryPolicy) -> str | None:
    """Publish one message of only transport headers, tried again while that may help; its serial, if one was given."""
    return await publish_extras(channel, name, {"ai": {"transport": transport}}, retry)


async def publish_extras(channel: Publisher, name: str, extras: dict[str, Any], retry: RetryPolicy) -> str | None:
    """As :func:`publish_headers`, for ready-made extras."""
    # The id makes the channel know the message again when only its acknowledgement was lost.
    message = OutboundMessage(name, ABSENT, extras, id=f"{uuid.uuid4().hex}:0" if retry.attempts > 1 else None)
    serials = await retry.run(lambda: channel.publish(message))
    return serials[0] if serials else None
