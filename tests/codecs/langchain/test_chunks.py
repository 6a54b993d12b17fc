"""How chunks add up: as LangChain's own sum, and right where that loses data, doubles it or raises."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    HumanMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)

from tests.codecs.langchain.expected import summed
from tests.codecs.langchain.wire import joined, live, write_all


def received(*chunks: BaseMessageChunk) -> BaseMessage:
    """The one message that readers hold, whenever they joined."""
    deliveries = write_all(chunks).deliveries
    [message] = live(deliveries).messages
    for position in range(len(deliveries) + 1):
        assert joined(deliveries, position).messages == [message]
    return message


def said(content: Any = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, **fields)


def call(index: int | None, args: str | None, name: str | None = None, id: str | None = None) -> dict[str, Any]:
    return {"index": index, "args": args, "name": name, "id": id}


SANE = {
    "text": [said("Hel"), said("lo"), said("", chunk_position="last")],
    "text, then a list": [said("Hel"), said("lo"), said([{"type": "text", "text": "!"}])],
    "an empty string, then a list": [said(""), said([{"type": "text", "text": "!", "index": 0}])],
    "a list, then text": [said([{"type": "image", "url": "u"}]), said("a"), said("b")],
    "bare strings in a list": [said(["a"]), said(["b"]), said("c")],
    "blocks by index": [
        said([{"type": "text", "text": "a", "index": 0}]),
        said([{"type": "text", "text": "x", "index": 1}]),
        said([{"type": "text", "text": "b", "index": 0}]),
    ],
    "blocks by LangChain's own index": [
        said([{"type": "reasoning", "reasoning": "a", "index": "lc_rs_0"}]),
        said([{"type": "reasoning", "reasoning": "b", "index": "lc_rs_0"}]),
    ],
    "other text as an index never merges": [
        said([{"type": "text", "text": "a", "index": "one"}]),
        said([{"type": "text", "text": "b", "index": "one"}]),
    ],
    "an index with another id is another block": [
        said([{"type": "text", "text": "a", "index": 0, "id": "x"}]),
        said([{"type": "text", "text": "b", "index": 0, "id": "y"}]),
        said([{"type": "text", "text": "c", "index": 0}]),
    ],
    "citations come after text": [
        said([{"type": "text", "text": "a", "index": 0}]),
        said([{"type": "text", "annotations": [{"type": "citation", "url": "u"}], "index": 0}]),
        said([{"type": "text", "text": "b", "annotations": [{"type": "citation", "url": "v"}], "index": 0}]),
    ],
    "reasoning with a signature": [
        said([{"type": "reasoning", "reasoning": "a", "index": 0}]),
        said([{"type": "reasoning", "reasoning": "b", "index": 0}]),
        said([{"type": "reasoning", "extras": {"signature": "S"}, "index": 0}]),
    ],
    "what is not standard joins the extras": [
        said([{"type": "text", "text": "a", "index": 0}]),
        said([{"type": "non_standard", "value": {"type": "x", "more": [1]}, "index": 0}]),
    ],
    "what is not standard, twice": [
        said([{"type": "non_standard", "value": {"type": "x", "more": [1]}, "index": 0}]),
        said([{"type": "non_standard", "value": {"type": "x", "more": [2]}, "index": 0}]),
    ],
    "an image": [said([]), said([{"type": "image", "base64": "AAAA", "mime_type": "image/png", "index": 0}])],
    "unknown blocks": [said([{"type": "refusal", "refusal": "no", "index": 0}]), said([{"type": "novel", "x": [{}]}])],
    "many blocks without an index": [said([{"type": "text", "text": str(n)}]) for n in range(8)],
    "blocks without an index around one with": [
        *[said([{"type": "image", "url": str(n)}]) for n in range(5)],
        said([{"type": "image", "url": "5"}, {"type": "text", "text": "a", "index": 0}]),
        *[said([{"type": "image", "url": str(n)}, {"type": "text", "text": "b", "index": 0}]) for n in range(5)],
    ],
    "text between blocks without an index": [
        *[said([{"type": "image", "url": str(n)}]) for n in range(4)],
        said("a"),
        said([{"type": "image", "url": "4"}, ""]),
        said("b"),
        said([{"type": "image", "url": "5"}]),
    ],
    "calls in parallel, interleaved, ids on the first chunk only": [
        said(tool_call_chunks=[call(0, "", "f", "c0"), call(1, "", "g", "c1")]),
        said(tool_call_chunks=[call(1, '{"b"'), call(0, '{"a"')]),
        said("and text", tool_call_chunks=[call(0, ": 1}")]),
        said(tool_call_chunks=[call(1, ": 2}")], chunk_position="last"),
    ],
    "whole calls without an index": [
        said(tool_call_chunks=[call(None, '{"a": 1}', "f", "c0")]),
        said(tool_call_chunks=[call(None, '{"b": 1}', "g", "c1")]),
    ],
    "a call that is no JSON": [
        said(tool_call_chunks=[call(0, '"text"', "f", "c")]),
        said(tool_call_chunks=[call(0, "!")]),
    ],
    "a call without arguments": [said(tool_call_chunks=[call(0, None, "f", "c")])],
    "Anthropic's way to say arguments twice": [
        said(
            [{"type": "tool_use", "id": "c", "name": "f", "input": {}, "index": 1}],
            tool_call_chunks=[call(1, "", "f", "c")],
        ),
        said([{"type": "input_json_delta", "partial_json": '{"a"', "index": 1}], tool_call_chunks=[call(1, '{"a"')]),
        said([{"type": "input_json_delta", "partial_json": ": 1}", "index": 1}], tool_call_chunks=[call(1, ": 1}")]),
        said([{"type": "input_json_delta", "partial_json": " ", "index": 1}]),
        said([{"type": "input_json_delta", "partial_json": " ", "index": 1}], tool_call_chunks=[call(1, " ")]),
    ],
    "reasoning as DeepSeek has it": [
        said(additional_kwargs={"reasoning_content": text}) for text in ("Let ", "me", ".")
    ],
    "an old function call": [
        said(additional_kwargs={"function_call": {"name": "f", "arguments": ""}}),
        said(additional_kwargs={"function_call": {"arguments": '{"a"'}}),
        said(additional_kwargs={"function_call": {"arguments": ": 1}"}}),
    ],
    "None gives way": [said(additional_kwargs={"x": None, "y": 1}), said(additional_kwargs={"x": {"a": 1}, "y": None})],
    "numbers add up, times do not": [
        said(response_metadata={"n": 1, "created": 5, "nested": {"n": 1}}),
        said(response_metadata={"n": 2, "created": 7, "nested": {"n": 2}}),
        said(response_metadata={"n": 3, "created": 9, "nested": {"n": 2}}),
        said(response_metadata={"n": 4, "created": 9, "nested": {"n": 3}}),
    ],
    "log probabilities": [
        said(str(n), response_metadata={"logprobs": {"content": [{"token": str(n), "logprob": -0.5}]}})
        for n in range(6)
    ],
    "usage in increments": [
        said(usage_metadata={"input_tokens": 7, "output_tokens": 0, "total_tokens": 7}),
        said(usage_metadata={"input_tokens": 0, "output_tokens": 3, "total_tokens": 3}),
        said(
            usage_metadata={
                "input_tokens": 0,
                "output_tokens": 2,
                "total_tokens": 2,
                "output_token_details": {"reasoning": 1},
            }
        ),
    ],
    "ids by rank": [said(id="lc_x"), said(id="lc_run-1"), said(id="own"), said(id="lc_run-1", chunk_position="last")],
    "v1 content with a call": [
        said(
            [{"type": "tool_call_chunk", "id": "c", "name": "f", "args": "", "index": 0}],
            tool_call_chunks=[call(0, "", "f", "c")],
            response_metadata={"output_version": "v1"},
        ),
        said([{"type": "tool_call_chunk", "args": '{"a": 1}', "index": 0}], tool_call_chunks=[call(0, '{"a": 1}')]),
        said([], chunk_position="last"),
    ],
    "v1 content with a server's call": [
        said(
            [{"type": "server_tool_call_chunk", "id": "c", "name": "f", "args": '{"a"', "index": 0}],
            response_metadata={"output_version": "v1"},
        ),
        said([{"type": "server_tool_call_chunk", "args": ": 1}", "index": 0}]),
        said([{"type": "server_tool_result", "tool_call_id": "c", "output": {"x": 1}, "index": 1}]),
        said([], chunk_position="last"),
    ],
    "calls of LangChain 0.1": [
        said(additional_kwargs={"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]}),
        said(additional_kwargs={"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}),
    ],
}


@pytest.mark.parametrize("chunks", SANE.values(), ids=SANE.keys())
def test_readers_hold_langchains_own_sum(chunks: list[AIMessageChunk]) -> None:
    assert received(*chunks) == summed(chunks)


def test_text_after_an_empty_list_is_not_lost() -> None:
    assert summed([said([]), said("abc")]).content == []
    assert received(said([]), said("abc"), said("d")).content == ["abcd"]


@pytest.mark.parametrize(
    ("field", "first", "again", "kept"),
    [
        ("mime_type", "image/png", "image/png", "image/png"),
        ("signature", "S1", "S2", "S2"),
        ("name", "f", "f", "f"),
        ("status", "in_progress", "completed", "completed"),
        ("encrypted_content", "a", "b", "b"),
    ],
)
def test_what_names_something_in_a_block_is_not_doubled(field: str, first: str, again: str, kept: str) -> None:
    chunks = [said([{"type": "x", field: value, "index": 0}]) for value in (first, again, again, again)]
    assert summed(chunks[:2]).content == [{"type": "x", field: first + again, "index": 0}]
    assert received(*chunks).content == [{"type": "x", field: kept, "index": 0}]


@pytest.mark.parametrize("field", ["finish_reason", "model_name", "system_fingerprint", "service_tier", "whatever"])
def test_metadata_that_is_repeated_is_not_doubled(field: str) -> None:
    chunks = [said("a", response_metadata={field: "stop"}) for _ in range(5)]
    assert summed(chunks).response_metadata[field] == "stop" * 5
    assert received(*chunks).response_metadata == {field: "stop"}


def test_the_last_of_differing_metadata_counts() -> None:
    chunks = [
        said("a", response_metadata={"model_name": name}) for name in ("gpt", "gpt-4", "gpt-4", "gpt-4-0613", "x")
    ]
    assert received(*chunks).response_metadata == {"model_name": "x"}


@pytest.mark.parametrize(
    ("left", "right"), [(0.1, 0.2), (True, False), (1, "one"), ("one", 1), ({"a": 1}, [1]), ([1], None), (1, 1.5)]
)
def test_metadata_that_langchain_refuses_to_add_is_replaced(left: Any, right: Any) -> None:
    chunks = [said(response_metadata={"cost": left}), said(response_metadata={"cost": right})]
    if right is not None:
        with pytest.raises(TypeError):
            summed(chunks)
    assert received(*chunks).response_metadata == {"cost": left if right is None else right}


def test_a_container_that_replaces_a_growing_string_ends_its_growth() -> None:
    chunks = [said(additional_kwargs={"x": value}) for value in ("a", "b", "c", {"d": "e"}, {"d": "f"}, 7, 8, "g", "h")]
    assert received(*chunks).additional_kwargs == {"x": "gh"}


def test_a_tools_name_that_is_repeated_is_not_doubled_but_pieces_are_joined() -> None:
    repeated = [said(tool_call_chunks=[call(0, "{", "f", "c")]), said(tool_call_chunks=[call(0, "}", "f", "c")])]
    assert summed(repeated).tool_calls[0]["name"] == "ff"  # type: ignore[attr-defined]
    assert received(*repeated).tool_calls[0]["name"] == "f"  # type: ignore[attr-defined]
    pieces = [said(tool_call_chunks=[call(0, "", "get_", "c")]), said(tool_call_chunks=[call(0, "{}", "weather")])]
    assert received(*pieces) == summed(pieces)


def test_blocks_with_one_index_in_the_first_chunk_merge() -> None:
    first = said([{"type": "text", "text": "a", "index": 0}, {"type": "text", "text": "b", "index": 0}])
    rest = said([{"type": "text", "text": "c", "index": 0}])
    assert len(summed([first, rest]).content) == 2
    assert received(first, rest).content == [{"type": "text", "text": "abc", "index": 0}]


def test_blocks_of_two_kinds_with_one_index_in_one_chunk_stay_apart() -> None:
    first = said([{"type": "text", "text": "a", "index": 0}, {"type": "image", "url": "u", "index": 0}])
    assert received(first) == summed([first])


def test_names_and_own_fields_of_a_message_are_kept() -> None:
    chunks = [said("a", name="bot"), said("b", own={"x": 1}), said("c", own={"x": 1}), said("d", own={"y": [2]})]
    message = received(*chunks)
    assert summed(chunks).name is None
    assert message == AIMessage("abcd", name="bot", own={"x": 1, "y": [2]})


def usage(prompt: int, answer: int) -> Any:
    return {"input_tokens": prompt, "output_tokens": answer, "total_tokens": prompt + answer}


def test_totals_of_tokens_so_far_are_not_added() -> None:
    chunks = [said("a", usage_metadata=usage(9, n)) for n in (1, 2, 3, 4)]
    assert summed(chunks).usage_metadata == usage(36, 10)  # type: ignore[attr-defined]
    assert received(*chunks).usage_metadata == usage(9, 4)  # type: ignore[attr-defined]


def test_a_prompt_that_is_counted_anew_replaces_the_count_before() -> None:
    chunks = [said(usage_metadata=usage(4, 0)), said(usage_metadata=usage(3, 11))]
    assert received(*chunks).usage_metadata == usage(3, 11)  # type: ignore[attr-defined]


def test_usage_with_other_than_whole_numbers_does_not_break_the_stream() -> None:
    reports = [usage(5, 1) | {"cost": cost} for cost in (0.1, "?", None)]
    chunks = [said("a") for _ in reports]
    for chunk, report in zip(chunks, reports, strict=True):
        chunk.usage_metadata = report  # as a provider may set it after validation
    assert received(*chunks).usage_metadata == usage(5, 1) | {"cost": "?"}  # type: ignore[attr-defined]


def test_chunks_of_a_tools_message_add_up_by_call() -> None:
    chunks = [
        ToolMessageChunk(content="a", tool_call_id="c1", artifact={"x": [1]}),
        ToolMessageChunk(content="b", tool_call_id="c1", artifact={"x": [2]}, status="error"),
        ToolMessageChunk(content="c", tool_call_id="c1"),
    ]
    assert received(*chunks) == summed(chunks)
    assert received(*chunks) == ToolMessage("abc", tool_call_id="c1", artifact={"x": [1, 2]}, status="error")


def test_chunks_of_two_tools_messages_do_not_mix() -> None:
    chunks = [ToolMessageChunk(content=text, tool_call_id=id_) for text, id_ in ("a1", "b2", "c1", "d2")]
    messages = live(write_all(chunks).deliveries).messages
    assert messages == [ToolMessage("ac", tool_call_id="1"), ToolMessage("bd", tool_call_id="2")]


def test_chunks_of_other_roles_are_messages_of_their_own() -> None:
    chunks: list[BaseMessageChunk] = [
        said("a"),
        HumanMessageChunk(content="h"),
        HumanMessageChunk(content="i"),
        ChatMessageChunk(content="c", role="critic"),
    ]
    kinds = [(type(message).__name__, message.content) for message in live(write_all(chunks).deliveries).messages]
    assert kinds == [("AIMessage", "a"), ("HumanMessage", "hi"), ("ChatMessage", "c")]
    assert live(write_all(chunks).deliveries).messages[2] == ChatMessage(content="c", role="critic")


def test_a_chunk_may_change_after_it_was_written() -> None:
    block: dict[str, Any] = {"type": "image", "url": "u", "extras": {"x": 1}}
    chunk = said([block], response_metadata={"nested": {"x": 1}})
    deliveries = write_all([chunk]).deliveries
    block["extras"]["x"] = 2
    chunk.response_metadata["nested"]["x"] = 2
    [message] = live(deliveries).messages
    assert message.content == [{"type": "image", "url": "u", "extras": {"x": 1}}]
    assert message.response_metadata == {"nested": {"x": 1}}
