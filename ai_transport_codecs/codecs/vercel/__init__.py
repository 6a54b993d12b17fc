"""The ``vercel`` codec: UI messages of the AI SDK (version 6), as React's ``useChat`` shows them.

Byte-compatible with the UI message codec of AI Transport 0.8, so that a page with the official client and an agent in
Python share a conversation. Needs nothing besides the base install.
"""

from __future__ import annotations

from typing import Final

from ai_transport_codecs.codec.define import TableCodec, define_codec

from .chunks import UIMessageChunk
from .forks import ForkOptions, ToolResultFork, fork_with_error, fork_with_result
from .inputs import VercelInput, parse_input
from .messages import UIMessage
from .projection import VercelProjection
from .reducer import VercelReducer
from .repair import create_policy
from .tables import INPUTS, OUTPUTS
from .tool_calls import PendingToolCall, approved_pending_tool_calls, pending_tool_calls, strip_tool_executes
from .translator import VercelTranslator
from .turn import ChunkWatch, ui_turn

CODEC: Final[TableCodec[VercelInput, UIMessageChunk, VercelProjection, UIMessage]] = define_codec(
    name="vercel",
    outputs=OUTPUTS,
    inputs=INPUTS,
    reducer=VercelReducer(),
    translator=VercelTranslator,
    lifecycle=create_policy,
    adapter_tag="vercel-ai-sdk-ui-message",
    to_input=parse_input,
    tool_inputs=True,
)

__all__ = [
    "CODEC",
    "ChunkWatch",
    "ForkOptions",
    "PendingToolCall",
    "ToolResultFork",
    "UIMessage",
    "UIMessageChunk",
    "VercelInput",
    "VercelProjection",
    "VercelTranslator",
    "approved_pending_tool_calls",
    "fork_with_error",
    "fork_with_result",
    "pending_tool_calls",
    "strip_tool_executes",
    "ui_turn",
]
