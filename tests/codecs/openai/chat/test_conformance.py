"""The ``openai-chat`` codec keeps every law of the conformance kit, on recorded completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ai_transport_codecs.codecs.openai.chat import CODEC
from ai_transport_codecs.testing import CodecConformance
from tests.codecs.openai.chat.expected import sdk_chunks
from tests.codecs.openai.chat.recordings import BUNDLED, chunks_in

RECORDED = {
    "text": "*/chat.completions--azure--test-chat-async-streaming--1.sse",
    "two tools at once": "*/chat.completions--prompt-function--*async-parallel-function-call--0.sse",
    "a tool": "*/chat.completions--test-streaming-tool-call-v1-v2-parity--0.sse",
}


def recorded(pattern: str) -> Sequence[Any]:
    """The chunks of a recorded answer, as the SDK gives them."""
    return sdk_chunks(chunks_in(next(BUNDLED.glob(pattern)).read_bytes()))


A_CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Lisbon"}, "finish_reason": None}],
}


# A streamed completion has one type of event.
EVENT_TYPES = {"chat.completion.chunk": A_CHUNK}


class TestOpenAIChat(CodecConformance):
    codec = CODEC
    samples: Mapping[str, Any] = {name: partial(recorded, pattern) for name, pattern in RECORDED.items()}
    event_types = EVENT_TYPES
    takes_tool_inputs = True
    inputs = (
        "Where to?",
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            ],
        },
        CODEC.create_regenerate("run-1:", "input-1"),
    )
