"""Tool calls: each piece reaches its call, however servers number them."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs.codecs.openai.chat import as_history
from tests.codecs.openai.chat.test_translator import chunk, completion_of, read
from tests.codecs.openai.chat.wire import Reader, late, live, write_all


def piece(arguments: str | None = None, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": fields.pop("name")} if "name" in fields else {})}
    return chunk({"tool_calls": [{"function": function, **fields}]})


def calls_of(items: list[Any]) -> list[tuple[str, str, str]]:
    message = completion_of(items)["choices"][0]["message"]
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]


A, B = ("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(
            [
                piece("", index=0, id="a", name="f"),
                piece('{"x"', index=0),
                piece("", index=1, id="b", name="g"),
                piece('{"y"', index=1),
                piece(":1}", index=0),
                piece(":2}", index=1),
            ],
            id="interleaved",
        ),
        pytest.param(
            [
                piece(None, index=1, id="b", name="g"),
                piece('{"y":2}', index=1),
                piece(None, index=0, id="a", name="f"),
                piece('{"x":1}', index=0),
            ],
            id="the second one first",
        ),
        pytest.param(
            [piece('{"x":1}', index=None, id="a", name="f"), piece('{"y":2}', index=None, id="b", name="g")],
            id="null indexes",
        ),
        pytest.param(
            [
                piece('{"x"', id="a", name="f"),
                piece(":1}"),
                piece('{"y"', id="b", name="g"),
                piece(":", id="b"),
                piece("2}", id=None),
            ],
            id="no indexes, ids once",
        ),
        pytest.param(
            [
                piece('{"x":', index=0, id="a", name="f"),
                piece("1}", index=0, id="a", name="f"),
                piece('{"y":', index=1, id="b", name="g"),
                piece("2}", index=1, id="b", name="g"),
            ],
            id="ids and names in every piece",
        ),
        pytest.param(
            [piece('{"x":1}', index=0, id="a", name="f"), piece('{"y":2}', index=0, id="b", name="g")],
            id="one index for all",
        ),
        pytest.param(
            [
                piece('{"x":', index=0, id="", name=""),
                piece("1}", index=0, id="a", name="f"),
                piece('{"y":2}', index=1, id="b", name="g"),
            ],
            id="id and name late",
        ),
    ],
)
def test_pieces_reach_their_calls(items: list[Any]) -> None:
    assert calls_of(items) == [A, B]


def test_several_pieces_in_one_chunk_and_arguments_as_an_object() -> None:
    both = chunk(
        {
            "tool_calls": [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
                {"index": 0, "function": {"arguments": ":1}"}},
                {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": {"y": 2}}},
            ]
        }
    )
    assert calls_of([both]) == [A, B]


def test_what_providers_add_to_a_call_is_kept() -> None:
    signed = {"google": {"thought_signature": "s"}}
    items = [piece("{}", index=0, id="a", name="f", extra_content=signed), piece("", index=0, extra_content=None)]
    [call] = completion_of(items)["choices"][0]["message"]["tool_calls"]
    assert call["extra_content"] == signed
    assert "index" not in call


def test_custom_tools_have_text_as_input() -> None:
    first = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    items = [chunk({"tool_calls": [first]}), chunk({"tool_calls": [{"index": 0, "custom": {"input": " -l"}}]})]
    [call] = read(items).messages[0]["tool_calls"]
    assert call == {"id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}


@pytest.mark.parametrize(
    ("arguments", "finish", "state"),
    [
        ('{"x":1}', "tool_calls", None),
        ("", "tool_calls", None),
        ('{"x":', "length", "invalid"),
        ("call me", "tool_calls", "invalid"),
        ('{"x":', None, "invalid"),
    ],
)
def test_arguments_that_never_become_json_are_kept_and_marked(arguments: str, finish: Any, state: Any) -> None:
    items = [piece(arguments, index=0, id="a", name="f"), *([chunk(finish_reason=finish)] if finish else [])]
    projection = read(items)
    [call] = projection.messages[0]["tool_calls"]
    assert call["function"]["arguments"] == arguments
    assert call.get("state") == state
    assert "state" not in projection.completions[0]["choices"][0]["message"]["tool_calls"][0]


def test_half_a_call_says_so_and_is_no_history() -> None:
    deliveries = write_all([chunk({"content": "Let me see"}), piece('{"x":1}', index=0, id="a", name="f")]).deliveries
    cut_off = live(deliveries[:-4])
    [message] = cut_off.messages
    assert message["tool_calls"][0]["state"] == "partial"
    assert not cut_off.is_complete("id-c1")
    assert as_history([message]) == [{"role": "assistant", "content": "Let me see"}]
    assert "state" not in live(deliveries).messages[0]["tool_calls"][0]


def test_a_reader_without_the_history_sees_no_nameless_calls() -> None:
    deliveries = write_all([piece('{"x"', index=0, id="a", name="f"), piece(":1}", index=0)]).deliveries
    position = next(place for place, each in enumerate(deliveries) if each.action == "message.append")
    [message] = Reader().read(late(deliveries, position)).projection.messages
    assert "tool_calls" not in message
