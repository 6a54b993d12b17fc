"""The codec's tables: which output and input events there are, and how each one travels.

Each completion of a source has a ``codec-message-id`` of its own. Its wire messages build up a document, the completion
itself (:mod:`.streams` says how places in it are named):

* ``completion`` says fields of the completion; ``choice`` fields of the choice at its ``path``; ``tool-call`` those of
  a tool call: its id, type and name; ``usage`` the tokens, ``finish`` why a choice stopped;
* streams grow what comes in pieces: ``content``, ``refusal``, ``reasoning``, ``arguments``, ``audio`` and other
  ``text``, and ``items``: lists such as token probabilities and annotations, one line of JSON for each entry;
* ``tool-approval-request`` says that a person is asked about a tool call, and repeats what it calls;
* ``completion-end`` says that no more will come.

``message`` is a message that the agent gives whole, such as the result of a tool that it ran; a long content follows as
a stream.
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
from .streams import APPROVAL_REQUEST, STREAM_KINDS


def _path(output: Event) -> str:
    return str(output["path"])


def _stream(kind: str) -> OutputStream:
    """A stream that grows the place ``path`` of its completion."""
    return stream(
        kind,
        fields.text("path"),
        stream_id=_path,
        start=f"{kind}-start",
        delta=StreamDelta(f"{kind}-delta", "delta", rebuild=("path",)),
        end=f"{kind}-end",
    )


def _result(payload: Event) -> dict[str, object]:
    return {"content": payload["content"]} if payload.get("content") is not None else {}


_RESULT: Final = Data(_result, lambda data: _result(data) if isinstance(data, dict) else {})

OUTPUTS: Final[tuple[OutputRow, ...]] = (
    event("completion", data=value_data("data")),
    event("choice", fields.text("path"), data=value_data("data")),
    event("tool-call", fields.text("path"), data=value_data("data")),
    event("usage", data=value_data("data")),
    event("finish", fields.text("path"), fields.text("reason")),
    event(APPROVAL_REQUEST, fields.text("tool_call_id"), fields.text("name"), data=text_data("arguments")),
    event("completion-end"),
    event("message", data=value_data("data")),
    *(_stream(kind) for kind in STREAM_KINDS),
)

INPUTS: Final[tuple[InputRow, ...]] = (
    input_batch(
        well_known.USER_MESSAGE,
        part("text", fields.text("form"), fields.json("rest"), data=text_data("text")),
        part("part-*", data=value_data("value")),
        explode=explode,
        assemble=assemble,
        message_headers=message_headers,
    ),
    wire_only(well_known.REGENERATE),
    input_event(well_known.TOOL_RESULT, fields.text("tool_call_id"), data=_RESULT),
    input_event(well_known.TOOL_RESULT_ERROR, fields.text("tool_call_id"), data=text_data("message")),
    input_event(
        well_known.TOOL_APPROVAL_RESPONSE,
        fields.text("tool_call_id"),
        fields.flag("approved", default=False),
        fields.text("reason"),
    ),
)
