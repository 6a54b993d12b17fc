"""The reference's rules for outputs and inputs, one by one (codec spec e); its golden vectors are run elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs import InvalidArgumentError
from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.openai.responses import CODEC
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import build_extras, codec_headers, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.openai.responses.scripts import about, added, call, done, message, say, text_part
from tests.codecs.openai.responses.wire import events_of, live, only, write_events, write_inputs

Event = dict[str, Any]
REASONING: Event = {"id": "r1", "type": "reasoning", "summary": []}


def delivery(kind: str, data: Any, *, stream: bool = False, **headers: str) -> InboundMessage:
    """A crafted message."""
    transport = {"codec-message-id": "id-0", "stream": "true" if stream else "false", "status": "streaming"}
    return InboundMessage(
        names.CREATE, "s1", "s1", 0, "ai-output", data, build_extras(transport, {"kind": kind, **headers})
    )


def summary_part(id_: str, index: int, text: str = "") -> Event:
    return about(
        "response.reasoning_summary_part.added", id_, summary_index=index, part={"type": "summary_text", "text": text}
    )


# --- e.1: what goes on the wire


@pytest.mark.parametrize(
    ("start", "kind", "stream_id"),
    [
        (say("m1", part=3)[0], "output_text", "m1:3"),
        (about("response.content_part.added", "m1", content_index=0, part={"type": "refusal"}), "refusal", "m1:0"),
        (
            about("response.content_part.added", "r1", content_index=1, part={"type": "reasoning_text"}),
            "reasoning_text",
            "r1:1",
        ),
        (summary_part("r1", 2), "reasoning_summary_text", "r1:summary:2"),
        (added(call("f1", "c1")), "function_call_arguments", "f1"),
    ],
)
def test_each_text_has_a_stream_of_its_own(start: Event, kind: str, stream_id: str) -> None:
    [found] = write_events([start])
    assert codec_headers(found.extras)["kind"] == kind
    assert transport_headers(found.extras)["stream-id"] == stream_id
    assert found.data == ""


def test_the_headers_of_a_part_are_in_the_references_order() -> None:
    [found] = write_events(say("m1")[:1])
    assert list(codec_headers(found.extras)) == ["kind", "item_id", "output_index", "content_index", "part"]
    assert codec_headers(found.extras)["part"] == '{"type":"output_text","text":"","annotations":[],"logprobs":[]}'


def test_a_call_without_an_item_id_is_refused_and_says_how_to_carry_it() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"needs the item's id, which names its stream.*run.pipe does"
    ) as error:
        write_events([added({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""})])
    assert error.value.code == 40003


def test_a_part_of_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgumentError, match=r"response\.content_part\.added"):
        write_events([about("response.content_part.added", "m1", content_index=0, part={"type": "output_audio"})])


@pytest.mark.parametrize(
    ("item", "reduced"),
    [
        (message("m1", text_part("x")), {"type": "message", "id": "m1", "status": "completed"}),
        (
            message("m1", {"type": "refusal", "refusal": "no"}, text_part("x", logprobs=[{"token": "x"}])),
            {
                "type": "message",
                "id": "m1",
                "status": "completed",
                "content": [{"type": "refusal"}, {"type": "output_text", "logprobs": [{"token": "x"}]}],
            },
        ),
        (call("f1", "c1", "{}"), {"type": "function_call", "id": "f1", "status": "completed"}),
        ({**REASONING, "encrypted_content": ""}, {"type": "reasoning", "id": "r1", "encrypted_content": ""}),
        ({**REASONING, "encrypted_content": None}, {"type": "reasoning", "id": "r1"}),
        ({"type": "message"}, {"type": "message"}),
    ],
)
def test_of_a_finished_item_only_what_is_new_is_sent(item: Event, reduced: Event) -> None:
    [found] = write_events([done(item)])
    assert found.data == {"item": reduced}


def test_the_end_of_a_text_takes_its_place_from_the_closing_headers() -> None:
    deliveries = write_events([*say("m1", "hi", part=1), about("response.output_text.done", "m1", content_index=1)])
    assert events_of(deliveries)[-1] == {
        "type": "response.output_text.done",
        "item_id": "m1",
        "output_index": 0,
        "content_index": 1,
        "text": "hi",
    }


def test_the_end_of_a_call_has_its_name_and_arguments() -> None:
    events = [
        added(call("f1", "c1", name="look"), 4),
        about("response.function_call_arguments.delta", "f1", delta="{}"),
        about("response.function_call_arguments.done", "f1", output_index=4) | {"output_index": 4},
    ]
    decoded = events_of(write_events(events))
    assert decoded[1] == {
        "type": "response.function_call_arguments.delta",
        "item_id": "f1",
        "output_index": 4,
        "delta": "{}",
    }
    assert decoded[2] == {
        "type": "response.function_call_arguments.done",
        "item_id": "f1",
        "output_index": 4,
        "arguments": "{}",
        "name": "look",
    }


# --- e.2: repair


@pytest.mark.parametrize(
    ("part_type", "item"),
    [
        (
            "output_text",
            {"id": "i", "type": "message", "role": "assistant", "status": "in_progress", "content": []},
        ),
        ("refusal", {"id": "i", "type": "message", "role": "assistant", "status": "in_progress", "content": []}),
        ("reasoning_text", {"id": "i", "type": "reasoning", "summary": []}),
        ("summary_text", {"id": "i", "type": "reasoning", "summary": []}),
        ("something", None),
    ],
)
def test_the_item_of_a_part_comes_before_it(part_type: str, item: Event | None) -> None:
    found = events_of([delivery("output_text", "", stream=True, item_id="i", part=f'{{"type":"{part_type}"}}')])
    lead_in = [{"type": "response.output_item.added", "item": item, "output_index": 0}] if item else []
    assert found[:-1] == lead_in


@pytest.mark.parametrize("part", ["[]", "null", "{", "7", '{"type":["output_text"]}'])
def test_a_malformed_part_brings_no_item(part: str) -> None:
    assert len(events_of([delivery("output_text", "", stream=True, item_id="i", part=part)])) == 1


# --- e.4: the reducer


def test_items_are_looked_up_in_their_message_only() -> None:
    projection = CODEC.init()
    for message_id in ("a", "b"):
        CODEC.fold_output(projection, added(message("m1", status="in_progress")), FoldMeta("1", message_id))
    for event in say("m1", "only here"):
        CODEC.fold_output(projection, event, FoldMeta("2", "b"))
    first, second = projection.messages
    assert first["items"][0]["content"] == []
    assert second["items"][0]["content"][0]["text"] == "only here"


def test_a_second_opener_resets_the_slot() -> None:
    events = [added(message("m1")), *say("m1", "old"), *say("m1", "new")]
    assert only(write_events(events))["items"][0]["content"] == [text_part("new")]


def test_slots_above_a_gap_are_held_back_until_it_is_filled() -> None:
    projection = CODEC.init()
    script = [added(message("m1")), *say("m1", "two", part=1), *say("m1", "far", part=10**15), *say("m1", "one")]
    texts = []
    for event in script:
        CODEC.fold_output(projection, event, FoldMeta("1", "a"))
        texts.append([part["text"] for part in projection.messages[0]["items"][0]["content"]])
    assert texts == [[], [], [], [], [], ["", "two"], ["one", "two"]]


@pytest.mark.parametrize("index", [-1, 0.5, "0", None, True, [0]])
def test_a_slot_that_is_no_number_is_never_seen(index: Any) -> None:
    projection = CODEC.init()
    for event in [added(message("m1")), *say("m1", "x", part=index)]:
        CODEC.fold_output(projection, event, FoldMeta("1", "a"))
    assert projection.messages[0]["items"][0]["content"] == []


def test_a_delta_needs_a_part_of_its_type() -> None:
    events = [added(message("m1")), *say("m1", "x")]
    wrong = [
        about("response.refusal.delta", "m1", content_index=0, delta="no"),
        about("response.reasoning_text.delta", "m1", content_index=0, delta="no"),
        about("response.function_call_arguments.delta", "m1", delta="no"),
        summary_part("m1", 0, "no"),
        about("response.output_text.delta", "m1", content_index=1, delta="no"),
        about("response.output_text.delta", "ghost", content_index=0, delta="no"),
    ]
    projection = CODEC.init()
    for event in [*events, *wrong]:
        CODEC.fold_output(projection, event, FoldMeta("1", "a"))
    assert projection.messages[0]["items"] == [message("m1", text_part("x"))]


def test_summaries_and_reasoning_have_slots_of_their_own() -> None:
    events = [
        added(REASONING),
        summary_part("r1", 0, "sum"),
        about("response.reasoning_summary_text.delta", "r1", summary_index=0, delta="mary"),
        about("response.content_part.added", "r1", content_index=0, part={"type": "reasoning_text", "text": ""}),
        about("response.reasoning_text.delta", "r1", content_index=0, delta="thought"),
    ]
    [item] = only(write_events(events))["items"]
    assert item["summary"] == [{"type": "summary_text", "text": "summary"}]
    assert item["content"] == [{"type": "reasoning_text", "text": "thought"}]


def test_a_done_item_of_another_type_changes_nothing() -> None:
    events = [added(message("m1", status="in_progress")), done({**REASONING, "id": "m1", "status": "completed"})]
    assert only(write_events(events))["items"] == [message("m1", status="in_progress")]


def test_a_done_item_without_a_status_has_none() -> None:
    item = {key: value for key, value in message("m1").items() if key != "status"}
    assert only(write_events([added(message("m1")), done(item)]))["items"] == [item]


def test_logprobs_go_to_the_part_of_their_index_only() -> None:
    content = [{"type": "refusal", "refusal": ""}, text_part("x", logprobs=[{"token": "x"}])]
    events = [
        added(message("m1")),
        about("response.content_part.added", "m1", content_index=0, part={"type": "refusal", "refusal": ""}),
        *say("m1", "x", part=1),
        done(message("m1", *content)),
    ]
    assert only(write_events(events))["items"][0]["content"] == content


@pytest.mark.parametrize(
    "entry", ["x", None, text_part("x", logprobs=None), {"type": "output_text"}, {"type": "refusal", "logprobs": [1]}]
)
def test_an_entry_without_logprobs_of_a_text_leaves_the_part_as_it_is(entry: Any) -> None:
    projection = CODEC.init()
    finished = {**message("m1"), "content": [entry]}
    for event in [added(message("m1", status="in_progress")), *say("m1", "x"), done(finished)]:
        CODEC.fold_output(projection, event, FoldMeta("1", "a"))
    assert projection.messages[0]["items"] == [message("m1", text_part("x"))]


def test_the_sealed_content_of_reasoning_comes_when_it_is_done() -> None:
    finished = {**REASONING, "encrypted_content": "sealed"}
    assert only(write_events([added(REASONING), done(finished)]))["items"] == [finished]


def test_outputs_of_the_agent_append_and_those_of_clients_replace() -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": "server"}
    server = {"type": "function_call_output", "item": output}
    assert only(write_events([server, server]))["items"] == [output, output]
    result = CODEC.create_tool_result
    assert result is not None
    answered = write_inputs(*(result("m", {"call_id": "c", "output": text}) for text in ("first", "second")))
    assert only(answered) == {
        "role": "assistant",
        "items": [{**output, "output": "second"}],
        "toolCallStates": {"c": {"result": "ok"}},
    }


def test_what_is_known_of_a_call_adds_up() -> None:
    request = {"type": "tool-approval-request", "call_id": "c", "name": "f", "arguments": "{}"}
    projection = live(write_events([request]))
    answer, fail = CODEC.create_tool_approval_response, CODEC.create_tool_result_error
    assert answer is not None
    assert fail is not None
    for event in (
        answer("m", {"call_id": "c", "approved": True, "reason": "fine"}),
        answer("m", {"call_id": "c", "approved": True}),
        fail("m", {"call_id": "c", "message": "it broke"}),
    ):
        CODEC.fold_input(projection, event, FoldMeta("9", "id-0"))
    assert projection.messages == [
        {
            "role": "assistant",
            "items": [{"type": "function_call_output", "call_id": "c", "output": "it broke"}],
            "toolCallStates": {
                "c": {"approval": "approved", "name": "f", "arguments": "{}", "reason": "fine", "result": "failed"}
            },
        }
    ]


@pytest.mark.parametrize(
    ("reason", "output"), [({}, "Tool execution was not approved."), ({"reason": ""}, ""), ({"reason": "no"}, "no")]
)
def test_a_no_answers_the_call(reason: Event, output: str) -> None:
    answer = CODEC.create_tool_approval_response
    assert answer is not None
    held = only(write_inputs(answer("m", {"call_id": "c", "approved": False, **reason})))
    assert held["items"] == [{"type": "function_call_output", "call_id": "c", "output": output}]
    assert held.get("toolCallStates") == {"c": {"approval": "denied", **reason}}


def test_nothing_without_a_message_id_is_folded() -> None:
    projection = CODEC.init()
    CODEC.fold_output(projection, added(message("m1")), FoldMeta("1", None))
    CODEC.fold_input(projection, CODEC.to_input("hello"), FoldMeta("1", None))
    assert projection.messages == []


def test_what_a_reader_gets_is_its_own() -> None:
    projection = live(write_events([added(message("m1")), *say("m1", "x")]))
    projection.messages[0]["items"][0]["content"][0]["text"] = "changed"
    projection.messages[0]["items"].clear()
    assert projection.messages[0]["items"] == [message("m1", text_part("x"))]


def test_folding_the_same_events_again_gives_the_same() -> None:
    events = [added(message("m1")), *say("m1", "x"), done(message("m1", text_part("x", logprobs=[{"token": "x"}])))]
    decoded = events_of(write_events(events))
    results = []
    for _ in range(2):
        projection = CODEC.init()
        for event in decoded:
            CODEC.fold_output(projection, event, FoldMeta("1", "a"))
        results.append(projection.messages)
    assert results[0] == results[1]
