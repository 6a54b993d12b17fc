"""Running a vector's inbound messages through a decoder and a reducer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ai_transport_codecs.codec.contract import Codec, FoldMeta
from ai_transport_codecs.codec.decoder_core import DecoderCore, DiscretePayload, StreamTracker
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.headers import MESSAGE_ID, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

Json = Mapping[str, Any]


def inbound_message(message: Json) -> InboundMessage:
    """A delivery as a vector writes it."""
    return InboundMessage(
        action=message["action"],
        serial=message.get("serial"),
        version=(message.get("version") or {}).get("serial"),
        timestamp=message.get("timestamp"),
        name=message.get("name"),
        data=message.get("data", ABSENT),
        extras=message.get("extras"),
    )


class CodecReplay:
    """Decodes and folds one delivery after the other with a codec."""

    def __init__(self, codec: Codec[Any, Any, Any, Any]) -> None:
        self._codec = codec
        self._decoder = codec.create_decoder()
        self._projection = codec.init()
        self._log: list[tuple[str, bool, Any, FoldMeta]] = []

    def deliver(self, message: InboundMessage) -> list[Json]:
        """The events of one delivery, with their direction; they are folded too."""
        decoded = self._decoder.decode(message)
        message_id = transport_headers(message.extras).get(MESSAGE_ID)
        meta = FoldMeta(message.serial or "", message_id if isinstance(message_id, str) else None)
        events: list[Json] = []
        for is_input, batch in ((True, decoded.inputs), (False, decoded.outputs)):
            for event in batch:
                events.append({"direction": "input" if is_input else "output", "event": copy.deepcopy(event)})
                self._log.append((meta.serial, is_input, event, meta))
                self._projection = self._fold(self._projection, event, meta, is_input=is_input)
        return events

    def messages(self) -> list[Json]:
        """What the projection holds now."""
        return self._plain(self._projection)

    def refolded(self) -> list[Json]:
        """What a projection holds that folds the same events by ascending serial."""
        projection = self._codec.init()
        for _, is_input, event, meta in sorted(self._log, key=lambda entry: entry[0]):
            projection = self._fold(projection, event, meta, is_input=is_input)
        return self._plain(projection)

    def _fold(self, projection: Any, event: Any, meta: FoldMeta, *, is_input: bool) -> Any:
        fold = self._codec.fold_input if is_input else self._codec.fold_output
        try:
            return fold(projection, event, meta)
        except (LookupError, TypeError, ValueError):
            # Crafted wire data; a session isolates it per event, and the vectors only compare the messages.
            return projection

    def _plain(self, projection: Any) -> list[Json]:
        return [
            {"codecMessageId": entry.id, "message": copy.deepcopy(entry.message)}
            for entry in self._codec.get_messages(projection)
        ]


class CoreReplay:
    """Decodes one delivery after the other with the decoder core alone, recording its hook calls and callbacks."""

    def __init__(self) -> None:
        self._calls: list[Json] = []
        self.callbacks: list[Json] = []
        self._core = DecoderCore(self, on_stream_update=self._on_update, on_stream_delete=self._on_delete)

    def deliver(self, message: InboundMessage) -> tuple[list[Json], list[Json]]:
        """The hook calls and the callbacks of one delivery."""
        self.callbacks = []
        return self._core.decode(message), self.callbacks

    def build_start(self, tracker: StreamTracker) -> list[Json]:
        """Record a start."""
        return [{"hook": "start", "tracker": _snapshot(tracker)}]

    def build_delta(self, tracker: StreamTracker, fragment: str) -> list[Json]:
        """Record a delta."""
        return [{"hook": "delta", "delta": fragment, "accumulated": str(tracker.text)}]

    def build_end(self, tracker: StreamTracker, closing_headers: Mapping[str, Any]) -> list[Json]:
        """Record an end."""
        return [{"hook": "end", "accumulated": str(tracker.text), "closingCodecHeaders": dict(closing_headers)}]

    def decode_discrete(self, payload: DiscretePayload) -> list[Json]:
        """Record a message that is not streamed."""
        plain = {
            "name": payload.name,
            "data": payload.data,
            "transportHeaders": dict(payload.transport_headers),
            "codecHeaders": dict(payload.codec_headers),
        }
        return [{"hook": "discrete", "payload": {key: item for key, item in plain.items() if item is not ABSENT}}]

    def _on_update(self, tracker: StreamTracker) -> None:
        self.callbacks.append({"callback": "onStreamUpdate", "tracker": _snapshot(tracker)})

    def _on_delete(self, serial: str, tracker: StreamTracker | None) -> None:
        self.callbacks.append(
            {"callback": "onStreamDelete", "serial": serial}
            | ({} if tracker is None else {"tracker": _snapshot(tracker)})
        )


def _snapshot(tracker: StreamTracker) -> Json:
    return {
        "name": tracker.name,
        "streamId": tracker.stream_id,
        "accumulated": str(tracker.text),
        "codecHeaders": dict(tracker.codec_headers),
        "transportHeaders": dict(tracker.transport_headers),
        "version": tracker.version,
        "closed": tracker.closed,
    }
