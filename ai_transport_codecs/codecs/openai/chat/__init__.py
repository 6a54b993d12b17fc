"""The ``openai-chat`` codec: chat completions as OpenAI and the servers compatible with it stream them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.define import TableCodec, define_codec
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.codecs.openai.fast_lane import mint_message_id, operations_from_sse

from .completion import ChatMessage, Choice, Completion
from .history import as_history
from .inputs import to_input
from .projection import ChatProjection
from .reducer import ChatReducer
from .tables import INPUTS, OUTPUTS
from .translator import ChatTranslator
from .turn import chat_turn

CODEC: Final[TableCodec[Event, Event, ChatProjection, ChatMessage]] = define_codec(
    name="openai-chat",
    outputs=OUTPUTS,
    inputs=INPUTS,
    reducer=ChatReducer(),
    translator=ChatTranslator,
    adapter_tag="openai-chat",
    to_input=to_input,
    user_message=to_input,
    tool_inputs=True,
)
"""The codec; sessions load it by the name ``openai-chat``."""


def from_sse(
    pieces: Iterable[str | bytes | bytearray],
    *,
    headers: Mapping[str, str] | None = None,
    mint_id: Callable[[], str] = mint_message_id,
) -> Iterator[Operation]:
    """A provider's server-sent events to wire operations, without building objects of the SDK.

    ``pieces`` are lines, with or without their ends, or the body in any pieces. ``headers`` are the transport headers
    of every message; each completion gets a ``codec-message-id`` from ``mint_id``. A session does the same with
    ``run.pipe(response.aiter_bytes())``. Raises as :meth:`ChatTranslator.translate`.
    """
    return operations_from_sse(CODEC, pieces, headers or {}, mint_id)


__all__ = [
    "CODEC",
    "ChatMessage",
    "ChatProjection",
    "ChatTranslator",
    "Choice",
    "Completion",
    "as_history",
    "chat_turn",
    "from_sse",
]
