"""What the translator takes, field by field, and what it refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from ai_transport_codecs.codecs.openai.chat import CODEC, ChatProjection, from_sse
from ai_transport_codecs.errors import InvalidArgumentError, StreamError, UnsupportedEventError
from tests.codecs.openai.chat.expected import comparable, sdk_chunks
from tests.codecs.openai.chat.wire import Log, live, write_all


def chunk(delta: dict[str, Any] | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """A chunk with one choice; ``fields`` are the choice's others."""
    choice = {"index": index, "delta": delta or {}, "finish_reason": None, **fields}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "gpt", "choices": [choice]}


def read(items: Iterable[Any]) -> ChatProjection:
    return live(write_all(items).deliveries)


def completion_of(items: Iterable[Any]) -> Any:
    [completion] = read(items).completions
    return completion


def message_of(items: Iterable[Any]) -> Any:
    return completion_of(items)["choices"][0]["message"]


def test_text_and_what_is_about_it() -> None:
    found = completion_of(
        [
            {**chunk({"role": "assistant", "content": ""}), "system_fingerprint": None, "service_tier": "default"},
            {**chunk({"content": "Hel"}), "system_fingerprint": "fp"},
            chunk({"content": "lo"}),
            chunk(finish_reason="stop"),
            {**chunk(), "choices": [], "usage": {"total_tokens": 3}},
            {**chunk(), "choices": [], "usage": None, "obfuscation": "xx"},
        ]
    )
    assert found == {
        "id": "c-1",
        "object": "chat.completion",
        "created": 5,
        "model": "gpt",
        "system_fingerprint": "fp",
        "service_tier": "default",
        "usage": {"total_tokens": 3},
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
            }
        ],
    }


def test_a_completion_that_is_not_streamed_is_carried_as_well() -> None:
    whole: dict[str, Any] = {
        "id": "c-1",
        "object": "chat.completion",
        "created": 5,
        "model": "gpt",
        "usage": {"total_tokens": 3},
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "x" * 70_000,
                    "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}],
                    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
            }
        ],
    }
    assert comparable(completion_of([whole])) == whole
    assert comparable(completion_of([ChatCompletion.construct(**copy.deepcopy(whole))])) == whole


def test_choices_are_kept_apart_in_whatever_order_they_come() -> None:
    found = completion_of(
        [
            chunk({"content": "b"}, 1),
            chunk({"content": "a"}, 0),
            chunk({"content": "B"}, 1),
            chunk(index=1, finish_reason="length"),
            chunk({"content": "A"}, 0),
            chunk(index=0, finish_reason="stop"),
        ]
    )
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in found["choices"]] == [
        (0, "aA", "stop"),
        (1, "bB", "length"),
    ]


def test_refusal_reasoning_function_call_and_audio_are_joined() -> None:
    message = message_of(
        [
            chunk({"refusal": "I ca", "reasoning": "be", "reasoning_content": "x"}),
            chunk({"refusal": "nnot", "reasoning": "cause", "reasoning_content": "y"}),
            chunk({"function_call": {"name": "f", "arguments": '{"a"'}}),
            chunk({"function_call": {"arguments": ":1}", "name": None}}),
            chunk({"audio": {"id": "audio-1", "transcript": "So "}}),
            chunk({"audio": {"data": "QUJD", "expires_at": 5}}),
            chunk({"audio": {"data": "REVG", "transcript": "it is", "expires_at": 7}}),
        ]
    )
    assert message == {
        "role": "assistant",
        "content": None,
        "refusal": "I cannot",
        "reasoning": "because",
        "reasoning_content": "xy",
        "function_call": {"name": "f", "arguments": '{"a":1}'},
        "audio": {"id": "audio-1", "transcript": "So it is", "data": "QUJDREVG", "expires_at": 7},
    }


def test_probabilities_annotations_and_other_lists_grow() -> None:
    entries = [
        {"token": str(number), "logprob": -0.5, "bytes": [48 + number], "top_logprobs": []} for number in range(3)
    ]
    found = completion_of(
        [
            chunk({"content": "0", "annotations": [{"type": "url_citation"}]}, logprobs={"content": entries[:1]}),
            chunk({"content": "12"}, logprobs={"content": entries[1:], "refusal": None}),
            chunk({"annotations": [{"type": "url_citation", "n": 2}], "images": [{"image_url": {"url": "data:"}}]}),
            chunk(logprobs={"content": [], "refusal": entries[:1]}),
        ]
    )
    [choice] = found["choices"]
    assert choice["logprobs"] == {"content": entries, "refusal": entries[:1]}
    assert choice["message"]["annotations"] == [{"type": "url_citation"}, {"type": "url_citation", "n": 2}]
    assert choice["message"]["images"] == [{"image_url": {"url": "data:"}}]


def test_pieces_of_reasoning_details_are_joined_and_versions_of_a_tool_replaced() -> None:
    message = message_of(
        [
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": "be", "index": 0, "signature": None}]}),
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": "cause", "index": 0}]}),
            chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "s"}]}),
            chunk(
                {"reasoning_details": [{"type": "reasoning.encrypted", "data": "abc", "index": 0}, {"type": "bare"}]}
            ),
            chunk({"executed_tools": [{"index": 0, "type": "search", "arguments": "{}"}]}),
            chunk({"executed_tools": [{"index": 0, "type": "search", "arguments": "{}", "output": "rain"}]}),
        ]
    )
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "because", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "data": "abc", "index": 0},
        {"type": "bare"},
    ]
    assert message["executed_tools"] == [{"index": 0, "type": "search", "arguments": "{}", "output": "rain"}]


def test_extras_are_kept_and_the_last_value_counts() -> None:
    found = completion_of(
        [
            {
                **chunk({"content": "a"}, content_filter_results={}),
                "x_groq": {"id": "r"},
                "citations": ["u"],
                "prompt": 1,
            },
            {**chunk({"content": "b"}, content_filter_results={"hate": {"filtered": False}}), "citations": ["u", "v"]},
            {**chunk(content_filter_results={"self_harm": {}}, native_finish_reason="STOP", finish_reason="stop")},
            {**chunk(), "choices": [], "x_groq": {"usage": {"n": 1}}},
        ]
    )
    assert found["x_groq"] == {"id": "r", "usage": {"n": 1}}
    assert found["citations"] == ["u", "v"]
    assert found["prompt"] == 1
    [choice] = found["choices"]
    assert choice["content_filter_results"] == {"hate": {"filtered": False}, "self_harm": {}}
    assert choice["native_finish_reason"] == "STOP"


def test_a_value_that_changes_with_each_chunk_does_not_cost_a_message_each() -> None:
    chunks = [
        {**chunk({"content": "a"}, filters={"n": number}), "timings": {"ms": number}, "usage": {"total": number}}
        for number in range(100)
    ]
    deliveries = write_all([*chunks, chunk(finish_reason="stop")]).deliveries
    assert len(deliveries) < 112
    [completion] = live(deliveries).completions
    assert completion["usage"] == {"total": 99}
    assert completion["timings"] == {"ms": 99}  # type: ignore[typeddict-item]  # a provider's extra
    assert completion["choices"][0]["filters"] == {"n": 99}  # type: ignore[typeddict-item]  # as above


def test_azures_first_chunk_and_its_late_annotations() -> None:
    empty = {"id": "", "model": "", "created": 0, "object": "", "choices": [], "prompt_filter_results": [{"a": 1}]}
    late = {
        "id": "",
        "object": "",
        "choices": [{"index": 0, "content_filter_offsets": {"end": 4}, "finish_reason": None}],
    }
    found = completion_of([empty, chunk({"content": "hi"}), chunk(finish_reason="stop"), late])
    assert (found["id"], found["model"], found["created"]) == ("c-1", "gpt", 5)
    assert found["prompt_filter_results"] == [{"a": 1}]
    assert found["choices"][0]["content_filter_offsets"] == {"end": 4}
    assert found["choices"][0]["finish_reason"] == "stop"


def test_ids_that_change_with_each_chunk_are_one_completion() -> None:
    chunks = [{**chunk({"content": str(number)}), "id": f"c-{number}"} for number in range(3)]
    assert completion_of([*chunks, {**chunk(finish_reason="stop"), "id": "stub"}])["id"] == "c-0"


def test_a_source_may_give_several_completions_and_the_results_of_tools_between_them() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "a", "content": "x" * 20_000}
    projection = read(
        [
            chunk({"tool_calls": [call]}),
            chunk(finish_reason="tool_calls"),
            result,
            {**chunk({"content": "one"}), "id": "c-2"},
            {**chunk(finish_reason="stop"), "id": "c-2"},
            {**chunk({"content": "two"}), "id": "c-3"},
        ]
    )
    assert [message["role"] for message in projection.messages] == ["assistant", "tool", "assistant", "assistant"]
    assert projection.messages[1] == result
    assert [message["content"] for message in projection.messages[2:]] == ["one", "two"]
    assert [completion["id"] for completion in projection.completions] == ["c-1", "c-2", "c-3"]


def test_the_events_of_stream_are_the_chunks_in_them() -> None:
    chunks = [
        chunk({"role": "assistant", "content": "Hi", "refusal": "no"}, logprobs={"content": [{"token": "a"}]}),
        chunk(
            {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
        ),
        chunk(finish_reason="stop"),
    ]
    state: Any = ChatCompletionStreamState()
    events = [event for each in sdk_chunks(chunks) for event in state.handle_chunk(each)]
    assert len(events) > 6
    assert write_all(events).deliveries == write_all(chunks).deliveries
    dumped = [event.to_dict() for event in events]
    assert write_all(dumped).deliveries == write_all(chunks).deliveries


def test_a_newer_event_of_stream_is_left_out_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    class NewerEvent:
        type = "content.sparkles"

    NewerEvent.__module__ = "openai.lib.streaming.chat._events"
    assert completion_of([chunk({"content": "a"}), NewerEvent(), NewerEvent(), chunk({"content": "b"})])
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith("skipped an event of type 'content.sparkles': codec 'openai-chat' does not know it")
    assert warning.endswith("update ai-transport-codecs if it says more than they do")


def test_the_source_may_change_an_item_once_it_is_translated() -> None:
    item = chunk({"annotations": [{"n": 1}]}, filters={"a": [1]})
    translator = CODEC.create_translator()
    events = list(translator.translate(item))
    before = copy.deepcopy(events)
    item["choices"][0]["filters"]["a"].append(2)
    item["choices"][0]["delta"]["annotations"].append({"n": 2})
    assert events == before


def test_names_that_json_cannot_have_are_left_out_wherever_they_are() -> None:
    delta: dict[Any, Any] = {"content": "Hi", 1: "x", "reasoning": {2: "y", "effort": "low"}, (3,): [4]}
    odd: dict[Any, Any] = {**chunk(delta), 5: 6}
    odd["choices"][0] |= {7: 8, "logprobs": {9: [10]}}

    found = completion_of([odd, chunk({"content": "."})])

    assert found["choices"][0]["message"]["content"] == "Hi."
    assert all(isinstance(name, str) for part in (found, *found["choices"], message_of([odd])) for name in part)


def test_what_json_cannot_carry_does_not_stop_the_stream() -> None:
    found = completion_of(
        [
            chunk(
                {"content": "a", "parsed": object(), "odd": {"x": object(), "y": 1}},
                logprobs={"content": [{"p": float("nan")}]},
            ),
        ]
    )
    [choice] = found["choices"]
    assert choice["message"]["odd"] == {"y": 1}
    assert choice["logprobs"]["content"] == [{}]
    assert "parsed" not in choice["message"]


@pytest.mark.parametrize(
    ("item", "said", "advice"),
    [
        (42, "an item of type int as output", "stream the chunks of client.chat.completions.create(stream=True)"),
        (None, "an item of type NoneType", "or the bytes of the response"),
        ({"a": 1}, "an item of type dict as output", "stream the chunks"),
        ({"type": "response.created"}, "with type='response.created'", "use the codec 'openai-responses'"),
        ({"type": "message_start"}, "with type='message_start'", "with the codec 'langchain'"),
        ({"type": "content_block_delta"}, "with type='content_block_delta'", "Anthropic's API"),
        ({"choices": [{"text": "a", "index": 0}]}, "an item of type dict", "the legacy completions API"),
        ({"role": "user", "content": "a"}, "an item of type dict", "stream the chunks"),
        ('data: {"type": "response.created"}\n\n', "with type='response.created'", "openai-responses"),
        ("data: [1]\n\n", "an item of type list", "stream the chunks"),
    ],
)
def test_what_is_no_chunk_is_refused_by_name(item: Any, said: str, advice: str) -> None:
    with pytest.raises(UnsupportedEventError) as caught:
        write_all([item])
    assert str(caught.value).startswith("codec 'openai-chat' cannot carry an item of type ")
    assert said in str(caught.value)
    assert advice in str(caught.value)


def test_an_object_of_another_framework_is_refused_by_its_full_name() -> None:
    class Foreign:
        type = "odd"

    with pytest.raises(
        UnsupportedEventError, match=r"test_translator\.test_an_object.*Foreign with type='odd' as output"
    ):
        write_all([Foreign()])


def test_an_error_in_the_stream_ends_it_with_what_the_provider_said() -> None:
    body = b'data: {"error": {"code": 502, "message": "Upstream is down"}, "choices": []}\n\n'
    with pytest.raises(StreamError, match=r"ended the chat completion with an error: Upstream is down \(code 502\)"):
        write_all([chunk({"content": "a"}), body])
    with pytest.raises(StreamError, match=r"with an error: overloaded$"):
        write_all([{"error": "overloaded"}])


def test_a_body_that_stops_within_an_event_says_whose_it_is() -> None:
    with pytest.raises(InvalidArgumentError, match=r"unable to read a chat completion's stream; its event .* stopped"):
        write_all([b'data: {"choices": ['])


def test_the_fast_lane_tolerates_what_servers_do_to_a_body() -> None:
    pieces = [chunk({"content": "Hé"}), chunk({"content": "llo"}), chunk(finish_reason="stop")]
    body = ": OPENROUTER PROCESSING\r\n\r\n" + "".join(f"data: {json.dumps(piece)}\r\n\r\n" for piece in pieces)
    raw = body.encode()

    def written(items: Iterable[bytes]) -> list[Any]:
        log = Log()
        log.write(from_sse(items, headers={"role": "assistant"}, mint_id=lambda: "id-c1"))
        return log.deliveries

    expected = write_all(pieces).deliveries
    assert written([raw]) == expected
    assert written(raw[place : place + 7] for place in range(0, len(raw), 7)) == expected
    assert written(raw.splitlines()) == expected
    assert written(line for line in raw.splitlines(keepends=True) if line.strip()) == expected


def test_usage_that_is_empty_or_mistyped_fields_do_no_harm() -> None:
    odd = {"id": 7, "object": "chat.completion.chunk", "created": "now", "model": ["m"], "usage": {}, "choices": None}
    odder = {
        "choices": [
            None,
            3,
            {"index": "x", "delta": {"content": 5, "tool_calls": {"a": 1}, "audio": "b"}, "logprobs": 3},
        ]
    }
    found = completion_of([odd, odder, {"choices": [{"delta": {"content": "a"}}]}])
    assert found["id"] == ""
    assert found["choices"]
