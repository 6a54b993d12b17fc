"""The ``langchain`` codec: what LangChain and LangGraph stream, on the wire and back as LangChain messages."""

from __future__ import annotations

from langchain_core.messages import BaseMessage

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.define import TableCodec, define_codec

from .graphs.turn import graph_turn
from .history import as_history
from .inputs import to_input
from .projection import LangChainProjection
from .reducer import LangChainReducer
from .tables import INPUTS, OUTPUTS
from .translator import LangChainTranslator
from .turn import chain_turn

CODEC: TableCodec[Event, Event, LangChainProjection, BaseMessage] = define_codec(
    name="langchain",
    outputs=OUTPUTS,
    inputs=INPUTS,
    reducer=LangChainReducer(),
    translator=LangChainTranslator,
    adapter_tag="langchain",
    to_input=to_input,
    user_message=to_input,
    tool_inputs=True,
)
"""The codec; sessions load it by the name ``langchain``."""

__all__ = ["CODEC", "LangChainProjection", "as_history", "chain_turn", "graph_turn"]
