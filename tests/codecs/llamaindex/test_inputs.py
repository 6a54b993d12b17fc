"""What users send: messages with all their blocks, answers to requests, answers to tool calls; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.workflow import HumanResponseEvent

from ai_transport_codecs import InvalidArgumentError
from ai_transport_codecs.codec.contract import FoldMeta, WriteOptions
from ai_transport_codecs.codecs.llamaindex import CODEC, CarriedEvent, LlamaIndexProjection, human_response
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import MESSAGE_ID, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.llamaindex.models import dynamic
from tests.codecs.llamaindex.wire import Log


def sent(*values: Any, target: str = "M") -> LlamaIndexProjection:
    """What an agent holds after a client sent these."""
    log, encoder, decoder, projection = Log(), CODEC.create_encoder(), CODEC.create_decoder(), CODEC.init()
    for number, value in enumerate(values):
        message_id = target if "payload" in value else f"u{number}"
        log.write(encoder.encode_input(value, WriteOptions(message_id=message_id)))
    for delivery in log.deliveries:
        meta = FoldMeta(delivery.serial or "", transport_headers(delivery.extras).get(MESSAGE_ID))
        for event in decoder.decode(delivery).inputs:
            projection = CODEC.fold_input(projection, event, meta)
    return projection


PNG = b"\x89PNG\r\n\x1a\nxx"


@pytest.mark.parametrize(
    "message",
    [
        ChatMessage("Lisbon?"),
        ChatMessage([]),
        ChatMessage([TextBlock(text="What "), TextBlock(text="is this?"), ImageBlock(image=PNG, detail="low")]),
        ChatMessage([ImageBlock(url="https://example.com/a.png")]),
        ChatMessage(
            [AudioBlock(audio=b"RIFF....WAVE", format="wav"), VideoBlock(video=b"....", video_mimetype="video/mp4")]
        ),
        ChatMessage([DocumentBlock(data=b"%PDF-1.4", title="a.pdf")]),
        ChatMessage("hi", additional_kwargs={"name": "Ann", "seal": b"\x00\xff", "$text": ["1"]}),
    ],
    ids=["text", "nothing", "blocks", "url", "sound and film", "document", "kwargs"],
)
def test_a_users_message_arrives_as_it_is(message: ChatMessage) -> None:
    assert sent(CODEC.to_input(message)).messages == [message]


def test_strings_and_lists_of_blocks_are_messages() -> None:
    blocks = [TextBlock(text="see: "), ImageBlock(image=PNG)]
    assert sent(CODEC.to_input("hi"), CODEC.to_input(blocks)).messages == [ChatMessage("hi"), ChatMessage(blocks)]


def test_an_open_file_is_sent_with_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        [message] = sent(CODEC.to_input([ImageBlock(image=file)])).messages
    assert message == ChatMessage([ImageBlock(image=PNG)])


def test_a_files_path_is_refused_since_no_agent_could_open_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with pytest.raises(
        InvalidArgumentError, match=r"cannot send a ImageBlock with a path, .* pass the file's bytes or a URL"
    ):
        CODEC.to_input([ImageBlock(path=path)])


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (ChatMessage("x", role="system"), "a ChatMessage of role 'system'"),
        (ChatMessage("x", role="assistant"), "a ChatMessage of role 'assistant'"),
        (42, "a int"),
        ([], "a list"),
        ({"role": "user"}, "a dict"),
    ],
)
def test_what_is_no_input_is_refused_with_what_to_send_instead(value: Any, named: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        CODEC.to_input(value)
    assert str(refused.value).startswith(
        f"codec 'llamaindex' cannot send {named} as an input; pass a string, a ChatMessage"
    )


def test_an_event_whose_message_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"must be a ChatMessage, not str, use codec\.to_input"):
        CODEC.create_encoder().encode_input({"kind": "user-message", "message": "hi"})


def test_an_answer_to_a_request_is_data_by_the_name_of_its_type() -> None:
    class Approved(HumanResponseEvent):
        by: str

    projection = sent(human_response("M", dynamic(Approved, by="Ann", response="yes")))
    assert projection.messages == []
    assert projection.answers == [CarriedEvent("human-response", "Approved", {"by": "Ann", "response": "yes"}, "M")]
    assert sent(CODEC.to_input(dynamic(HumanResponseEvent, response="no"))).answers[0].data == {"response": "no"}


def result(content: Any) -> Any:
    assert CODEC.create_tool_result is not None
    return CODEC.create_tool_result("M", {"tool_call_id": "c", "tool_name": "f", "content": content})


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        ("done", [TextBlock(text="done")]),
        ({"a": [1, None]}, [TextBlock(text='{"a":[1,null]}')]),
        ([TextBlock(text="see"), ImageBlock(image=PNG)], [TextBlock(text="see"), ImageBlock(image=PNG)]),
        (ImageBlock(image=PNG), [ImageBlock(image=PNG)]),
    ],
    ids=["text", "data", "blocks", "block"],
)
def test_a_tools_result_is_a_message_of_the_tool(content: Any, blocks: list[Any]) -> None:
    expected = ChatMessage(role="tool", blocks=blocks, additional_kwargs={"tool_call_id": "c"})
    assert sent(result(content)).messages == [expected]


def test_failures_and_refusals_of_tool_calls_are_messages_of_the_tool() -> None:
    assert CODEC.create_tool_result_error is not None
    assert CODEC.create_tool_approval_response is not None
    failed = CODEC.create_tool_result_error("M", {"tool_call_id": "c1", "message": "no network"})
    approved = CODEC.create_tool_approval_response("M", {"tool_call_id": "c2", "approved": True})
    refused = CODEC.create_tool_approval_response("M", {"tool_call_id": "c3", "approved": False, "reason": "too dear"})
    projection = sent(failed, approved, refused)
    assert [(message.role, message.content) for message in projection.messages] == [
        (MessageRole.TOOL, "no network"),
        (MessageRole.TOOL, "too dear"),
    ]
    assert projection.approvals == {
        "c2": {"approved": True, "reason": None},
        "c3": {"approved": False, "reason": "too dear"},
    }


def received(part_type: str, data: Any, **headers: str) -> list[ChatMessage]:
    """What an agent makes of one crafted part of a user's message."""
    codec = {"kind": "user-message", "partType": part_type, **headers}
    extras = {"ai": {"transport": {MESSAGE_ID: "u", "stream": "false"}, "codec": codec}}
    projection = CODEC.init()
    decoded = CODEC.create_decoder().decode(InboundMessage(names.CREATE, "1", "1", 0, names.INPUT, data, extras))
    for event in decoded.inputs:
        projection = CODEC.fold_input(projection, event, FoldMeta("1", "u"))
    return projection.messages


def test_a_stranger_cannot_make_an_agent_open_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNG)
    [image] = received("block-image", {"block_type": "image", "path": str(secret), "detail": "x"})[0].blocks
    assert isinstance(image, ImageBlock)
    assert (image.path, image.image, image.detail) == (None, None, "x")
    [image] = received("block-image", {"block_type": "image", "url": f"file://{secret}"})[0].blocks
    assert isinstance(image, ImageBlock)
    assert image.url is None
    cited: dict[str, Any] = {"block_type": "citation", "title": "t", "source": "s", "additional_location_info": {}}
    cited["cited_content"] = [{"block_type": "image", "path": str(secret)}]
    [citation] = received("block-citation", cited)[0].blocks
    assert "secret" not in citation.model_dump_json()
    inner = {"block_type": "document", "path": str(secret), "title": "t"}
    [citable] = received("block-citable", {"block_type": "citable", "title": "t", "source": "s", "content": [inner]})[
        0
    ].blocks
    assert "secret" not in citable.model_dump_json()


def test_a_path_that_is_an_argument_of_a_call_is_kept() -> None:
    call = {"block_type": "tool_call", "tool_name": "read", "tool_kwargs": {"path": "a.txt"}, "tool_call_id": "c"}
    [block] = received("block-tool_call", call)[0].blocks
    assert isinstance(block, ToolCallBlock)
    assert block.tool_kwargs == {"path": "a.txt"}


def test_a_stranger_cannot_make_an_agent_load_legacy_images() -> None:
    [message] = received("text", "hi", about='{"images": [{"image_path": "/etc/passwd"}], "a": 1}')
    assert message == ChatMessage("hi", additional_kwargs={"a": 1})


@pytest.mark.parametrize(
    "data",
    [
        None,
        1,
        "x",
        [],
        {},
        {"block_type": "image", "url": 7},
        {"block_type": "new"},
        {"block_type": "tool_call"},
        {"a": {}},
    ],
)
def test_a_malformed_block_is_left_out(data: Any) -> None:
    assert received("block-image", data) in ([], [ChatMessage([])])
