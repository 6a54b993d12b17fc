"""The ``openai-responses`` codec keeps every law of the conformance kit, on recorded responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from openai.types.responses import ResponseStreamEvent

from ai_transport_codecs.codecs.openai.responses import CODEC
from ai_transport_codecs.codecs.openai.responses.carry import LEFT_OUT
from ai_transport_codecs.testing import CodecConformance
from tests.codecs.openai.responses.replay import events_in
from tests.codecs.openai.responses.scripts import about, added, answer, calling, completed, created, done, message, say

BUNDLED = Path(__file__).parents[3] / "recordings"
RECORDED = {
    "a function": "*/responses--test-function-calling--1.sse",
    "a server's tools": "*/responses--test-mcp-builtin-zdr--0.sse",
    "a search for tools": "*/responses--test-tool-search-streaming--0.sse",
}


def recorded(pattern: str) -> Sequence[Any]:
    """The events of a recorded response."""
    return events_in(next(BUNDLED.glob(pattern)))


def events_of_each_type() -> dict[str, Any]:
    """An event of every type in the SDK's union."""
    members = get_args(get_args(ResponseStreamEvent)[0])
    types = [type_ for member in members for type_ in get_args(member.model_fields["type"].annotation)]
    places = {"item_id": "i", "output_index": 0, "content_index": 0, "summary_index": 0, "command_index": 0}
    values = {"delta": "x", "annotation_index": 0, "annotation": {"type": "url_citation", "url": "http://localhost"}}
    events: dict[str, Any] = {type_: {"type": type_, **places, **values} for type_ in types}
    output, note = "response.shell_call_output_content.delta", "response.output_text.annotation.added"
    events[output]["delta"] = {"stdout": "x"}
    events[note] = [added(message("i", status="in_progress")), *say("i", "Lisbon"), events[note]]
    return events


REASONING = {"id": "r", "type": "reasoning", "summary": []}
SPOKEN: Sequence[Any] = [
    created(),
    added(REASONING),
    about("response.content_part.added", "r", content_index=0, part={"type": "reasoning_text", "text": ""}),
    about("response.reasoning_text.delta", "r", content_index=0, delta="Lisbon "),
    about("response.reasoning_text.delta", "r", content_index=0, delta="is blue"),
    about("response.reasoning_text.done", "r", content_index=0, text="Lisbon is blue"),
    done({**REASONING, "content": [{"type": "reasoning_text", "text": "Lisbon is blue"}]}),
    *answer("m", "Bl", "", "ue. \U0001f600"),
    added(message("n", status="in_progress")),
    about("response.content_part.added", "n", content_index=0, part={"type": "refusal", "refusal": ""}),
    about("response.refusal.delta", "n", content_index=0, delta="No, "),
    about("response.refusal.delta", "n", content_index=0, delta="thanks."),
    about("response.refusal.done", "n", content_index=0, refusal="No, thanks."),
    done(message("n", {"type": "refusal", "refusal": "No, thanks."})),
    *calling("c", "call", '{"city":', ' "Lisbon"}'),
    completed(),
]


# The translator leaves these out, and the table of the reference does not know them.
LEFT_WITHOUT_ROW = ("response.audio.transcript.done", "response.shell_call_output_content.done")


class TestOpenAIResponses(CodecConformance):
    codec = CODEC
    samples: Mapping[str, Any] = {
        **{name: partial(recorded, pattern) for name, pattern in RECORDED.items()},
        "all kinds of text": SPOKEN,
    }
    event_types = events_of_each_type()
    dropped_types: Mapping[str, str] = {type_: LEFT_OUT[type_] for type_ in LEFT_WITHOUT_ROW}
    takes_tool_inputs = True
    inputs = (
        "Where to?",
        {"role": "user", "content": [{"type": "input_text", "text": "Where "}, {"type": "input_text", "text": "to?"}]},
        CODEC.create_regenerate("run-1:", "input-1"),
    )
