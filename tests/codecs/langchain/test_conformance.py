"""The ``langchain`` codec keeps every law of the conformance kit, on recorded streams and on those of its tables."""

from __future__ import annotations

import asyncio
import json
import typing
import warnings
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from langchain_core.messages import (
    AIMessageChunk,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    messages_from_dict,
)
from langchain_core.messages.base import messages_to_dict

from ai_transport_codecs.codecs.langchain import CODEC
from ai_transport_codecs.testing import CodecConformance
from tests.codecs.langchain.expected import summed
from tests.codecs.langchain.replay import chunks_of

BUNDLED = Path(__file__).parents[2] / "recordings"
RECORDED = {
    "two tools at once": "magentic-0.41.1/chat.completions--prompt-function--test-decorator-return-async-parallel*.sse",
    "a tool's arguments": "langchain_anthropic-1.7.10/anthropic--test-agent-loop-streaming--0.sse",
    "a response": "langchain_openai-1.7.4/responses--test-function-calling--1.sse",
}
AGENT: Sequence[Any] = [
    AIMessageChunk(content="Let me look. ", id="a1"),
    AIMessageChunk(content="", id="a1", tool_call_chunks=[{"name": "sky", "args": "", "id": "c1", "index": 0}]),
    AIMessageChunk(content="", id="a1", tool_call_chunks=[{"name": None, "args": '{"city":', "id": None, "index": 0}]),
    AIMessageChunk(
        content="", id="a1", tool_call_chunks=[{"name": None, "args": ' "Lisbon"}', "id": None, "index": 0}]
    ),
    AIMessageChunk(content="", id="a1", chunk_position="last"),
    ToolMessage(content="blue", tool_call_id="c1", id="t1"),
    AIMessageChunk(content="Bl", id="a2"),
    AIMessageChunk(content="ue.", id="a2", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
]


@cache
def recorded(name: str) -> Sequence[AIMessageChunk]:
    """The chunks that LangChain's own chat model makes of a recorded answer."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Received unexpected tool content block")
        return asyncio.run(chunks_of(next(BUNDLED.glob(RECORDED[name])), output_version="v1"))


def expected(name: str) -> Sequence[BaseMessage]:
    """What LangChain itself adds these up to."""
    return [summed(recorded(name))]


def an_item_of_each_class() -> Mapping[str, Any]:
    """A message of each class in LangChain's own union."""
    union, _ = typing.get_args(AnyMessage)
    classes = [typing.get_args(member)[0] for member in typing.get_args(union)]
    needed: Mapping[str, Any] = {"content": "hello", "tool_call_id": "c", "name": "f", "role": "critic"}
    return {cls.__name__: cls(**{k: v for k, v in needed.items() if k in cls.model_fields}) for cls in classes}


class TestLangChain(CodecConformance):
    codec = CODEC
    samples: Mapping[str, Any] = {**{name: partial(recorded, name) for name in RECORDED}, "an agent": AGENT}
    expected: Mapping[str, Any] = {name: partial(expected, name) for name in RECORDED}
    takes_tool_inputs = True
    event_types = an_item_of_each_class()
    inputs = (
        "Where to?",
        HumanMessage(["Look:", {"type": "image", "url": "http://localhost/map.png"}]),
        CODEC.create_regenerate("run-1:m1", "input-1"),
        {"kind": "tool-result", "codecMessageId": "run-1:m1", "payload": {"tool_call_id": "c1", "content": "blue"}},
        {"kind": "tool-result-error", "codecMessageId": "run-1:m1", "payload": {"tool_call_id": "c1", "message": "no"}},
        {
            "kind": "tool-approval-response",
            "codecMessageId": "run-1:m1",
            "payload": {"tool_call_id": "c1", "approved": False, "reason": "not now"},
        },
    )

    def reload_message(self, message: BaseMessage) -> BaseMessage:
        [loaded] = messages_from_dict(json.loads(json.dumps(messages_to_dict([message]))))
        return loaded
