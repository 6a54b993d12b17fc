"""Nothing is lost in silence, between any two frameworks."""

from __future__ import annotations

import copy
import json
from importlib.util import find_spec
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.convert import Loss, Losses, Message, convert, from_neutral, to_neutral
from ai_transport_codecs.convert.blocks import Media, Reasoning, Text, ToolCall, ToolResult, Usage
from ai_transport_codecs.errors import InvalidArgumentError, MissingExtraError
from tests.convert.conversations import conversations, normal

NEEDS: Final = {"langchain": "langchain_core", "llamaindex": "llama_index"}
FORMATS: Final = [
    name
    for name in ("langchain", "llamaindex", "openai-chat", "openai-responses", "vercel")
    if name not in NEEDS or find_spec(NEEDS[name]) is not None
]
every_format: Final = pytest.mark.parametrize("name", FORMATS)


@every_format
@given(conversation=conversations())
@settings(max_examples=150)
def test_what_is_not_listed_as_lost_is_there(name: str, conversation: list[Message]) -> None:
    written, losses = from_neutral(conversation, to=name)
    lossy = {loss.message for loss in losses}
    kept = [message for index, message in enumerate(conversation) if index not in lossy]
    if lossy:
        written, losses = from_neutral(kept, to=name)
    if losses:  # what is left may still lose something, such as a result whose call is gone
        return
    read, unread = to_neutral(written, source=name)
    assert unread == []
    assert normal(read) == normal(kept)


@every_format
@given(conversation=conversations())
@settings(max_examples=100)
def test_what_is_written_is_plain_and_losses_name_their_message(name: str, conversation: list[Message]) -> None:
    before = copy.deepcopy(conversation)
    written, losses = from_neutral(conversation, to=name)
    assert conversation == before
    assert all(0 <= loss.message < len(conversation) for loss in losses)
    assert all(loss.what and loss.why for loss in losses)
    assert len(set(losses)) == len(losses)
    if name not in NEEDS:
        json.dumps(written)


@pytest.mark.parametrize("to", FORMATS)
@every_format
@given(conversation=conversations(), rest=st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_there_and_back_again_is_the_same_or_says_why(
    name: str, to: str, conversation: list[Message], rest: Any
) -> None:
    """Of two formats, what both can hold comes back as it was."""
    first, _ = from_neutral(conversation, to=name)
    there = convert(first, to=to)
    back = convert(there.messages, to=name)
    if not there.losses and not back.losses:
        again, _ = to_neutral(back.messages, source=name)
        original, _ = to_neutral(first, source=name)
        assert normal(again) == normal(original)


PLAIN: Final = [
    Message("system", (Text("Be brief."),)),
    Message("user", (Text("What is the weather in Rome?"),)),
    Message("assistant", (Text("Let me look."), ToolCall("c1", "weather", {"city": "Rome"}))),
    Message("tool", (ToolResult("c1", "sunny"),)),
    Message("assistant", (Text("It is sunny."),)),
    Message("user", (Text("Thanks!"),)),
]


@every_format
def test_an_ordinary_conversation_loses_nothing(name: str) -> None:
    written, losses = from_neutral(PLAIN, to=name)
    assert losses == []
    read, unread = to_neutral(written)
    assert unread == []
    with_names = [block.name for message in read for block in message.blocks if isinstance(block, ToolResult)]
    assert with_names in ([None], ["weather"])
    assert [message.role for message in read] == [message.role for message in PLAIN]
    assert [block for message in read for block in message.blocks if isinstance(block, Text | ToolCall)] == [
        block for message in PLAIN for block in message.blocks if isinstance(block, Text | ToolCall)
    ]


def test_a_ui_message_becomes_chat_messages_and_says_what_was_lost() -> None:
    answer = {
        "id": "m2",
        "role": "assistant",
        "metadata": {"usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}, "mood": "good"},
        "parts": [
            {"type": "step-start"},
            {"type": "reasoning", "text": "Rome it is."},
            {
                "type": "tool-weather",
                "toolCallId": "c1",
                "state": "output-available",
                "input": {"city": "Rome"},
                "output": {"sky": "blue"},
            },
            {"type": "step-start"},
            {"type": "text", "text": "Blue."},
            {"type": "data-map", "data": {"lat": 41.9}},
        ],
    }
    messages, losses = convert([answer], to="openai-chat")
    assert messages == [
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Rome it is.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"sky": "blue"}'},
        {"role": "assistant", "content": "Blue."},
    ]
    assert {loss.what for loss in losses} == {
        "metadata.mood", "usage", "tool name", "tool output structure", "Data"
    }  # fmt: skip
    assert all(loss.message == 0 for loss in losses)


def test_messages_of_the_same_framework_stay_as_they_are() -> None:
    message = {"role": "user", "content": "hi", "extra": 1}
    converted, losses = convert([message], to="openai-chat")
    assert converted == [message]
    assert converted[0] is message
    assert losses == []


def test_a_message_without_an_id_gets_the_one_of_the_wire() -> None:
    entry = CodecMessage("cmid-1", {"role": "user", "content": "hi"})
    [message], losses = convert((each for each in [entry]), to="vercel")
    assert message == {"id": "cmid-1", "role": "user", "parts": [{"type": "text", "text": "hi"}]}
    assert losses == []


def test_a_loss_names_the_message_that_was_given() -> None:
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho", "mood": "good"}]
    assert convert(chat, to="vercel").losses == [Loss(1, "message.mood", "the neutral form has no place for it")]


class Shouting:
    """A converter of somebody else's framework, whose messages are upper-case strings."""

    @staticmethod
    def read(message: Any, losses: Losses) -> list[Message]:
        return [Message("user", (Text(message.lower()),))]

    @staticmethod
    def write(messages: Any, losses: Losses) -> list[str]:
        found = []
        for losses.index, message in enumerate(messages):
            for block in message.blocks:
                if isinstance(block, Text):
                    found.append(block.text.upper())
                else:
                    losses.note(type(block).__name__, "it cannot be shouted")
        return found


def test_a_framework_of_ones_own() -> None:
    shouted = convert([{"role": "assistant", "reasoning": "hm", "content": "ho"}], to=Shouting)
    assert shouted.messages == ["HO"]
    assert shouted.losses == [Loss(0, "Reasoning", "it cannot be shouted")]
    assert convert(["HI"], source=Shouting, to="openai-chat").messages == [{"role": "user", "content": "hi"}]


def test_wrong_input_says_what_to_do() -> None:
    with pytest.raises(InvalidArgumentError, match="no converter for 'yaml', only for langchain, llamaindex, openai"):
        convert([{"role": "user", "content": "hi"}], to="yaml")
    with pytest.raises(InvalidArgumentError, match=r"a int is no message of langchain, .*pass source="):
        convert([7], to="vercel")
    with pytest.raises(InvalidArgumentError, match="a dict is no message of"):
        convert([{"text": "hi"}], to="vercel")
    assert convert([], to="vercel") == ([], [])


@pytest.mark.parametrize("name", [name for name in NEEDS if name not in FORMATS])
def test_a_framework_that_is_not_installed_says_what_to_install(name: str) -> None:
    with pytest.raises(MissingExtraError, match=rf"pip install 'ai-transport-codecs\[{name}\]'"):
        convert([{"role": "user", "content": "hi"}], to=name)


JUNK: Final[tuple[Any, ...]] = (None, 7, "x", [], {}, [None], [{}], [7], {"type": 7}, True)


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "vercel"])
@given(random=st.randoms(use_true_random=False), conversation=conversations())
@settings(max_examples=60)
def test_malformed_messages_are_read_as_far_as_they_go(name: str, random: Any, conversation: list[Message]) -> None:
    written, _ = from_neutral(conversation, to=name)
    damaged = json.loads(json.dumps(written))
    for message in damaged:
        _damage(message, random)
    to_neutral(damaged, source=name)


def _damage(value: Any, random: Any) -> None:
    entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, item in entries:
        if random.randrange(5) == 0:
            value[key] = random.choice(JUNK)
        elif isinstance(item, dict | list):
            _damage(item, random)


@every_format
def test_pictures_sounds_and_files_of_a_user(name: str) -> None:
    user = Message(
        "user",
        (
            Text("Look:"),
            Media("image", data="aGk=", media_type="image/png"),
            Media("image", url="https://example.org/a.png"),
            Media("file", data="aGk=", media_type="application/pdf", filename="a.pdf"),
        ),
    )
    written, losses = from_neutral([user], to=name)
    read, _ = to_neutral(written, source=name)
    assert normal(read) == normal([user])
    # A UI message needs a media type, which of an address is not known; the others need none.
    assert [loss.what for loss in losses] == (["media kind"] if name == "vercel" else [])


def test_usage_of_steps_is_summed_and_said_so() -> None:
    steps = [
        Message("assistant", (ToolCall("c", "t"),), usage=Usage(1, 2, 3), model="m", finish_reason="tool-calls"),
        Message("tool", (ToolResult("c", 1),)),
        Message("assistant", (Reasoning("so"), Text("1")), usage=Usage(10, 20, 30), model="m", finish_reason="stop"),
    ]
    [message], losses = from_neutral(steps, to="vercel")
    assert message["metadata"] == {
        "model": "m",
        "finishReason": "stop",
        "usage": {"inputTokens": 11, "outputTokens": 22, "totalTokens": 33},
    }
    assert {loss.what for loss in losses} == {"usage of each step", "finish_reason of each step"}
