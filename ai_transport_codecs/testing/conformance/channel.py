"""A channel in a list: what a reader sees who was there from the start, in order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ai_transport_codecs.codec.operations import Append, Close, Operation, Publish, PublishBatch, Start
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

from .violation import LawViolation, shown


class Log:
    """The deliveries of a channel. What is published goes through JSON, so that nothing is shared with the writer."""

    def __init__(self) -> None:
        self.deliveries: list[InboundMessage] = []
        self._clock = 0

    def write(self, operations: Iterable[Operation]) -> None:
        """Perform what an encoder asks for, at once and in order."""
        for operation in operations:
            match operation:
                case Publish(message):
                    self._create(message)
                case PublishBatch(messages):
                    for message in messages:
                        self._create(message)
                case Start(stream, message):
                    stream.serial = self._create(message)
                case Append(stream, data):
                    self._append(stream.append(data))
                case Close(stream, data, transport, codec):
                    self._append(stream.close(data, transport, codec))
                case _:
                    raise LawViolation(f"an encoder gave {shown(operation)}, which is no operation")

    def _create(self, message: OutboundMessage) -> str:
        serial = self._tick()
        data, extras = travelled(message.data), travelled(message.extras)
        self.deliveries.append(InboundMessage(names.CREATE, serial, serial, self._clock, message.name, data, extras))
        return serial

    def _append(self, mutation: OutboundMutation) -> None:
        data, extras = travelled(mutation.data), travelled(mutation.extras)
        version = self._tick()
        self.deliveries.append(InboundMessage(names.APPEND, mutation.serial, version, self._clock, None, data, extras))

    def _tick(self) -> str:
        self._clock += 1
        return f"{self._clock:08d}"


def travelled(value: Any) -> Any:
    """``value`` as it arrives: text, bytes and null as they are, objects and lists by way of JSON.

    Raises LawViolation for what a channel does not carry.
    """
    if value is ABSENT or value is None or isinstance(value, str | bytes):
        return value
    if not isinstance(value, dict | list):
        raise LawViolation(
            f"{shown(value)} cannot be a message's data: a channel carries text, bytes, objects, lists or null;"
            " put it into an object"
        )
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise LawViolation(f"{shown(value)} cannot be a message's data: {error}") from error
