"""The ``llamaindex`` codec keeps every law of the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.agent.workflow import AgentStream, ToolCall, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ImageBlock, TextBlock
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.tools import ToolOutput
from llama_index.core.workflow import InputRequiredEvent
from workflows.events import StepState, StepStateChanged

from ai_transport_codecs.codecs.llamaindex import CODEC
from ai_transport_codecs.codecs.llamaindex.events import DROPPED
from ai_transport_codecs.testing import CodecConformance


def responses(*pieces: str) -> Iterator[ChatResponse]:
    """What an LLM streams: each response with all the text so far."""
    text = ""
    for piece in pieces:
        text += piece
        yield ChatResponse(message=ChatMessage(text, role="assistant"), delta=piece)


def word(delta: str, response: str) -> AgentStream:
    """A piece of what an agent says."""
    return AgentStream(delta=delta, response=response, current_agent_name="Guide", tool_calls=[], raw=None)


CALL: Mapping[str, Any] = {"tool_name": "sky", "tool_kwargs": {"city": "Lisbon"}, "tool_id": "c1"}
OUTPUT = ToolOutput(tool_name="sky", content="blue", raw_input={"city": "Lisbon"}, raw_output="blue")
AGENT: Sequence[Any] = [
    word("Let me ", "Let me "),
    word("look.", "Let me look."),
    ToolCall(**CALL),
    ToolCallResult(**CALL, tool_output=OUTPUT, return_direct=False),
    word("Bl", "Bl"),
    word("ue.", "Blue."),
]


EVENT_TYPES = {
    "ChatResponse": next(responses("Lisbon")),
    "AgentStream": AGENT[0],
    "ToolCallResult": AGENT[3],
    "InputRequiredEvent": InputRequiredEvent(),
    "StepStateChanged": StepStateChanged(
        name="ask", step_state=StepState.RUNNING, worker_id="1", input_event_name="Ask"
    ),
    "StreamingResponse": StreamingResponse(response_gen=(text for text in ("Lisbon",))),
}


class TestLlamaIndex(CodecConformance):
    codec = CODEC
    samples: Mapping[str, Any] = {"text": [*responses("Lis", "", "bon \U0001f600")], "an agent": AGENT}
    expected: Mapping[str, Any] = {"text": [ChatMessage("Lisbon \U0001f600", role="assistant")]}
    event_types = EVENT_TYPES
    refused_types = ("StreamingResponse",)
    dropped_types: Mapping[str, str] = {"StepStateChanged": DROPPED[StepStateChanged]}
    takes_tool_inputs = True
    inputs = (
        "Where to?",
        ChatMessage([TextBlock(text="Look:"), ImageBlock(url="https://example.com/a.png")]),
        CODEC.create_regenerate("run-1:", "input-1"),
    )
