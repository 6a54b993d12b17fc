"""The two tables: which chunk and which input travels how (codec spec f.1, f.3).

What a row does not name is not carried: ``providerMetadata`` of deltas and outputs, ``toolMetadata``,
``inputEncoding``, an approval's ``signature`` and descriptor; a user message's ``metadata``, part states, file names.
Chunk types of AI SDK 7 have no row: readers of version 6 refuse them (see :mod:`.translator` for what becomes of them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.descriptors import (
    Data,
    EncodeContext,
    InputRow,
    OutputRow,
    StreamDelta,
    StreamEnd,
    event,
    input_batch,
    input_event,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)
from ai_transport_codecs.codec.descriptors import Discrete as Payload
from ai_transport_codecs.codec.fields import HeaderField, choice, flag, headers_of, json, text
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT

from . import tool_input
from .chunks import FINISH_REASONS
from .fork_seed import parse_fork_seed
from .user_message import assemble, explode, message_headers

_ID: Final = text("id")
_TITLE: Final = text("title")
_METADATA: Final = json("providerMetadata")
_MESSAGE_METADATA: Final = json("messageMetadata")
_CALL_ID: Final = text("toolCallId", "")
_DYNAMIC: Final = flag("dynamic")
_BY_PROVIDER: Final = flag("providerExecuted")
_START_FIELDS: Final = (text("messageId"), _MESSAGE_METADATA)


def _start(chunk: Event, context: EncodeContext) -> Sequence[Operation]:
    """The message's own id, or the encoder's."""
    if chunk.get("messageId") is None and context.message_id is not None:
        chunk = {**chunk, "messageId": context.message_id}
    headers = headers_of(_START_FIELDS, "start", chunk)
    return context.core.publish_discrete(Payload(names.OUTPUT, "", headers), context.options)


def _required(key: str) -> Callable[[Event], str]:
    def read(chunk: Event) -> str:
        value = chunk.get(key)
        if not isinstance(value, str):
            raise InvalidArgumentError(
                f"unable to encode output; a {chunk.get('type')!r} chunk needs text as its {key!r},"
                f" not {type(value).__name__}"
            )
        return value

    return read


def _object(**readers: Callable[[Any], Any]) -> Data:
    """An object with the given properties; each is written when it is there, and read by its reader (or ABSENT)."""

    def encode(source: Event) -> dict[str, Any]:
        return {key: source[key] for key in readers if key in source}

    def decode(data: Any) -> dict[str, Any]:
        held = data if isinstance(data, Mapping) else {}
        values = {key: read(held.get(key, ABSENT)) for key, read in readers.items()}
        return {key: value for key, value in values.items() if value is not ABSENT}

    return Data(encode, decode)


def _any(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seed(value: Any) -> Any:
    messages = parse_fork_seed(value)
    return ABSENT if messages is None else {"messages": messages}


def _input_error(data: Any) -> dict[str, Any]:
    """An error text that is none makes the whole data void, so that no input stands beside a made-up text."""
    if not isinstance(data, Mapping) or not isinstance(data.get("errorText", ""), str):
        return {"errorText": ""}
    return {"errorText": data.get("errorText", ""), **({"input": data["input"]} if "input" in data else {})}


def _reason(data: Any) -> dict[str, Any]:
    return {"reason": data} if isinstance(data, str) and data else {}


def _text_stream(kind: str) -> OutputRow:
    return stream(
        kind,
        _ID,
        _METADATA,
        stream_id=_required("id"),
        start=f"{kind}-start",
        delta=StreamDelta(f"{kind}-delta", "delta", rebuild=("id",)),
        end=f"{kind}-end",
    )


OUTPUTS: Final[tuple[OutputRow, ...]] = (
    _text_stream("text"),
    _text_stream("reasoning"),
    stream(
        tool_input.KIND,
        *tool_input.FIELDS,
        stream_id=_required("toolCallId"),
        start="tool-input-start",
        delta=StreamDelta("tool-input-delta", "inputTextDelta", rebuild=("toolCallId",)),
        end=StreamEnd("tool-input-available", tool_input.encode_end, tool_input.decode_end),
        decode_discrete=tool_input.decode_discrete,
    ),
    event("start", *_START_FIELDS, encode=_start),
    event("start-step"),
    event("finish-step"),
    event("finish", choice("finishReason", FINISH_REASONS, "stop"), _MESSAGE_METADATA),
    event("message-metadata", _MESSAGE_METADATA),
    event("error", data=text_data("errorText")),
    event("abort", data=Data(lambda chunk: _text(chunk.get("reason")), _reason)),
    event("file", text("mediaType", ""), _METADATA, data=text_data("url")),
    event("source-url", text("sourceId", ""), _TITLE, _METADATA, data=text_data("url")),
    event(
        "source-document",
        text("sourceId", ""),
        text("mediaType", ""),
        text("title", ""),
        text("filename"),
        _METADATA,
    ),
    event(
        "tool-input-error",
        *tool_input.FIELDS,
        data=Data(_object(errorText=_text, input=_any).encode, _input_error),
    ),
    event(
        "tool-output-available",
        _CALL_ID,
        _DYNAMIC,
        _BY_PROVIDER,
        flag("preliminary"),
        data=_object(output=_any),
    ),
    event("tool-output-error", _CALL_ID, _DYNAMIC, _BY_PROVIDER, data=_object(errorText=_text)),
    event("tool-approval-request", _CALL_ID, text("approvalId", "")),
    event("tool-output-denied", _CALL_ID),
    event(
        "data-*",
        _ID,
        flag("transient"),
        data=value_data("data"),
        ephemeral=lambda chunk: chunk.get("transient") is True,
    ),
)

_FILE_FIELDS: Final[tuple[HeaderField, ...]] = (text("mediaType", ""),)

INPUTS: Final[tuple[InputRow, ...]] = (
    input_batch(
        well_known.USER_MESSAGE,
        part("text", data=text_data("text")),
        part("file", *_FILE_FIELDS, data=text_data("url")),
        part("data-*", _ID, data=value_data("data")),
        explode=explode,
        assemble=assemble,
        message_headers=message_headers,
    ),
    input_event(well_known.TOOL_RESULT, _CALL_ID, data=_object(output=_any, forkSeed=_seed)),
    input_event(well_known.TOOL_RESULT_ERROR, _CALL_ID, data=_object(message=_text, forkSeed=_seed)),
    input_event(well_known.TOOL_APPROVAL_RESPONSE, _CALL_ID, flag("approved", default=False), text("reason")),
    wire_only(well_known.REGENERATE),
)
