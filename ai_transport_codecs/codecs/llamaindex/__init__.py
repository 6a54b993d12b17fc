"""The ``llamaindex`` codec: what LlamaIndex's LLMs, chat engines and workflows stream, and back as its messages."""

from __future__ import annotations

from llama_index.core.base.llms.types import ChatMessage

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.define import TableCodec, define_codec

from .asking.contexts import ContextStore
from .asking.turn import MemoryContexts
from .history import as_history
from .inputs import human_response, to_input
from .projection import CarriedCall, CarriedEvent, LlamaIndexProjection
from .questions import InputRequest, open_requests
from .reducer import LlamaIndexReducer
from .tables import INPUTS, OUTPUTS
from .translator import LlamaIndexTranslator
from .turn import agent_turn, chat_engine_turn, llm_turn

CODEC: TableCodec[Event, Event, LlamaIndexProjection, ChatMessage] = define_codec(
    name="llamaindex",
    outputs=OUTPUTS,
    inputs=INPUTS,
    reducer=LlamaIndexReducer(),
    translator=LlamaIndexTranslator,
    adapter_tag="llamaindex",
    to_input=to_input,
    user_message=to_input,
    tool_inputs=True,
)
"""The codec; sessions load it by the name ``llamaindex``."""

__all__ = [
    "CODEC",
    "CarriedCall",
    "CarriedEvent",
    "ContextStore",
    "InputRequest",
    "LlamaIndexProjection",
    "MemoryContexts",
    "agent_turn",
    "as_history",
    "chat_engine_turn",
    "human_response",
    "llm_turn",
    "open_requests",
]
