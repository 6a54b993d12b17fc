"""Responses of LLMs, in the manners that integrations have: readers hold the last message, or what is right for it."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import KIND, codec_headers
from tests.codecs.llamaindex.models import CompletionLLM, Manner, Piece, ScriptedLLM, responses
from tests.codecs.llamaindex.wire import Log, joined, live, write_all, write_each

ANSWER = [
    Piece(thinking="The user "),
    Piece(thinking="asks."),
    Piece("Let me "),
    Piece("look."),
    Piece(call="weather-1", args='{"city":'),
    Piece(call="weather-1", args=' "Lisbon"}'),
    Piece(call="time-2", args="{}"),
]
WHOLE = responses(ANSWER)[-1].message
MANNERS: list[Manner] = ["cumulative", "deltas", "no delta", "cumulative without delta"]


def held(items: Any) -> list[ChatMessage]:
    """What a reader holds, who is checked to hold the same at each point of joining."""
    deliveries = write_all(items).deliveries
    found = live(deliveries).messages
    for position in range(len(deliveries) + 1):
        assert joined(deliveries, position).messages == found
    return found


@pytest.mark.parametrize("manner", MANNERS)
def test_readers_hold_the_whole_answer_whatever_the_integration_makes_of_message_and_delta(manner: Manner) -> None:
    assert held(responses(ANSWER, manner)) == [WHOLE]


async def test_an_llm_of_llamaindex_is_read_as_its_last_response() -> None:
    items = [item async for item in await ScriptedLLM(ANSWER).astream_chat([ChatMessage("hi")])]
    assert held(items) == [items[-1].message] == [WHOLE]


async def test_a_model_without_chat_is_read_too() -> None:
    chat = [item async for item in await CompletionLLM("so it is").astream_chat([ChatMessage("hi")])]
    assert held(chat) == [chat[-1].message]
    completion = [item async for item in await CompletionLLM("so it is").astream_complete("hi")]
    assert [type(item) for item in completion] == [CompletionResponse] * 3
    assert held(completion) == [ChatMessage("so it is", role="assistant")]


def test_the_delta_goes_on_the_wire_and_never_the_cumulative_message() -> None:
    words = [f"word{number} " for number in range(400)]
    deliveries = write_all(responses([Piece(word) for word in words])).deliveries
    appends = [delivery.data for delivery in deliveries if delivery.action == names.APPEND]
    assert appends == [*words, ""]
    assert sum(len(json.dumps(delivery.data)) for delivery in deliveries) < 2 * len("".join(words))


def test_text_thinking_and_arguments_are_streams_and_the_end_repeats_none_of_them() -> None:
    deliveries = write_all(responses(ANSWER)).deliveries
    created = [
        (codec_headers(delivery.extras)[KIND], delivery.data)
        for delivery in deliveries
        if delivery.action == names.CREATE
    ]
    streams = [("thinking", ""), ("text", ""), ("tool-call", ""), ("tool-call", "")]
    assert created == [("message", {}), *streams, ("message-end", {})]


def test_an_unfinished_answer_is_a_message_with_what_came_and_arguments_as_text() -> None:
    log = Log()
    for _, _ in zip(range(5), write_each(log, responses(ANSWER)), strict=False):
        pass
    projection = live(log.deliveries)
    [message] = projection.messages
    assert [type(block) for block in message.blocks] == [ThinkingBlock, TextBlock, ToolCallBlock]
    [*_, call] = message.blocks
    assert isinstance(call, ToolCallBlock)
    assert (call.tool_call_id, call.tool_name, call.tool_kwargs) == ("weather-1", "weather", '{"city":')
    assert not projection.is_complete("id-m1")


def test_arguments_that_never_become_json_stay_text() -> None:
    script = responses([Piece(call="weather-1", args='{"city": Lis')])
    [message] = held(script)
    assert message == script[-1].message
    [call] = message.blocks
    assert isinstance(call, ToolCallBlock)
    assert call.tool_kwargs == '{"city": Lis'


def test_arguments_that_an_integration_parses_travel_once() -> None:
    kwargs = {"city": "Lisbon", "days": [1, 2]}
    message = ChatMessage(blocks=[ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs=kwargs)], role="assistant")
    assert held([ChatResponse(message=message, delta="")]) == [message]


def test_two_calls_of_one_response_are_two_calls() -> None:
    assert len(held(responses(ANSWER))[0].blocks) == 4


def test_thinking_that_the_last_message_forgets_stays() -> None:
    """LlamaIndex's own result is wrong here: some integrations give thinking in deltas, and forget it."""
    forgetful = responses(ANSWER[:4])
    for response in forgetful:
        response.message.blocks = [block for block in response.message.blocks if isinstance(block, TextBlock)]
    [message] = held(forgetful)
    assert message.blocks == [ThinkingBlock(content="The user asks."), TextBlock(text="Let me look.")]


def test_an_answer_whose_last_message_is_empty_stays() -> None:
    """LlamaIndex's own result is wrong here: the Responses LLM ends an incomplete answer with no blocks at all."""
    items = [*responses(ANSWER, "deltas"), ChatResponse(message=ChatMessage(role="assistant", blocks=[]), delta="")]
    assert held(items) == [WHOLE]


def test_blocks_that_only_the_last_message_has_are_kept() -> None:
    items = responses(ANSWER)
    items[-1].message.blocks.insert(1, ImageBlock(image=b"\x89PNG\r\n\x1a\nxx", detail="high"))
    assert held(items) == [items[-1].message]


def test_thinking_in_blocks_keeps_what_providers_put_beside_it() -> None:
    """As OpenAI's Responses LLM gives reasoning: whole, in pieces of its own, and again at the end."""
    thinking = ThinkingBlock(content="hm", additional_information={"id": "rs_1", "encrypted_content": "gAAA"})
    final = ChatMessage(role="assistant", blocks=[thinking, TextBlock(text="So.")])
    items = [
        ChatResponse(message=ChatMessage(role="assistant", blocks=[thinking]), delta=""),
        ChatResponse(message=ChatMessage(role="assistant", blocks=[TextBlock(text="So.")]), delta="So."),
        ChatResponse(message=final, delta=""),
    ]
    assert held(items) == [final]
    assert held(items[:-1]) == [final]


def test_a_message_that_strips_or_cuts_its_text_into_blocks_is_kept_as_it_is() -> None:
    stripped = responses([Piece(" so "), Piece("it is ")])
    stripped[-1].message.blocks = [TextBlock(text="so it is")]
    assert held(stripped) == [ChatMessage("so it is", role="assistant")]
    cut = responses([Piece("one"), Piece("two")])
    cut[-1].message.blocks = [TextBlock(text="one"), TextBlock(text="two")]
    assert held(cut) == [cut[-1].message]


@pytest.mark.parametrize("manner", MANNERS)
def test_text_goes_on_after_thinking(manner: Manner) -> None:
    pieces = [Piece("one "), Piece(thinking="hm"), Piece("two, which is longer")]
    [message] = held(responses(pieces, manner))
    texts = [block.text for block in message.blocks if isinstance(block, TextBlock)]
    assert "".join(texts) == "one two, which is longer"


def test_objects_of_a_provider_in_additional_kwargs_become_plain_data() -> None:
    class Function(TextBlock):
        arguments: str = '{"a": 1}'

    call = ToolCallBlock(tool_call_id="f-1", tool_name="f", tool_kwargs='{"a": 1}')
    [*_, last] = items = responses([Piece(call="f-1", args='{"a":'), Piece(call="f-1", args=" 1}")])
    last.message = ChatMessage(
        role="assistant",
        blocks=[call],
        additional_kwargs={"tool_calls": [{"id": "f-1", "function": Function(text="")}]},
    )
    [message] = held(items)
    assert message.blocks == [call]
    [raw] = message.additional_kwargs["tool_calls"]
    assert (raw["id"], raw["function"]["arguments"]) == ("f-1", '{"a": 1}')
    # The arguments travel once, in their stream.
    end = write_all(items).deliveries[-1]
    assert '\\"a\\"' not in json.dumps(end.data)


def test_what_json_cannot_carry_is_left_out_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    items = responses([Piece("so")])
    items[-1].message.additional_kwargs = {"client": object(), "picture": b"\x00\x01", "n": float("nan"), "ok": 1}
    with caplog.at_level(logging.WARNING):
        [message] = held(items)
    assert message.additional_kwargs == {"picture": b"\x00\x01", "ok": 1}
    assert [record.getMessage() for record in caplog.records if "client" in record.getMessage()][:1] == [
        "left additional_kwargs.client out of the stream: JSON cannot carry it (object); readers will not see it"
    ]


def test_of_raw_only_counts_and_why_it_ended_are_said() -> None:
    usage = SimpleNamespace(prompt_tokens=9, completion_tokens=2, details=SimpleNamespace(cached_tokens=4), key="sk-1")
    raws: list[Any] = [
        {"id": "r1", "model": "gpt", "choices": [{"delta": {"content": "secret"}, "finish_reason": None}]},
        SimpleNamespace(id="r1", model="gpt", choices=[SimpleNamespace(finish_reason="stop")], usage=None),
        SimpleNamespace(id="r1", model="gpt", choices=[], usage=usage),
    ]
    deliveries = write_all(responses([Piece("so", raw=raw) for raw in raws])).deliveries
    assert live(deliveries).metadata("id-m1") == {
        "id": "r1",
        "model": "gpt",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "details": {"cached_tokens": 4}},
    }
    assert "secret" not in str(deliveries)
    assert "sk-1" not in str(deliveries)


def test_token_counts_beside_the_message_are_said() -> None:
    items = responses([Piece("so")])
    items[-1].additional_kwargs = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4, "other": "x"}
    assert live(write_all(items).deliveries).metadata("id-m1") == {
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    }


def test_a_source_may_change_what_it_yielded_afterwards() -> None:
    items = responses(ANSWER)

    def mutating() -> Any:
        for item in items:
            yield item
            if item is not items[-1]:
                item.message.blocks.clear()
                item.delta = "other"

    assert held(list(responses(ANSWER))) == live(write_all(mutating()).deliveries).messages


def test_whole_messages_and_text_between_responses_are_messages_of_their_own() -> None:
    tool = ChatMessage("Sunny", role="tool", additional_kwargs={"tool_call_id": "weather-1"})
    assert held([*responses(ANSWER), tool, *responses([Piece("It is "), Piece("sunny")]), "so ", "long"]) == [
        WHOLE,
        tool,
        ChatMessage("It is sunny", role="assistant"),
        ChatMessage("so long", role="assistant"),
    ]


def test_data_too_long_for_one_message_is_streamed() -> None:
    image = ImageBlock(image=b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400)
    items = [*responses([Piece("look: ")]), ChatResponse(message=ChatMessage(role="assistant"), delta="")]
    items[-1].message.blocks = [TextBlock(text="look: "), image]
    deliveries = write_all(items).deliveries
    assert held(items) == [items[-1].message]
    assert [codec_headers(each.extras)[KIND] for each in deliveries if isinstance(each.data, str)][-1] == "value"
    assert all(len(json.dumps(each.data)) < 2000 for each in deliveries if not isinstance(each.data, str))
