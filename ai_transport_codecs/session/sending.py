"""What one send writes: items with their headers, checked before anything is published (session spec 3.2)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai_transport_codecs.codec.contract import Codec, WriteOptions
from ai_transport_codecs.codec.inputs import REGENERATE, USER_MESSAGE
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.errors import (
    AITransportError,
    InsufficientCapabilityError,
    InvalidArgumentError,
    SessionSendError,
)
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import Headers

from .lane import Writer
from .outbox import Outbox
from .retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Where in the conversation a send belongs."""

    parent: str | None = None
    fork_of: str | None = None
    run_id: str | None = None
    role: str = "user"
    supersedes: str | None = None


class Sender:
    """Writes inputs to the channel, one after the other whoever sends."""

    def __init__(self, codec: Codec[Any, Any, Any, Any], channel: Writer, retry: RetryPolicy) -> None:
        self._encoder = codec.create_encoder()
        self._outbox = Outbox(channel, retry=retry)
        self._turn = asyncio.Lock()

    def encode(self, items: Sequence[SendItem]) -> list[Sequence[Operation]]:
        """The writes that carry these items. Raises InvalidArgumentError for one that the codec cannot carry."""
        return [self._encoder.encode_input(item.event, WriteOptions(item.headers, item.message_id)) for item in items]

    async def publish(self, writes: Iterable[Sequence[Operation]]) -> None:
        """Publish one item after the other, each acknowledged before the next; raises what the channel raises."""
        async with self._turn:  # the outbox tells failures to whoever flushes it
            for operations in writes:
                self._outbox.post(operations)
                await self._outbox.flush()

    def close(self) -> None:
        """Encode nothing any more."""
        self._encoder.close()


def send_error(operation: str, cause: Exception) -> AITransportError:
    """What a failed publish means to the caller of ``operation`` (session spec 8.1)."""
    status = cause.status_code if isinstance(cause, AITransportError) else None
    if status in (401, 403):
        return InsufficientCapabilityError(
            f"unable to {operation}; missing publish capability, give the client's key or token the right to publish"
            " here",
            cause=cause,
        )
    return SessionSendError(f"unable to {operation}; {cause}. Nothing is shown as sent; try again", cause=cause)


@dataclass(frozen=True, slots=True)
class SendItem:
    """One input with its identity and headers. ``is_new`` when it is a message of its own in the conversation."""

    event: Mapping[str, Any]
    event_id: str
    message_id: str
    headers: Headers
    is_new: bool


def plan_send(
    codec: Codec[Any, Any, Any, Any],
    values: Sequence[Any],
    options: SendOptions,
    *,
    tail: str | None,
    client_id: str | None,
    operation: str = "send",
) -> list[SendItem]:
    """The items of one send. Raises InvalidArgumentError when there are none, or several new messages."""
    events: list[Mapping[str, Any]] = [codec.to_input(value) for value in values]
    if not events:
        raise InvalidArgumentError(
            f"unable to {operation}; there is nothing to send, pass at least one message or input"
        )
    new = sum(1 for event in events if _is_new(event))
    if new > 1:
        raise InvalidArgumentError(
            f"unable to {operation}; {new} new messages at once, one send carries at most one new message: send them in"
            " turn"
        )
    follows = tail if options.parent is None and options.fork_of is None else options.parent
    return [_item(event, options, follows, client_id) for event in events]


def plan_steer(codec: Codec[Any, Any, Any, Any], value: Any, run_id: str, client_id: str | None) -> SendItem:
    """The item that steers a run: a message of its own, which says nothing about its place (session spec 3.6)."""
    event = codec.to_input(value)
    event_id, message_id = str(uuid.uuid4()), str(uuid.uuid4())
    headers = {h.ROLE: "user", h.MESSAGE_ID: message_id, h.RUN_ID: run_id, h.EVENT_ID: event_id}
    if client_id:
        headers[h.RUN_CLIENT_ID] = client_id
    return SendItem(event, event_id, message_id, headers, is_new=True)


def _item(event: Mapping[str, Any], options: SendOptions, parent: str | None, client_id: str | None) -> SendItem:
    event_id = str(uuid.uuid4())
    message_id = _text(event.get("codecMessageId")) or str(uuid.uuid4())
    optional = {
        h.RUN_ID: options.run_id,
        h.RUN_CLIENT_ID: client_id,
        h.PARENT: _text(event.get("parent")) or parent,
        h.FORK_OF: options.fork_of,
        h.REGENERATES: _text(event.get("target")) if event.get("kind") == REGENERATE else None,
        h.SUPERSEDES: options.supersedes,
    }
    headers = {h.ROLE: options.role, h.MESSAGE_ID: message_id, h.EVENT_ID: event_id}
    headers |= {key: value for key, value in optional.items() if value}  # an empty id means none
    return SendItem(event, event_id, message_id, headers, _is_new(event))


def _is_new(event: Mapping[str, Any]) -> bool:
    kind = event.get("kind")
    return kind == USER_MESSAGE or (kind != REGENERATE and not event.get("codecMessageId"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
