"""What users send, and what they are told when it cannot be sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub, SessionSendError
from ai_transport_codecs.codec.contract import FoldMeta, WriteOptions
from ai_transport_codecs.codecs.openai.chat import CODEC, ChatMessage, ChatProjection
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.headers import MESSAGE_ID, transport_headers
from tests.codecs.openai.chat.wire import Log


def sent(*events: Any, message_id: str = "m1") -> ChatProjection:
    """What a reader holds of inputs."""
    log = Log()
    encoder, decoder, projection = CODEC.create_encoder(), CODEC.create_decoder(), CODEC.init()
    for event in events:
        log.write(encoder.encode_input(event, WriteOptions(message_id=message_id)))
    for delivery in log.deliveries:
        meta = FoldMeta(delivery.serial or "", transport_headers(delivery.extras).get(MESSAGE_ID))
        for event in decoder.decode(delivery).inputs:
            projection = CODEC.fold_input(projection, event, meta)
    return projection


PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "What is this?"},
    {"type": "text", "text": "", "cache_control": {"type": "ephemeral"}},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
    {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
    {"type": "file", "file": {"file_id": "file-1"}},
    {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": "", "name": "Ada"},
        {"role": "user", "content": []},
        {"role": "user", "content": PARTS},
        {"role": "user", "content": PARTS[:1]},
        {"role": "user", "content": PARTS[2:3], "name": "Ada"},
    ],
)
def test_a_user_message_arrives_as_it_was_sent(message: ChatMessage) -> None:
    assert sent(CODEC.to_input(message)).messages == [message]
    assert sent(CODEC.create_user_message(message)).messages == [message]


def test_a_string_is_a_user_message() -> None:
    assert sent(CODEC.to_input("Hi")).messages == [{"role": "user", "content": "Hi"}]


@given(st.lists(st.sampled_from(PARTS), max_size=4))
def test_any_mix_of_parts_arrives(parts: list[dict[str, Any]]) -> None:
    assert sent(CODEC.to_input({"role": "user", "content": parts})).messages == [{"role": "user", "content": parts}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "cannot send a int as an input; pass a string, or a user message as a dictionary"),
        (
            {"role": "system", "content": "x"},
            "a message of role 'system' as an input; instructions belong to the agent",
        ),
        ({"role": "assistant", "content": "x"}, "of role 'assistant' as an input; the agent writes the answers"),
        ({"role": "tool", "content": "x"}, "send a result with codec.create_tool_result(message_id, {'tool_call_id'"),
        ({"role": "user"}, "a user message whose content is a NoneType; pass text, or a list of parts"),
        ({"role": "user", "content": ["x"]}, "cannot send a part that is a str; the parts of a user message are"),
        ({"role": "user", "content": [{"text": "x"}]}, "cannot send a part without a 'type'"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "a part of type 'image_url' without 'image_url'"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_what_to_do(value: Any, text: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        CODEC.to_input(value)
    assert text in str(caught.value)
    assert "codec 'openai-chat'" in str(caught.value)


def test_results_of_calls_are_tool_messages() -> None:
    make, fail, approve = CODEC.create_tool_result, CODEC.create_tool_result_error, CODEC.create_tool_approval_response
    assert make
    assert fail
    assert approve
    parts = [{"type": "text", "text": "rain"}]
    projection = sent(
        make("m1", {"tool_call_id": "a", "content": "sun"}),
        make("m1", {"tool_call_id": "b", "content": {"degrees": 20}}),
        make("m1", {"tool_call_id": "c", "content": parts}),
        fail("m1", {"tool_call_id": "d", "message": "no such city"}),
        approve("m1", {"tool_call_id": "e", "approved": False, "reason": "too dear"}),
        approve("m1", {"tool_call_id": "f", "approved": True}),
        approve("m1", {"tool_call_id": "g", "approved": False}),
    )
    assert [(message["tool_call_id"], message["content"]) for message in projection.messages] == [
        ("a", "sun"),
        ("b", '{"degrees":20}'),
        ("c", parts),
        ("d", "no such city"),
        ("e", "too dear"),
        ("g", "The user did not approve this tool call."),
    ]
    assert projection.approvals["f"] == {"approved": True, "reason": None}


@pytest.mark.parametrize("call_id", [None, 7, "", ["a"], {"id": "a"}], ids=str)
def test_an_answer_to_no_call_is_ignored(call_id: Any) -> None:
    answers: list[tuple[str, dict[str, Any]]] = [
        ("tool-result", {"content": "sun"}),
        ("tool-result-error", {"message": "no such city"}),
        ("tool-approval-response", {"approved": True}),
        ("tool-approval-response", {"approved": False}),
    ]
    projection = CODEC.init()
    for kind, payload in answers:
        event: Any = {"kind": kind, "payload": {**payload, "tool_call_id": call_id}}
        projection = CODEC.fold_input(projection, event, FoldMeta("1", "m1"))
    assert projection.messages == []
    assert projection.approvals == {}


async def test_a_data_url_that_is_too_large_for_the_channel_is_refused_with_the_limit() -> None:
    hub = MemoryHub()
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 80_000}}
    async with (
        AgentSession[ChatMessage](hub.client("agent"), "chat", codec="openai-chat"),
        ClientSession[ChatMessage](hub.client("alice"), "chat", codec="openai-chat") as device,
    ):
        with pytest.raises(SessionSendError, match="65536"):
            await device.view.send({"role": "user", "content": [image]})
        assert device.view.messages == []
