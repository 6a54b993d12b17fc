"""The Responses API, through the bridge to UI messages."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs import get_codec
from ai_transport_codecs.bridges import UiTranslator, bridged, ui_history
from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.openai.responses import responses_turn
from tests.bridges.client_rules import check
from tests.bridges.fidelity import PARTS
from tests.bridges.reading import folded, told
from tests.bridges.stage import conversation, seen_from_everywhere
from tests.codecs.openai.responses.replay import RECORDINGS, events_in, provider, sse


def item(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": fields}


def response(kind: str, **fields: Any) -> dict[str, Any]:
    status = "in_progress" if kind == "created" else kind
    return {"type": f"response.{kind}", "response": {"id": "r", "model": "m-1", "status": status, **fields}}


def of(type_: str, item_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{type_}", "item_id": item_id, "output_index": 0, **fields}


def calling() -> list[dict[str, Any]]:
    """Reasoning, text, and two calls whose arguments come in turn."""
    calls = [("f1", "call-1", "weather", '{"city":', ' "Lisbon"}'), ("f2", "call-2", "clock", '{"zone":', ' "WET"}')]
    whole = [
        {"type": "function_call", "id": id_, "call_id": call, "name": name, "arguments": first + second}
        for id_, call, name, first, second in calls
    ]
    usage = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
    return [
        response("created"),
        item(0, type="reasoning", id="th", summary=[]),
        of("reasoning_summary_part.added", "th", summary_index=0, part={"type": "summary_text", "text": ""}),
        of("reasoning_summary_text.delta", "th", summary_index=0, delta="Weather "),
        of("reasoning_summary_text.delta", "th", summary_index=0, delta="first."),
        *said("m1", 1, "Let me ", "look."),
        *(
            item(2 + n, **each, status="in_progress") | {}
            for n, each in enumerate({**w, "arguments": ""} for w in whole)
        ),
        *(of("function_call_arguments.delta", id_, delta=first) for id_, _, _, first, _ in calls),
        *(of("function_call_arguments.delta", id_, delta=second) for id_, _, _, _, second in calls),
        *({"type": "response.output_item.done", "output_index": 2 + n, "item": w} for n, w in enumerate(whole)),
        response("completed", usage=usage),
    ]


def said(id_: str, index: int, *words: str) -> list[dict[str, Any]]:
    empty = {"type": "output_text", "text": "", "annotations": []}
    message = {"type": "message", "id": id_, "role": "assistant"}
    done = [{**empty, "text": "".join(words)}]
    return [
        item(index, **message, content=[]),
        of("content_part.added", id_, content_index=0, part=empty),
        *(of("output_text.delta", id_, content_index=0, delta=word) for word in words),
        {"type": "response.output_item.done", "output_index": index, "item": {**message, "content": done}},
    ]


def answering() -> list[dict[str, Any]]:
    usage = {"input_tokens": 30, "output_tokens": 5, "total_tokens": 35}
    events = [response("created"), *said("m2", 0, "Sunny, ", "and noon."), response("completed", usage=usage)]
    return [{**each, "response": {**each["response"], "id": "r2"}} if "response" in each else each for each in events]


RESULTS = [
    {"type": "function_call_output", "call_id": "call-1", "output": "sunny in Lisbon"},
    {"type": "function_call_output", "call_id": "call-2", "output": "noon in WET"},
]
METADATA = {
    "model": "m-1",
    "finishReason": "completed",
    "usage": {"inputTokens": 40, "outputTokens": 25, "totalTokens": 65},
}


async def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def clock(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


async def test_a_turn_that_calls_two_tools_at_once_loses_nothing() -> None:
    async with provider(sse(*calling()), sse(*answering()), sse(*answering())) as (client, seen):
        handler = responses_turn(client, model="m-1", tools={"weather": weather, "clock": clock})
        async with conversation(bridged(handler, "openai-responses")) as talk:
            (message,) = await talk.say("How is Lisbon?")
            assert message["parts"] == PARTS
            assert message.get("metadata") == METADATA
            await talk.say("Thank you.")
    kinds = [each["type"] for each in seen.requests[-1]["input"]]
    assert [kind for kind in kinds if kind != "message"] == ["function_call"] * 2 + ["function_call_output"] * 2


async def test_every_device_sees_the_same_wherever_it_joins() -> None:
    message, others = await seen_from_everywhere([*calling(), *RESULTS, *answering()], "openai-responses")
    assert message["parts"] == PARTS
    assert all(other == message for other in others)


def test_a_failed_response_is_an_error() -> None:
    translator = UiTranslator("openai-responses")
    chunks = translator.translate(response("failed", error={"code": "x", "message": "too busy"}))
    chunks += translator.finish()
    check(chunks)
    assert chunks[-1] == {"type": "error", "errorText": "too busy"}


@pytest.mark.parametrize("approval", ["approved", "denied"])
def test_a_question_whether_a_remote_tool_may_run_and_its_answer(approval: str) -> None:
    asked = {
        "type": "mcp_approval_request",
        "id": "q1",
        "name": "wipe",
        "server_label": "disk",
        "arguments": '{"all": true}',
    }
    translator = UiTranslator("openai-responses")
    chunks = translator.translate({"type": "response.output_item.done", "output_index": 0, "item": asked})
    chunks += translator.finish()
    check(chunks)
    assert {"type": "tool-approval-request", "toolCallId": "q1", "approvalId": "q1"} in chunks
    message = folded(chunks)
    part: Any
    (part,) = [each for each in message["parts"] if "toolCallId" in each]
    assert (part["state"], part["input"]) == ("approval-requested", {"all": True})
    part["state"] = "approval-responded" if approval == "approved" else "output-denied"
    part["approval"] = {"id": "q1", "approved": approval == "approved"}
    ((request, answer),) = [each["items"] for each in ui_history([message], "openai-responses")]
    assert request == asked
    assert answer == {
        "type": "mcp_approval_response",
        "approval_request_id": "q1",
        "approve": approval == "approved",
    }


@pytest.mark.parametrize("reason", [None, "too wet"])
def test_a_model_is_told_that_a_person_denied_its_call(reason: str | None) -> None:
    said = {"id": "c1", "approved": False} | ({} if reason is None else {"reason": reason})
    call = {"type": "dynamic-tool", "toolName": "weather", "toolCallId": "c1", "state": "output-denied", "input": {}}
    message = {"id": "a", "role": "assistant", "parts": [{**call, "approval": said}]}
    items = [each for entry in ui_history([message], "openai-responses") for each in entry["items"]]
    output = {"type": "function_call_output", "call_id": "c1", "output": reason or "Tool execution was not approved."}
    assert [item["type"] for item in items] == ["function_call", "function_call_output"]
    assert items[1] == output


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_ui_message_says_all_that_the_response_does(name: str) -> None:
    events = events_in(RECORDINGS[name])
    translator = UiTranslator("openai-responses")
    chunks = [each for event in events for each in translator.translate(event)] + translator.finish()
    check(chunks)
    codec = get_codec("openai-responses")
    reader, projection = codec.create_translator(), codec.init()
    for outputs in (*(reader.translate(event) for event in events), reader.finish()):
        for output in outputs:
            codec.fold_output(projection, output, FoldMeta("", reader.message_key(output)))
    found = told([folded(chunks)], "vercel")
    found["data"] = [each for each in found["data"] if each[0] != "openai-event"]
    assert found == told([entry.message for entry in codec.get_messages(projection)], "openai-responses")
