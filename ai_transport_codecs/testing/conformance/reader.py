"""Readers of a channel, as a session has them: decode each delivery, keep what is news, fold by serial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ai_transport_codecs.codec.contract import Codec, FoldMeta
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .violation import LawViolation, require, shown, unbroken


class Entry:
    """One message of the channel: the newest version seen, and the events its versions decoded to."""

    __slots__ = ("inputs", "is_streamed", "meta", "outputs", "run", "version")

    def __init__(self, message: InboundMessage) -> None:
        transport = transport_headers(message.extras)
        message_id = transport.get(h.MESSAGE_ID)
        self.is_streamed = transport.get(h.STREAM) == "true"
        self.run = transport.get(h.RUN_ID)
        self.version = message.version or message.serial or ""
        self.meta = FoldMeta(message.serial or "", message_id if isinstance(message_id, str) else None)
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []


class Reader:
    """One reader: one decoder for all it is delivered, in whatever order."""

    def __init__(self, codec: Codec[Any, Any, Any, Any]) -> None:
        self._codec = codec
        self._decoder = codec.create_decoder()
        self._entries: dict[str | None, Entry] = {}

    def read(self, deliveries: Iterable[InboundMessage]) -> Reader:
        """Take deliveries into account."""
        for delivery in deliveries:
            self.take(delivery)
        return self

    def take(self, message: InboundMessage) -> tuple[FoldMeta, Sequence[Any], Sequence[Any]]:
        """Take one delivery into account; what is new in it, as (meta, inputs, outputs)."""
        with unbroken(f"decoding {shown(message)}"):
            inputs, outputs, replaced = self._decoder.decode(message)
        entry = self._entries.get(message.serial)
        if entry is None:
            entry = self._entries[message.serial] = Entry(message)
        elif not entry.is_streamed or (message.version or "") <= entry.version:
            return entry.meta, (), ()
        else:
            entry.version = message.version or ""
        if replaced:
            self.restate(message.serial or "")
            return entry.meta, (), ()
        entry.inputs.extend(inputs)
        entry.outputs.extend(outputs)
        return entry.meta, inputs, outputs

    def restate(self, serial: str) -> None:
        """Put the decoder's restatement of an open stream in the place of the events there were."""
        with unbroken(f"restating stream {serial!r}"):
            restated = list(self._decoder.restate(serial).outputs)
        entry = self._entries[serial]
        entry.outputs = [*_lead_in(entry.outputs, restated), *restated]

    def projection(self, run: Any = None) -> Any:
        """The fold of everything in ascending serial order, or of one run's messages."""
        projection = self._codec.init()
        for _, entry in sorted(self._entries.items(), key=lambda item: item[0] or ""):
            if run is None or entry.run == run:
                projection = fold(self._codec, projection, entry.meta, entry.inputs, entry.outputs)
        return projection

    def messages(self, run: Any = None) -> list[tuple[str, Any]]:
        """The messages of :meth:`projection`."""
        return messages_of(self._codec, self.projection(run))


def fold(
    codec: Codec[Any, Any, Any, Any], projection: Any, meta: FoldMeta, inputs: Iterable[Any], outputs: Iterable[Any]
) -> Any:
    """The projection after these events, inputs first."""
    for folding, events in ((codec.fold_input, inputs), (codec.fold_output, outputs)):
        for event in events:
            with unbroken(f"folding {shown(event)} with {meta}"):
                projection = folding(projection, event, meta)
            require(projection is not None, f"folding {shown(event)} returned None instead of the projection")
    return projection


def messages_of(codec: Codec[Any, Any, Any, Any], projection: Any) -> list[tuple[str, Any]]:
    """The projection's messages as (id, message), seen to have ids that are text and differ."""
    found = read_messages(codec, projection)
    ids = [id_ for id_, _ in found]
    require(all(isinstance(id_, str) for id_ in ids), f"get_messages gave ids that are not text: {shown(ids)}")
    if len(set(ids)) != len(ids):
        raise LawViolation(f"get_messages gave two messages one id: {shown(ids)}")
    return found


def read_messages(codec: Codec[Any, Any, Any, Any], projection: Any) -> list[tuple[str, Any]]:
    """The projection's messages as (id, message), whatever they are."""
    with unbroken("get_messages"):
        return [(each.id, each.message) for each in codec.get_messages(projection)]


def read_live(codec: Codec[Any, Any, Any, Any], deliveries: Iterable[InboundMessage]) -> list[tuple[str, Any]]:
    """What a reader ends with who was there from the start and folded each event as it came."""
    reader, projection = Reader(codec), codec.init()
    for delivery in deliveries:
        projection = fold(codec, projection, *reader.take(delivery))
    return messages_of(codec, projection)


def _lead_in(before: Sequence[Any], restated: Sequence[Any]) -> Sequence[Any]:
    """What a decoder put before a stream's own start, which it does not repeat on restating the stream."""
    first = _type_of(restated[0]) if restated else None
    for position, event in enumerate(before):
        if _type_of(event) == first:
            return before[:position]
    return ()


def _type_of(event: Any) -> Any:
    return event.get("type") if isinstance(event, Mapping) else None
