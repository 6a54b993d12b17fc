"""What users may send: text, images, files, messages; and how it travels."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs import InvalidArgumentError
from ai_transport_codecs.codecs.openai.responses import CODEC, model_input
from ai_transport_codecs.wire.headers import codec_headers, transport_headers
from tests.codecs.openai.responses.wire import kind_of, live, only, write_inputs

IMAGE = {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}
FILE = {"type": "input_file", "file_id": "file_1"}
TEXT = {"type": "input_text", "text": "what is this?"}


def held(value: Any) -> Any:
    """The one item that readers hold of what was sent."""
    [item] = only(write_inputs(CODEC.to_input(value)))["items"]
    return item


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("hello", [{"type": "input_text", "text": "hello"}]),
        ("", [{"type": "input_text", "text": ""}]),
        (IMAGE, [IMAGE]),
        ([TEXT, IMAGE, "and", FILE], [TEXT, IMAGE, {"type": "input_text", "text": "and"}, FILE]),
        ({"role": "user", "content": "hi"}, [{"type": "input_text", "text": "hi"}]),
        ({"type": "message", "role": "user", "content": [FILE, TEXT]}, [FILE, TEXT]),
        ({"role": "user", "items": [{"type": "message", "role": "user", "content": [TEXT, IMAGE]}]}, [TEXT, IMAGE]),
        ({"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}, None),
        ({**TEXT, "prompt_cache_breakpoint": {"type": "auto"}}, None),
    ],
)
def test_what_is_sent_is_what_readers_hold(value: Any, content: Any) -> None:
    assert held(value) == {"type": "message", "role": "user", "content": [value] if content is None else content}


def test_create_user_message_takes_images_too() -> None:
    message: Any = {"role": "user", "items": [{"type": "message", "role": "user", "content": [TEXT, IMAGE]}]}
    assert live(write_inputs(CODEC.create_user_message(message))).messages == [message]


def test_text_alone_travels_as_the_reference_sends_it() -> None:
    assert CODEC.to_input("hi") == {
        "kind": "user-message",
        "message": {
            "role": "user",
            "items": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        },
    }
    [sent] = write_inputs(CODEC.to_input("hi"))
    assert codec_headers(sent.extras) == {"kind": "user-message", "partType": "input_text"}
    assert sent.data == "hi"


def test_a_reference_reader_sees_the_text_beside_an_image() -> None:
    sent = write_inputs(CODEC.to_input([TEXT, IMAGE]))
    assert {kind_of(part) for part in sent} == {"user-message"}
    known = [part for part in sent if not codec_headers(part.extras)["partType"].startswith("x-")]
    assert only(known)["items"][0]["content"] == [TEXT]


def test_a_developers_message_keeps_its_role() -> None:
    sent = write_inputs(CODEC.to_input({"role": "developer", "content": "be brief"}))
    assert transport_headers(sent[0].extras)["role"] == "developer"
    assert only(sent)["role"] == "developer"


def test_an_image_in_an_input_made_by_hand_is_refused_with_the_way_to_send_it() -> None:
    by_hand = {"kind": "user-message", "message": {"items": [{"type": "message", "content": [IMAGE]}]}}
    with pytest.raises(InvalidArgumentError, match=r"'input_image' in an input made by hand.*codec\.to_input"):
        write_inputs(by_hand)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (7, "cannot send a int; pass text, a content part"),
        ({}, "a mapping with"),
        (
            {"type": "function_call_output", "call_id": "c", "output": ""},
            "type='function_call_output'.*create_tool_result",
        ),
        ({"role": "assistant", "content": "x"}, "role 'assistant'; a user's message has one of"),
        ({"role": "user", "content": 3}, "whose content is a int"),
        ({"role": "user", "items": []}, "exactly one item, not a list of 0"),
        ({"role": "user", "items": [{"type": "reasoning"}]}, "an item of type 'reasoning'.*create_tool_result"),
        ([{"type": "output_text", "text": "x"}], "type='output_text' as a content part"),
        ([{"type": "input_text", "text": None}], "input_text part whose text is a NoneType"),
    ],
)
def test_anything_else_is_refused(value: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says) as caught:
        CODEC.to_input(value)
    assert caught.value.code == 40003


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"items": []}, r"got 0 item\(s\)"),
        ({"items": [{"type": "message"}, {"type": "message"}]}, r"got 2 item\(s\)"),
        ({"items": [{"type": "message", "content": "text"}]}, "must be a list of parts, not str"),
        (None, r"got 0 item\(s\)"),
    ],
)
def test_the_encoder_refuses_messages_that_are_none(message: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        write_inputs({"kind": "user-message", "message": message})


def test_what_was_sent_is_input_for_the_model() -> None:
    assert model_input(live(write_inputs(CODEC.to_input([TEXT, IMAGE]))).messages) == [
        {"type": "message", "role": "user", "content": [TEXT, IMAGE]}
    ]
