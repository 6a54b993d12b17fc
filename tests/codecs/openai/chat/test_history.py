"""Earlier turns as the next request takes them."""

from __future__ import annotations

import copy
from typing import Any

from ai_transport_codecs.codecs.openai.chat import as_history


def call(id_: str, arguments: str = "{}", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}, **fields}


def asked(*calls: dict[str, Any], content: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "refusal": None, "tool_calls": list(calls), **fields}


def result(id_: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


USER = {"role": "user", "content": "Hello"}


def test_what_the_api_does_not_know_stays_out_unless_it_is_asked_for() -> None:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "annotations": [{}],
        "reasoning_content": "hm",
        "audio": {"id": "audio-1", "data": "QUJD", "transcript": "Hi", "expires_at": 1},
    }
    held = copy.deepcopy(message)
    plain = {"role": "assistant", "content": "Hi", "audio": {"id": "audio-1"}}
    assert as_history([USER, message]) == [USER, plain]
    assert as_history([message], extras=("reasoning_content",)) == [{**plain, "reasoning_content": "hm"}]
    assert message == held


def test_a_refusal_goes_back_as_one() -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot"}
    assert as_history([message]) == [message]


def test_results_follow_their_calls_wherever_they_are() -> None:
    history = as_history([asked(call("a"), call("b")), result("b"), result("a"), USER])
    assert [message.get("tool_call_id") or message["role"] for message in history] == ["assistant", "a", "b", "user"]


def test_calls_that_wait_for_their_results_stay_at_the_end() -> None:
    assert as_history([USER, asked(call("a"))])[1]["tool_calls"] == [call("a")]


def test_calls_that_were_never_answered_go_when_the_conversation_went_on() -> None:
    history = as_history([asked(call("a"), call("b"), content="Let me see"), result("a"), USER])
    assert [each["id"] for each in history[0]["tool_calls"]] == ["a"]
    assert as_history([asked(call("a")), USER]) == [USER]


def test_half_calls_and_results_of_nothing_go() -> None:
    cut_off = asked(call("a", '{"x', state="partial"), call("b", state="partial"), content="Let me")
    assert as_history([USER, cut_off, result("b")]) == [USER, {"role": "assistant", "content": "Let me"}]
    assert as_history([result("z"), USER]) == [USER]
    assert as_history([asked(call("a", "{", state="invalid"))]) == []


def test_an_invalid_call_that_was_answered_stays_with_its_answer() -> None:
    history = as_history([asked(call("a", "call me", state="invalid")), result("a", "Error: no JSON"), USER])
    assert history[0]["tool_calls"] == [call("a", "call me")]
    assert history[1]["content"] == "Error: no JSON"


def test_a_call_without_arguments_has_an_object_and_extras_of_calls_can_be_kept() -> None:
    signed = {"google": {"thought_signature": "s"}}
    message = asked(call("a", "", extra_content=signed))
    [param] = as_history([message])
    assert param["tool_calls"] == [call("a")]
    [param] = as_history([message], extras=("extra_content",))
    assert param["tool_calls"][0]["extra_content"] == signed


def test_function_calls_of_the_old_kind_and_custom_tools() -> None:
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}", "x": 1}}
    assert as_history([legacy])[0]["function_call"] == {"name": "f", "arguments": "{}"}
    assert as_history([{**legacy, "function_call": {"name": "f", "arguments": "{", "state": "partial"}}]) == []
    custom = {"id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    assert as_history([asked(custom)])[0]["tool_calls"] == [custom]


def test_empty_answers_and_odd_messages_do_no_harm() -> None:
    assert as_history([{"role": "assistant", "content": ""}, {"role": "assistant"}]) == []
    odd: Any = {"role": "assistant", "content": "x", "tool_calls": 3, "audio": "y", "function_call": []}
    assert as_history([odd]) == [{"role": "assistant", "content": "x"}]
