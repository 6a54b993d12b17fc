"""How the input of a tool call travels: as a stream of JSON text, or at once (codec spec f.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.decoder_core import StreamTracker
from ai_transport_codecs.codec.descriptors import Discrete, EncodeContext, Object
from ai_transport_codecs.codec.fields import HeaderField, flag, headers_of, json, text, values_of
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT

from .plain import parse_input

KIND: Final = "tool-input"
FIELDS: Final[tuple[HeaderField, ...]] = (
    text("toolCallId", ""),
    text("toolName", ""),
    flag("dynamic"),
    text("title"),
    flag("providerExecuted"),
    json("providerMetadata"),
)

_CLOSING: Final = frozenset({"toolCallId", "toolName", "providerMetadata"})


def encode_end(chunk: Event, context: EncodeContext) -> Sequence[Operation]:
    """The end of the call's stream, without the input, which was streamed; one message with it when none is open.

    A stream stays known after it was closed, so that a second end closes it again.
    """
    call_id = chunk.get("toolCallId")
    try:
        closing = Discrete(names.OUTPUT, "", headers_of(FIELDS, KIND, chunk, _CLOSING))
        return context.core.close_stream(call_id if isinstance(call_id, str) else "", closing)
    except InvalidArgumentError:
        whole = Discrete(names.OUTPUT, chunk.get("input", ABSENT), headers_of(FIELDS, KIND, chunk))
        return context.core.publish_discrete(whole)  # without the write options (g.16)


def decode_end(tracker: StreamTracker, accumulated: str, closing: Mapping[str, Any]) -> Object:
    """The end of a call's input: the value of all its text, or the text itself when that is no JSON (g.58)."""
    chunk = values_of(FIELDS, closing)
    start = values_of(FIELDS, tracker.codec_headers)
    end: Object = {
        "type": "tool-input-available",
        "toolCallId": tracker.stream_id,
        "toolName": chunk["toolName"] or start["toolName"],
    }
    if accumulated:
        end["input"] = _value_or_text(accumulated)
    return _with_metadata(end, chunk)


def decode_discrete(data: Any, headers: Mapping[str, Any]) -> Iterable[Object]:
    """A whole input in one message: the call begins, and its input is there."""
    chunk = values_of(FIELDS, headers)
    available: Object = {
        "type": "tool-input-available",
        "toolCallId": chunk["toolCallId"],
        "toolName": chunk["toolName"],
    }
    if data is not ABSENT:
        available["input"] = data
    return {"type": "tool-input-start", **chunk}, _with_metadata(available, chunk)


def _with_metadata(end: Object, chunk: Mapping[str, Any]) -> Object:
    if "providerMetadata" in chunk:
        end["providerMetadata"] = chunk["providerMetadata"]
    return end


def _value_or_text(accumulated: str) -> Any:
    try:
        return parse_input(accumulated)
    except ValueError:
        return accumulated
