"""Publishing the session's own messages: run and step lifecycle, and cancels. They carry headers and no data."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from ai_transport_codecs.channels.protocol import budget_of
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.messages import OutboundMessage

from .retry import RetryPolicy
from .spending import within

ResultT = TypeVar("ResultT")


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
    budget = budget_of(channel)
    serials = await retry.run(lambda: within(budget, lambda: channel.publish(message)))
    return serials[0] if serials else None


async def to_the_end(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """The result of ``work``, which goes on when the task that waits for it is cancelled: only then is it cancelled.

    For what readers wait for, once it was begun: the terminals of streams, steps and runs.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue  # asked again; the answer is the same
        if not task.cancelled() and (error := task.exception()) is not None:
            raise asyncio.CancelledError from error
        raise
