"""The codec's tables: which output and input events there are, and how each one travels.

A LangChain message is a document. Each message of a source has a ``codec-message-id`` of its own, and its wire messages
build the document up, by pointers (see :mod:`.pointers`):

* ``message`` begins it, or states it anew: its type, how it was streamed, and values by pointer as data; ``complete``
  when there is no more to come;
* ``patch`` sets further values, ``message-end`` the last ones, and says that the message is complete;
* streams extend the places that their ``path`` names: ``text``, ``reasoning``, ``tool-call`` (arguments) and ``string``
  by their text; ``items`` a list, by one line of JSON for each entry; ``value`` a value, which the last line states.
"""

from __future__ import annotations

from typing import Final

from ai_transport_codecs.codec import fields
from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.descriptors import (
    Data,
    InputRow,
    OutputRow,
    OutputStream,
    StreamDelta,
    event,
    input_batch,
    input_event,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)

from .inputs import assemble, explode, message_headers
from .messages import CLASSES, FORMS
from .reducer import STREAM_KINDS


def _block(output: Event) -> str:
    return str(output["block"])


def _stream(kind: str) -> OutputStream:
    """A stream that extends the places ``path`` of its message; ``block`` names it within the message."""
    return stream(
        kind,
        fields.text("block"),
        fields.text("path"),
        stream_id=_block,
        start=f"{kind}-start",
        delta=StreamDelta(f"{kind}-delta", "delta", rebuild=("block",)),
        end=f"{kind}-end",
    )


def _result(payload: Event) -> dict[str, object]:
    return {key: payload[key] for key in ("content", "artifact") if payload.get(key) is not None}


_RESULT: Final = Data(_result, lambda data: _result(data) if isinstance(data, dict) else {})


OUTPUTS: Final[tuple[OutputRow, ...]] = (
    event(
        "message",
        fields.choice("messageType", CLASSES, "ai"),
        fields.choice("form", FORMS, "whole"),
        fields.text("node"),
        fields.text("namespace"),
        fields.flag("complete"),
        data=value_data("data"),
    ),
    event("patch", data=value_data("data")),
    event("message-end", data=value_data("data")),
    *(_stream(kind) for kind in STREAM_KINDS),
)

INPUTS: Final[tuple[InputRow, ...]] = (
    input_batch(
        well_known.USER_MESSAGE,
        part("text", fields.text("form"), fields.json("rest"), data=text_data("text")),
        part("block-*", data=value_data("value")),
        explode=explode,
        assemble=assemble,
        message_headers=message_headers,
    ),
    wire_only(well_known.REGENERATE),
    input_event(well_known.TOOL_RESULT, fields.text("tool_call_id"), fields.text("name"), data=_RESULT),
    input_event(
        well_known.TOOL_RESULT_ERROR, fields.text("tool_call_id"), fields.text("name"), data=text_data("message")
    ),
    input_event(
        well_known.TOOL_APPROVAL_RESPONSE,
        fields.text("tool_call_id"),
        fields.flag("approved", default=False),
        fields.text("reason"),
    ),
)
