"""What to feed to the model next, and which calls are open."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import ResponseInputParam
from pydantic import TypeAdapter

from ai_transport_codecs.codecs.openai.responses import (
    approved_unexecuted_calls,
    model_input,
    resolved_call_ids,
    unanswered_calls,
)
from tests.codecs.openai.responses.replay import RECORDINGS, events_in
from tests.codecs.openai.responses.scripts import call, message, text_part
from tests.codecs.openai.responses.wire import live, write_all

OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "out"}


def said(*items: Any, states: Any = None, role: str = "assistant") -> Any:
    return {"role": role, "items": list(items), **({} if states is None else {"toolCallStates": states})}


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_the_sdk_takes_what_a_stream_left_as_input(name: str) -> None:
    found = model_input(live(write_all(events_in(RECORDINGS[name]))).messages)
    TypeAdapter(ResponseInputParam).validate_python(found)


def test_all_items_go_on_in_order_with_everything_in_them() -> None:
    items = [
        {"id": "r", "type": "reasoning", "summary": [], "encrypted_content": "secret"},
        message("m", text_part("hi"), status="completed") | {"phase": "commentary"},
        call("f", "c", "{}"),
    ]
    assert model_input([said(*items), said(OUTPUT)]) == [*items, OUTPUT]


@pytest.mark.parametrize(
    ("call_type", "output", "expected"),
    [
        ("custom_tool_call", "out", {"type": "custom_tool_call_output", "call_id": "c", "output": "out"}),
        ("local_shell_call", "out", {"type": "local_shell_call_output", "id": "c", "output": "out"}),
        (
            "shell_call",
            "out",
            {
                "type": "shell_call_output",
                "call_id": "c",
                "output": [{"stdout": "out", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
            },
        ),
        (
            "apply_patch_call",
            {"status": "failed", "output": "no such file"},
            {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no such file"},
        ),
        (
            "apply_patch_call",
            "done",
            {"type": "apply_patch_call_output", "call_id": "c", "status": "completed", "output": "done"},
        ),
        (
            "computer_call",
            {"type": "computer_screenshot", "image_url": "data:"},
            {
                "type": "computer_call_output",
                "call_id": "c",
                "output": {"type": "computer_screenshot", "image_url": "data:"},
            },
        ),
        ("function_call", "out", {"type": "function_call_output", "call_id": "c", "output": "out"}),
    ],
)
def test_an_output_is_stated_as_its_call_wants_it(call_type: str, output: Any, expected: Any) -> None:
    conversation = [said({"type": call_type, "id": "i", "call_id": "c"}), said({**OUTPUT, "output": output})]
    *_, found = model_input(conversation)
    assert found == expected
    if call_type != "local_shell_call":
        TypeAdapter(ResponseInputParam).validate_python([found])


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ({"approval": "approved"}, {"approve": True}),
        ({"approval": "denied", "reason": "no"}, {"approve": False, "reason": "no"}),
    ],
)
def test_an_mcp_request_is_answered_by_the_users_yes_or_no(state: Any, answer: Any) -> None:
    request = {
        "type": "mcp_approval_request",
        "id": "mcpr_1",
        "name": "ask",
        "arguments": "{}",
        "server_label": "wiki",
    }
    outputs = [] if answer["approve"] else [{**OUTPUT, "call_id": "mcpr_1"}]
    found = model_input([said(request), said(*outputs, states={"mcpr_1": state})])
    assert found == [request, {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", **answer}]
    TypeAdapter(ResponseInputParam).validate_python(found)
    assert model_input([said(request, states={"mcpr_1": {"approval": "pending"}})]) == [request]
    answered = [said(request), said(found[1], states={"mcpr_1": state})]
    assert model_input(answered) == found


def test_open_calls_are_told_apart_by_approval() -> None:
    calls = [call(f"f{number}", f"c{number}") for number in range(4)]
    states: Any = {"c1": {"approval": "approved"}, "c2": {"approval": "pending"}, "c3": {"approval": "approved"}}
    conversation = [said(*calls, states=states), said({**OUTPUT, "call_id": "c3"})]
    assert resolved_call_ids(conversation) == ["c3"]
    assert unanswered_calls(conversation) == [calls[0], calls[2]]
    assert approved_unexecuted_calls(conversation) == [calls[1]]


def test_approval_in_another_message_does_not_count() -> None:
    conversation = [said(call("f", "c")), said(states={"c": {"approval": "approved"}})]
    assert unanswered_calls(conversation) == [call("f", "c")]
    assert approved_unexecuted_calls(conversation) == []


def test_calls_of_custom_tools_and_shells_wait_for_the_application_too() -> None:
    custom = {"type": "custom_tool_call", "id": "i", "call_id": "c", "name": "f", "input": "x"}
    assert unanswered_calls([said(custom)]) == [custom]
    assert unanswered_calls([said(custom, OUTPUT)]) == []
    assert unanswered_calls([said({"type": "web_search_call", "id": "w"})]) == []
    assert resolved_call_ids([said({"type": "local_shell_call_output", "id": "c", "output": ""})]) == ["c"]
