"""The ``openai-responses`` codec: what OpenAI's Responses API streams, and messages of its items.

Byte-compatible with the Responses codec of AI Transport 0.8, so that its readers and ours share a conversation; what
the reference has no kind for travels in kinds that its readers skip (see :mod:`.kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.define import TableCodec, define_codec
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.codecs.openai.fast_lane import mint_message_id, operations_from_sse

from .inputs import ResponsesInput, parse_input
from .messages import ResponsesMessage
from .model_input import approved_unexecuted_calls, model_input, resolved_call_ids, unanswered_calls
from .projection import ResponsesProjection
from .reducer import ResponsesReducer
from .repair import create_policy
from .tables import INPUTS, OUTPUTS
from .translator import ResponsesTranslator
from .turn import responses_turn

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


def from_sse(
    pieces: Iterable[str | bytes | bytearray],
    *,
    headers: Mapping[str, str] | None = None,
    mint_id: Callable[[], str] = mint_message_id,
) -> Iterator[Operation]:
    """A provider's server-sent events to wire operations, without building objects of the SDK.

    ``pieces`` are lines, with or without their ends, or the body in any pieces. ``headers`` are the transport headers
    of every message; each response gets a ``codec-message-id`` from ``mint_id``. A session does the same with
    ``run.pipe(response.aiter_bytes())``. Raises as :meth:`ResponsesTranslator.translate`.
    """
    return operations_from_sse(CODEC, pieces, headers or {}, mint_id)


__all__ = [
    "CODEC",
    "ResponsesInput",
    "ResponsesMessage",
    "ResponsesProjection",
    "ResponsesTranslator",
    "approved_unexecuted_calls",
    "from_sse",
    "model_input",
    "resolved_call_ids",
    "responses_turn",
    "unanswered_calls",
]
