"""The ``openai-responses`` codec: what OpenAI's Responses API streams, and messages of its items.

Byte-compatible with the Responses codec of AI Transport 0.8, so that its readers and ours share a conversation; what the
reference has no kind for travels in kinds that its readers skip (see :mod:`.kinds`).
"""

from __future__ import annotations

from typing import Final

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.define import TableCodec, define_codec

from .inputs import ResponsesInput, parse_input
from .messages import ResponsesMessage
from .projection import ResponsesProjection
from .reducer import ResponsesReducer
from .repair import create_policy
from .tables import INPUTS, OUTPUTS
from .translator import ResponsesTranslator

CODEC: Final[TableCodec[ResponsesInput, Event, ResponsesProjection, ResponsesMessage]] = define_codec(
    name="openai-responses",
    outputs=OUTPUTS,
    inputs=INPUTS,
    reducer=ResponsesReducer(),
    translator=ResponsesTranslator,
    lifecycle=create_policy,
    adapter_tag="openai-responses",
    to_input=parse_input,
    user_message=parse_input,
    tool_inputs=True,
)
