"""Events of workflows: the user's own as plain data, chat_ui's, requests for input, and what is left out or refused."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentSetup, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.base.response.schema import AsyncStreamingResponse, Response
from llama_index.core.bridge.pydantic import Field
from llama_index.core.chat_ui.events import ArtifactEvent, SourceNodesEvent, UIEvent
from llama_index.core.chat_ui.models.artifact import Artifact, ArtifactType, CodeArtifactData
from llama_index.core.instrumentation.events.llm import LLMChatInProgressEvent
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import ToolOutput
from llama_index.core.workflow import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.events import WorkflowCancelledEvent, WorkflowFailedEvent, WorkflowTimedOutEvent

from ai_transport_codecs import UnsupportedEventError
from ai_transport_codecs.codecs.llamaindex import CODEC, CarriedEvent, LlamaIndexProjection
from tests.codecs.llamaindex.models import dynamic
from tests.codecs.llamaindex.wire import joined, live, write_all


class Progress(Event):
    """A user's own event."""

    step: str
    at: datetime
    parts: list[ChatMessage] = Field(default_factory=list)
    client: Any = None


class Approve(InputRequiredEvent):
    """A user's own request."""

    question: str


class Done(StopEvent):
    """A user's own end."""

    total: int


def read(items: list[Any]) -> LlamaIndexProjection:
    deliveries = write_all(items).deliveries
    found = live(deliveries)
    for position in range(len(deliveries) + 1):
        assert joined(deliveries, position).events == found.events
    return found


def event_of(item: Any) -> CarriedEvent:
    [found] = read([item]).events
    return found


def test_a_users_own_event_is_plain_data_with_its_types_name_as_data(caplog: pytest.LogCaptureFixture) -> None:
    event = dynamic(
        Progress, step="look", at=datetime(2026, 1, 2, tzinfo=UTC), parts=[ChatMessage("x")], client=object(), extra=[1]
    )
    with caplog.at_level(logging.WARNING):
        found = event_of(event)
    assert (found.kind, found.name) == ("event", "Progress")
    message = {"role": "user", "additional_kwargs": {}, "blocks": [{"block_type": "text", "text": "x"}]}
    assert found.data == {"step": "look", "parts": [message], "extra": [1]}
    assert "left Progress.client out of the stream" in caplog.text


def test_a_bare_event_carries_its_dynamic_fields() -> None:
    assert event_of(dynamic(Event, msg="hi", n=1)) == CarriedEvent("event", "Event", {"msg": "hi", "n": 1}, "id-m1")


def test_events_alone_make_no_message_and_belong_to_the_next() -> None:
    projection = read([dynamic(Event, msg="hi")])
    assert projection.messages == []
    projection = read([dynamic(Event, msg="hi"), "so"])
    assert [projection.events[0].message_id] == [entry.id for entry in projection.entries]


def test_an_event_too_long_for_one_message_makes_no_message_either() -> None:
    projection = read([dynamic(Event, msg="x" * 20_000)])
    assert projection.messages == []
    assert projection.events[0].data == {"msg": "x" * 20_000}


def test_events_of_chat_ui_are_carried() -> None:
    assert event_of(UIEvent(type="weather", data={"t": 21})) == CarriedEvent(
        "ui", "weather", {"data": {"t": 21}}, "id-m1"
    )
    code = CodeArtifactData(file_name="a.py", code="x = 1", language="python")
    artifact = event_of(ArtifactEvent(data=Artifact(created_at=1, type=ArtifactType.CODE, data=code)))
    assert (artifact.kind, artifact.data["type"]) == ("artifact", "artifact")
    assert Artifact.model_validate(artifact.data["data"]).data == code
    nodes = [NodeWithScore(node=TextNode(id_="n", text="x"), score=1.0)]
    assert read([SourceNodesEvent(nodes=nodes)]).sources() == nodes


def test_a_request_for_human_input_and_an_answer_in_the_stream_are_carried() -> None:
    asked = event_of(dynamic(Approve, question="Really?", prefix="> "))
    assert asked == CarriedEvent("input-required", "Approve", {"question": "Really?", "prefix": "> "}, "id-m1")
    assert event_of(dynamic(HumanResponseEvent, response="yes")).data == {"response": "yes"}


def test_how_a_workflow_ended_is_said_without_what_its_error_holds() -> None:
    failed = WorkflowFailedEvent(step_name="look", exception=ValueError("key sk-1 refused"))
    assert event_of(failed) == CarriedEvent("outcome", "failed", {"step": "look", "error": "ValueError"}, "id-m1")
    timed_out = event_of(WorkflowTimedOutEvent(timeout=1.5, active_steps=["look"]))
    assert (timed_out.name, timed_out.data) == ("timed-out", {"timeout": 1.5, "active_steps": ["look"]})
    assert event_of(WorkflowCancelledEvent()).name == "cancelled"


@pytest.mark.parametrize(
    ("result", "messages", "structured"),
    [
        (None, [], None),
        ("so", ["so"], None),
        (ChatMessage("so", role="assistant"), ["so"], None),
        ({"a": 1}, [], {"a": 1}),
        (object(), [], None),
    ],
    ids=["nothing", "text", "message", "data", "object"],
)
def test_the_result_of_any_workflow_is_carried_as_what_it_is(result: Any, messages: list[str], structured: Any) -> None:
    projection = read([StopEvent(result=result)])
    assert [message.content for message in projection.messages] == messages
    assert projection.structured_output == structured


def test_a_result_that_was_streamed_is_not_said_again() -> None:
    assert [message.content for message in read(["so ", "it is", StopEvent(result="so it is")]).messages] == [
        "so it is"
    ]


def test_an_end_of_the_users_own_class_is_an_event() -> None:
    assert event_of(Done(total=3)) == CarriedEvent("event", "Done", {"total": 3}, "id-m1")


def test_what_a_tool_drew_on_is_said_with_its_result() -> None:
    nodes = [NodeWithScore(node=TextNode(id_="n", text="x"), score=1.0)]
    output = ToolOutput(tool_name="query", content="x", raw_input={}, raw_output=Response("x", source_nodes=nodes))
    event = ToolCallResult(tool_name="query", tool_kwargs={}, tool_id="c", tool_output=output, return_direct=False)
    projection = read([event])
    [entry] = projection.entries
    assert projection.sources(entry.id) == nodes


def test_what_stays_with_the_agent_writes_nothing() -> None:
    secret = [ChatMessage("be secretive", role="system")]
    assert write_all([AgentSetup(input=secret, current_agent_name="a"), dynamic(StartEvent, msg="x")]).deliveries == []


def test_an_event_of_a_newer_framework_is_left_out_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    newer = type("AgentPlan", (Event,), {"__module__": "llama_index.core.agent.workflow.workflow_events"})
    with caplog.at_level(logging.WARNING):
        assert write_all([newer(plan="x"), newer(plan="y")]).deliveries == []
    [record] = caplog.records
    assert record.getMessage() == (
        "codec 'llamaindex' does not know events of type llama_index.core.agent.workflow.workflow_events.AgentPlan and"
        " left them out of the stream; a newer version of this package may carry them"
    )


NOTHING: Any = None


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (
            42,
            "an item of type int as output, 42; stream responses of an LLM, text, messages, or the events of a",
        ),
        ({"delta": "x"}, "an item of type dict as output, {'delta': 'x'}; stream responses"),
        (
            LLMChatInProgressEvent(messages=[], response={"message": {"role": "user"}}),  # type: ignore[arg-type]
            "it is for observability and holds all of a model's input; stream the responses themselves",
        ),
        (Response("x"), "it is the result of a query, not a stream; stream response.response, or a chat engine"),
        (AsyncStreamingResponse(NOTHING), "stream its text: pipe response.async_response_gen()"),
    ],
    ids=["number", "mapping", "instrumentation", "response", "streaming response"],
)
def test_what_is_refused_names_its_type_the_codec_and_what_to_do(item: Any, says: str) -> None:
    with pytest.raises(UnsupportedEventError) as refused:
        CODEC.create_translator().translate(item)
    assert str(refused.value).startswith(f"codec 'llamaindex' cannot carry an item of type {type(item).__name__}")
    assert says in str(refused.value)


def test_an_item_that_cannot_even_be_shown_is_refused_all_the_same() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    with pytest.raises(UnsupportedEventError, match=r"type Rude as output, <.*; stream responses"):
        CODEC.create_translator().translate(Rude())
