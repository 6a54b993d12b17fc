"""What users send: one wire message per part, and the same human message on every device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, HumanMessageChunk, SystemMessage, ToolMessage

from ai_transport_codecs.codec.contract import FoldMeta, WriteOptions
from ai_transport_codecs.codecs.langchain import CODEC, LangChainProjection
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.headers import MESSAGE_ID, ROLE, codec_headers, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.langchain.wire import Log


def written(event: Any, message_id: str = "M1") -> Sequence[InboundMessage]:
    log = Log()
    options = WriteOptions(headers={"run-client-id": "user-1"}, message_id=message_id)
    log.write(CODEC.create_encoder().encode_input(event, options))
    return log.deliveries


def read(deliveries: Sequence[InboundMessage]) -> LangChainProjection:
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    for delivery in deliveries:
        meta = FoldMeta(delivery.serial or "", transport_headers(delivery.extras).get(MESSAGE_ID))
        for event in decoder.decode(delivery).inputs:
            projection = CODEC.fold_input(projection, event, meta)
    return projection


def optimistic(event: Any, message_id: str = "M1") -> LangChainProjection:
    """What the sender shows before the channel has it."""
    return CODEC.fold_input(CODEC.init(), event, FoldMeta("", message_id))


MESSAGES = {
    "text": HumanMessage("Plan a trip."),
    "nothing": HumanMessage(""),
    "no parts": HumanMessage([]),
    "one text part": HumanMessage([{"type": "text", "text": "a"}]),
    "a bare string in a list": HumanMessage(["a", {"type": "text", "text": "b"}, "c"]),
    "a text part with more": HumanMessage([{"type": "text", "text": "a", "annotations": [{"x": 1}], "id": "t"}]),
    "an image by URL": HumanMessage([{"type": "image_url", "image_url": {"url": "https://x.test/i.png"}}]),
    "standard blocks": HumanMessage(
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
            {"type": "file", "url": "https://x.test/f.pdf", "mime_type": "application/pdf"},
            {"type": "audio", "file_id": "f"},
        ]
    ),
    "blocks of strange types": HumanMessage([{"type": "text", "text": 7}, {"type": ""}, {"no": "type"}, {"type": 1}]),
    "bytes": HumanMessage([{"type": "media", "data": b"\x00\xff", "$bytes": {"$bytes": "x"}}]),
    "all its fields": HumanMessage("a", id="h1", name="Ana", additional_kwargs={"x": {"y": "é"}}, own=[1]),
    "all its fields, in parts": HumanMessage(["a", "b"], id="h1", name="Ana", additional_kwargs={"x": [1]}),
    "a chunk": HumanMessageChunk(content="a"),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_human_message_is_the_same_on_every_device(message: HumanMessage) -> None:
    event = CODEC.to_input(message)
    deliveries = written(event)
    expected = HumanMessage(**{**dict(message), **(message.__pydantic_extra__ or {}), "type": "human"})
    assert [
        HumanMessage(**{**dict(m), **(m.__pydantic_extra__ or {}), "type": "human"}) for m in optimistic(event).messages
    ] == [expected]
    assert read(deliveries).messages == [expected]
    assert all(transport_headers(delivery.extras)[ROLE] == "user" for delivery in deliveries)


def test_each_part_is_one_wire_message_of_its_own_type() -> None:
    deliveries = written(CODEC.to_input(MESSAGES["standard blocks"]))
    types = [codec_headers(delivery.extras)["partType"] for delivery in deliveries]
    assert types == ["text", "block-image", "block-file", "block-audio"]
    assert deliveries[0].data == "What is this?"


@given(
    st.lists(st.one_of(st.text(), st.fixed_dictionaries({"type": st.sampled_from(["text", "x"]), "text": st.text()})))
)
def test_any_parts_come_back_in_their_order(content: list[Any]) -> None:
    assert read(written(CODEC.to_input(HumanMessage(content)))).messages == [HumanMessage(content)]


SAME = ["hi", ("user", "hi"), ("human", "hi"), {"role": "user", "content": "hi"}, {"type": "human", "content": "hi"}]


@pytest.mark.parametrize("value", SAME, ids=str)
def test_what_langchain_reads_as_a_human_message_may_be_sent(value: Any) -> None:
    assert read(written(CODEC.to_input(value))).messages == [HumanMessage("hi")]


def test_input_events_stay_as_they_are() -> None:
    event = CODEC.create_regenerate("A1", "M1")
    assert CODEC.to_input(event) is event
    assert CODEC.to_input({"kind": "tool-result", "payload": {}}) == {"kind": "tool-result", "payload": {}}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (SystemMessage("be brief"), "a SystemMessage"),
        (AIMessage("hello"), "a AIMessage"),
        (ToolMessage("x", tool_call_id="c"), "a ToolMessage"),
        (("system", "be brief"), "a message of role 'system'"),
        ({"role": "assistant", "content": "x"}, "a message of role 'assistant'"),
        (("user", 7), "a message of role 'user'"),
        (7, "a int"),
        (None, "a NoneType"),
        ([HumanMessage("a")], "a list"),
    ],
)
def test_what_is_no_input_is_named_with_what_to_do(value: Any, named: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        CODEC.to_input(value)
    assert f"codec 'langchain' cannot send {named} as an input; pass a string, a HumanMessage" in str(caught.value)


def test_a_user_message_needs_a_message() -> None:
    with pytest.raises(InvalidArgumentError, match="must be a HumanMessage, not str"):
        written({"kind": "user-message", "message": "hi"})
    with pytest.raises(InvalidArgumentError, match="cannot send a AIMessage"):
        CODEC.create_user_message(AIMessage("x"))


def test_a_regenerate_is_only_headers() -> None:
    [delivery] = written(CODEC.create_regenerate("A1", "M1"))
    assert codec_headers(delivery.extras) == {"kind": "regenerate"}
    assert read([delivery]).messages == []


def factory(name: str) -> Any:
    found = getattr(CODEC, name)
    assert found is not None
    return found


def test_a_tool_result_of_the_client_is_a_tool_message() -> None:
    payload = {
        "tool_call_id": "c1",
        "content": [{"type": "text", "text": "12 °C"}],
        "name": "weather",
        "artifact": {"x": 1},
    }
    projection = read(written(factory("create_tool_result")("A1", payload), "A1"))
    expected = ToolMessage([{"type": "text", "text": "12 °C"}], tool_call_id="c1", name="weather", artifact={"x": 1})
    assert projection.messages == [expected]
    assert [entry.id for entry in projection.entries] == ["A1/c1"]


def test_results_of_several_calls_of_one_message_stand_beside_each_other() -> None:
    make = factory("create_tool_result")
    deliveries = [*written(make("A1", {"tool_call_id": "c1", "content": "1"}), "A1")]
    deliveries += written(make("A1", {"tool_call_id": "c2", "content": "2"}), "A1")
    assert [message.content for message in read(deliveries).messages] == ["1", "2"]


def test_a_failed_tool_of_the_client_is_a_tool_message_with_the_error() -> None:
    event = factory("create_tool_result_error")("A1", {"tool_call_id": "c1", "message": "no camera"})
    assert read(written(event, "A1")).messages == [ToolMessage("no camera", tool_call_id="c1", status="error")]


def test_an_approval_is_noted_and_a_denial_answers_the_call() -> None:
    make = factory("create_tool_approval_response")
    approved = read(written(make("A1", {"tool_call_id": "c1", "approved": True, "reason": "fine"}), "A1"))
    assert approved.messages == []
    assert approved.approvals == {"c1": {"approved": True, "reason": "fine"}}
    denied = read(written(make("A1", {"tool_call_id": "c1", "approved": False, "reason": "too dear"}), "A1"))
    assert denied.messages == [ToolMessage("too dear", tool_call_id="c1", status="error")]
    silent = read(written(make("A1", {"tool_call_id": "c1", "approved": False}), "A1"))
    [message] = silent.messages
    assert message.content == "The user did not approve this tool call."


def test_folding_changes_no_event() -> None:
    first, second = (CODEC.to_input(HumanMessage([text])) for text in "ab")
    projection = optimistic(first)
    CODEC.fold_input(projection, second, FoldMeta("", "M1"))
    assert projection.messages == [HumanMessage(["a", "b"])]
    messages: list[BaseMessage] = [first["message"], second["message"]]
    assert messages == [HumanMessage(["a"]), HumanMessage(["b"])]


def test_without_an_id_of_the_wire_the_messages_own_counts() -> None:
    event = CODEC.to_input(HumanMessage("a", id="h"))
    assert [entry.id for entry in CODEC.fold_input(CODEC.init(), event, FoldMeta()).entries] == ["h"]
    assert CODEC.fold_input(CODEC.init(), CODEC.to_input("a"), FoldMeta()).messages == []
