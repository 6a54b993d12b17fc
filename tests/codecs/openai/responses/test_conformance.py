"""The ``openai-responses`` codec keeps every law of the conformance kit, on recorded responses and its tables' streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from openai.types.responses import ResponseStreamEvent

from ai_transport_codecs.codecs.openai.responses import CODEC
from ai_transport_codecs.testing import CodecConformance
from tests.codecs.openai.responses.replay import events_in

BUNDLED = Path(__file__).parents[3] / "recordings"
RECORDED = {
    "a function": "*/responses--test-function-calling--1.sse",
    "a server's tools": "*/responses--test-mcp-builtin-zdr--0.sse",
    "a search for tools": "*/responses--test-tool-search-streaming--0.sse",
}


def recorded(pattern: str) -> Sequence[Any]:
    """The events of a recorded response."""
    return events_in(next(BUNDLED.glob(pattern)))


def types_of_events() -> list[str]:
    """Every type in the SDK's union of events."""
    members = get_args(get_args(ResponseStreamEvent)[0])
    return [type_ for member in members for type_ in get_args(member.model_fields["type"].annotation)]


class TestOpenAIResponses(CodecConformance):
    codec = CODEC
    samples: Mapping[str, Any] = {name: partial(recorded, pattern) for name, pattern in RECORDED.items()}
    takes_tool_inputs = True
    inputs = (
        "Where to?",
        {"role": "user", "content": [{"type": "input_text", "text": "Where "}, {"type": "input_text", "text": "to?"}]},
        CODEC.create_regenerate("run-1:", "input-1"),
    )
