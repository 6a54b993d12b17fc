"""The two tables: which event and which input travels how (codec spec e.1, e.3).

The reference's rows, and rows for what it refuses, with kinds of our own (see :mod:`.kinds`). Events of the API have
only the reference's rows, so that an event goes on the wire in the reference's bytes or not at all; the translator says
in our kinds what those leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.decoder_core import StreamTracker
from ai_transport_codecs.codec.descriptors import (
    Data,
    InputRow,
    Object,
    OutputRow,
    StreamDelta,
    StreamEnd,
    StreamStart,
    drop,
    event,
    input_batch,
    input_event,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)
from ai_transport_codecs.codec.fields import HeaderField, flag, json, text, values_of
from ai_transport_codecs.wire.absent import ABSENT

from . import items, kinds
from .user_message import assemble, explode, message_headers

_ITEM_ID: Final = text("item_id")
_OUTPUT_INDEX: Final = json("output_index")
_PART: Final = json("part")
_CALL_ID: Final = text("call_id", "")


def _part_stream(
    kind: str, *, events: str, start: StreamStart | str, index: str, stream_id: Callable[[Event], str], result: str
) -> OutputRow:
    """The text of one part of an item, in slot ``index``; its end states the whole text as ``result``."""
    fields = (_ITEM_ID, _OUTPUT_INDEX, json(index), _PART)

    def end(_: StreamTracker, accumulated: str, closing: Mapping[str, Any]) -> Object:
        values = values_of(fields, closing)
        found = {key: values.get(key) for key in ("output_index", index)}
        return {
            "type": f"response.{events}.done",
            "item_id": values.get("item_id", ""),
            **{key: 0 if value is None else value for key, value in found.items()},
            result: accumulated,
        }

    return stream(
        kind,
        *fields,
        stream_id=stream_id,
        start=start,
        delta=StreamDelta(f"response.{events}.delta", "delta", rebuild=("item_id", index)),
        end=StreamEnd(f"response.{events}.done", decode=end),
    )


def _content_stream(kind: str, result: str = "text") -> OutputRow:
    return _part_stream(
        kind,
        events=kind,
        start=StreamStart(kinds.PART_ADDED, lambda added: items.part_type(added) == kind),
        index="content_index",
        stream_id=lambda found: f"{found.get('item_id')}:{found.get('content_index')}",
        result=result,
    )


_CALL_FIELDS: Final = (json("item"), _OUTPUT_INDEX)


# Each delta of a call needs two values of its stream's headers: parsed for the first, looked up for the others.
@lru_cache(maxsize=64)
def _call(item_header: Any, index_header: Any) -> tuple[str, Any, str]:
    headers = {"item": item_header, "output_index": index_header}
    values = values_of(_CALL_FIELDS, {key: value for key, value in headers.items() if value is not None})
    item = values.get("item")
    found = item if isinstance(item, dict) else {}
    name = found.get("name") if found.get("type") == kinds.FUNCTION_CALL else ""
    index = values.get("output_index")
    return found.get("id") or "", 0 if index is None else index, name if isinstance(name, str) else ""


def _call_of(headers: Mapping[str, Any]) -> tuple[str, Any, str]:
    item, index = headers.get("item"), headers.get("output_index")
    return _call(item if isinstance(item, str) else None, index if isinstance(index, str) else None)


def _call_delta(tracker: StreamTracker, fragment: str) -> Object:
    item_id, index, _ = _call_of(tracker.codec_headers)
    return {
        "type": "response.function_call_arguments.delta",
        "item_id": item_id,
        "output_index": index,
        "delta": fragment,
    }


def _call_end(_: StreamTracker, accumulated: str, closing: Mapping[str, Any]) -> Object:
    item_id, index, name = _call_of(closing)
    return {
        "type": "response.function_call_arguments.done",
        "item_id": item_id,
        "output_index": index,
        "arguments": accumulated,
        "name": name,
    }


def _own_stream(kind: str, *fields: HeaderField, stream_id: Callable[[Event], str]) -> OutputRow:
    """Text of our own; its end states the whole of it, as the reference's ends do."""

    def end(_: StreamTracker, accumulated: str, closing: Mapping[str, Any]) -> Object:
        return {**values_of(fields, closing), "type": f"{kind}-end", "text": accumulated}

    return stream(
        kind,
        *fields,
        stream_id=stream_id,
        start=f"{kind}-start",
        delta=StreamDelta(f"{kind}-delta", "delta", rebuild=tuple(field.key for field in fields)),
        end=StreamEnd(f"{kind}-end", decode=end),
    )


_REPEATED: Final = "the item, or its stream, says the same"
_TOLD: Final = f"what a reader needs of it is in {kinds.RESPONSE}"

OUTPUTS: Final[tuple[OutputRow, ...]] = (
    _content_stream("output_text"),
    _content_stream("refusal", "refusal"),
    _content_stream("reasoning_text"),
    _part_stream(
        "reasoning_summary_text",
        events="reasoning_summary_text",
        start=kinds.SUMMARY_PART_ADDED,
        index="summary_index",
        stream_id=lambda found: f"{found.get('item_id')}:summary:{found.get('summary_index')}",
        result="text",
    ),
    stream(
        "function_call_arguments",
        *_CALL_FIELDS,
        stream_id=items.call_stream_id,
        start=StreamStart(kinds.ITEM_ADDED, lambda added: items.item_type(added) == kinds.FUNCTION_CALL),
        delta=StreamDelta("response.function_call_arguments.delta", "delta", decode=_call_delta),
        end=StreamEnd("response.function_call_arguments.done", decode=_call_end),
    ),
    event(kinds.ITEM_ADDED, data=items.ADDED),
    event(kinds.ITEM_DONE, data=items.DONE),
    event(kinds.OUTPUT, data=items.OUTPUT),
    event(kinds.APPROVAL_REQUEST, _CALL_ID, text("name", ""), data=text_data("arguments")),
    drop("response.created", _TOLD),
    drop("response.in_progress", _TOLD),
    drop("response.queued", _TOLD),
    drop("response.completed", _TOLD),
    drop("response.incomplete", _TOLD),
    drop("response.failed", _TOLD),
    drop("error", _TOLD),
    drop("response.content_part.done", _REPEATED),
    drop("response.reasoning_summary_part.done", _REPEATED),
    _own_stream(
        kinds.TEXT, _ITEM_ID, text("path"), stream_id=lambda found: f"{found.get('item_id')}:{found.get('path')}"
    ),
    _own_stream(
        kinds.DELTA, text("key"), _ITEM_ID, json("fields"), stream_id=lambda found: f"event:{found.get('key')}"
    ),
    event(kinds.ITEM, _ITEM_ID, data=value_data("item")),
    event(kinds.PATCH, _ITEM_ID, data=value_data("patch")),
    event(kinds.PROGRESS, _ITEM_ID, text("phase")),
    event(kinds.RESPONSE, data=value_data("response")),
    event(kinds.EVENT, text("key"), _ITEM_ID, data=value_data("event")),
    event(kinds.CHUNK, text("of"), json("index"), json("count"), data=text_data("text")),
)


def _result(payload: Event) -> dict[str, Any]:
    return {"output": payload["output"]} if "output" in payload else {}


def _read_result(data: Any) -> dict[str, Any]:
    if isinstance(data, Mapping):
        return {"output": data["output"]} if "output" in data else {}
    return {} if isinstance(data, list) else {"output": ""}


def _failure(payload: Event) -> dict[str, Any]:
    return {"message": payload["message"]} if "message" in payload else {}


def _read_failure(data: Any) -> dict[str, Any]:
    message = data.get("message", ABSENT) if isinstance(data, Mapping) else ABSENT
    return {"message": message if isinstance(message, str) else ""}


INPUTS: Final[tuple[InputRow, ...]] = (
    input_batch(
        well_known.USER_MESSAGE,
        part("input_text", data=text_data("text")),
        part(f"{kinds.PART}*", data=value_data("part")),
        explode=explode,
        assemble=assemble,
        message_headers=message_headers,
    ),
    input_event(well_known.TOOL_RESULT, _CALL_ID, data=Data(_result, _read_result)),
    input_event(well_known.TOOL_RESULT_ERROR, _CALL_ID, data=Data(_failure, _read_failure)),
    input_event(well_known.TOOL_APPROVAL_RESPONSE, _CALL_ID, flag("approved", default=False), text("reason")),
    wire_only(well_known.REGENERATE),
)
