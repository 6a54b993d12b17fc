"""The codec's tables: which output and input events there are, and how each one travels.

Each message of a source has a ``codec-message-id`` of its own:

* ``message`` begins it, or is all of it when it is ``complete``; ``message-end`` says what it amounts to, by blocks
  that name the streams of their texts (see :mod:`.plain`), ``additional_kwargs`` and metadata. An end may be said
  again: the last one counts;
* streams are its blocks while they come: ``text``, ``thinking``, ``tool-call`` (arguments); ``value`` carries data that
  is too long for one message;
* ``call`` says that a tool runs, ``sources``, ``structured`` and ``outcome`` what else an answer comes with;
* ``event``, ``ui``, ``artifact``, ``input-required`` and ``human-response`` are the user's own events, by the name of
  their type, which is data: nobody makes an object of it.
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
from ai_transport_codecs.codec.fields import HeaderField

from .inputs import assemble, explode, message_headers, result_data
from .reducer import ITEM_KINDS, STREAM_KINDS

ROLES: Final = ("system", "developer", "user", "assistant", "function", "tool", "chatbot", "model")


def _block(output: Event) -> str:
    return str(output["block"])


def _stream(kind: str, *more: HeaderField) -> OutputStream:
    """A stream of the message's block, or other data, that ``block`` names within the message."""
    return stream(
        kind,
        fields.text("block"),
        *more,
        stream_id=_block,
        start=f"{kind}-start",
        delta=StreamDelta(f"{kind}-delta", "delta", rebuild=("block",)),
        end=f"{kind}-end",
    )


_CALL: Final = (fields.text("tool_call_id"), fields.text("tool_name"))

OUTPUTS: Final[tuple[OutputRow, ...]] = (
    event(
        "message",
        fields.choice("role", ROLES, "assistant"),
        fields.text("agent"),
        *_CALL,
        fields.flag("is_error"),
        fields.flag("return_direct"),
        fields.flag("complete"),
        data=value_data("data"),
    ),
    event("message-end", fields.choice("role", ROLES, "assistant"), data=value_data("data")),
    *(_stream(kind, *(_CALL if kind == "tool-call" else ())) for kind in STREAM_KINDS),
    event("call", *_CALL, data=value_data("data")),
    *(event(kind, fields.text("name"), data=value_data("data")) for kind in ITEM_KINDS),
)

INPUTS: Final[tuple[InputRow, ...]] = (
    input_batch(
        well_known.USER_MESSAGE,
        part("text", fields.text("form"), data=text_data("text")),
        part("block-*", data=value_data("value")),
        explode=explode,
        assemble=assemble,
        message_headers=message_headers,
    ),
    wire_only(well_known.REGENERATE),
    input_event(well_known.HUMAN_RESPONSE, fields.text("name"), fields.text("tool_call_id"), data=value_data("data")),
    input_event(
        well_known.TOOL_RESULT,
        *_CALL,
        data=Data(result_data, lambda data: {"content": data}),
    ),
    input_event(well_known.TOOL_RESULT_ERROR, *_CALL, data=text_data("message")),
    input_event(
        well_known.TOOL_APPROVAL_RESPONSE,
        fields.text("tool_call_id"),
        fields.flag("approved", default=False),
        fields.text("reason"),
    ),
)
