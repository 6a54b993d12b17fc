"""Tool calls: their states, what clients answer, and answers in runs of their own."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from ai_transport_codecs import InvalidArgumentError
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.codecs.vercel import (
    CODEC,
    UIMessage,
    approved_pending_tool_calls,
    fork_with_error,
    fork_with_result,
    pending_tool_calls,
    strip_tool_executes,
)
from ai_transport_codecs.codecs.vercel.fold_tools import MAX_PENDING
from tests.codecs.vercel.scripts import Chunk
from tests.codecs.vercel.wire import answered, entries, folded, live, parts, published, said

START: Chunk = {"type": "tool-input-start", "toolCallId": "c", "toolName": "get-weather"}
DELTA: Chunk = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"city":"Lisbon"}'}
AVAILABLE: Chunk = {
    "type": "tool-input-available",
    "toolCallId": "c",
    "toolName": "get-weather",
    "input": {"city": "Lisbon"},
}
REQUEST: Chunk = {"type": "tool-approval-request", "toolCallId": "c", "approvalId": "a"}
OUTPUT: Chunk = {"type": "tool-output-available", "toolCallId": "c", "output": {"sun": True}}

CALL: Chunk = {"type": "tool-get-weather", "toolCallId": "c"}
CALLED: Chunk = {**CALL, "state": "input-available", "input": {"city": "Lisbon"}}
INPUT: Chunk = {"input": {"city": "Lisbon"}}
DENIED: Chunk = {"approval": {"id": "", "approved": False}}


def answer(kind: str, target: str = "m", **payload: Any) -> Chunk:
    return {"kind": kind, "codecMessageId": target, "payload": {"toolCallId": "c"} | payload}


def after(chunks: list[Chunk], *inputs: Chunk, later: list[Chunk] | None = None) -> list[Any]:
    """The parts of message ``m`` after chunks, what a client says, and more chunks."""
    projection = folded(later or [], onto=answered(folded(chunks), *inputs))
    return [*projection.messages[0]["parts"]]


# --- what the agent says


STATES: list[tuple[list[Chunk], Chunk]] = [
    ([START], {**CALL, "state": "input-streaming"}),
    ([START, DELTA], {**CALL, "state": "input-streaming", **INPUT}),
    ([START, AVAILABLE], CALLED),
    ([START, AVAILABLE, DELTA], {**CALL, "state": "input-streaming", **INPUT}),
    ([START, {**AVAILABLE, "input": None}], {**CALLED, "input": None}),
    ([START, AVAILABLE, REQUEST], {**CALL, "state": "approval-requested", **INPUT, "approval": {"id": "a"}}),
    ([START, AVAILABLE, OUTPUT], {**CALL, "state": "output-available", **INPUT, "output": {"sun": True}}),
    ([START, DELTA, OUTPUT], {**CALL, "state": "output-available", **INPUT, "output": {"sun": True}}),
    (
        [START, AVAILABLE, {**OUTPUT, "preliminary": True}],
        {**CALL, "state": "output-available", **INPUT, "output": {"sun": True}, "preliminary": True},
    ),
    (
        [START, AVAILABLE, {**OUTPUT, "preliminary": True}, OUTPUT],
        {**CALL, "state": "output-available", **INPUT, "output": {"sun": True}},
    ),
    (
        [START, AVAILABLE, REQUEST, OUTPUT],
        {**CALL, "state": "output-available", **INPUT, "output": {"sun": True}},
    ),
    (
        [START, AVAILABLE, {"type": "tool-output-error", "toolCallId": "c", "errorText": "rain"}],
        {**CALL, "state": "output-error", **INPUT, "errorText": "rain"},
    ),
    (
        [START, AVAILABLE, REQUEST, {"type": "tool-output-denied", "toolCallId": "c"}],
        {**CALL, "state": "output-denied", **INPUT, **DENIED},
    ),
    (
        [START, {"type": "tool-input-error", "toolCallId": "c", "toolName": "x", "input": "{", "errorText": "e"}],
        {**CALL, "state": "output-error", "input": "{", "errorText": "e"},
    ),
    (
        [{"type": "tool-input-error", "toolCallId": "c", "toolName": "get-weather", "errorText": "e", "title": "T"}],
        {**CALL, "title": "T", "state": "output-error", "errorText": "e"},
    ),
]


@pytest.mark.parametrize(("chunks", "part"), STATES)
def test_the_last_event_decides_the_state_of_a_call(chunks: list[Chunk], part: Chunk) -> None:
    assert parts(chunks) == [part]


@pytest.mark.parametrize(("chunks", "part"), STATES)
def test_a_dynamic_tool_keeps_its_name_in_every_state(chunks: list[Chunk], part: Chunk) -> None:
    dynamic = {"dynamic": True, "title": "T", "providerExecuted": True}
    first = {**chunks[0], **dynamic}
    expected = {**part, "type": "dynamic-tool", "toolName": "get-weather", "title": "T", "providerExecuted": True}
    assert parts([first, *chunks[1:]]) == [expected]


@pytest.mark.parametrize(
    "prefix", ["", "{", '{"city"', '{"city":"Lis', '{"city":"Lisbon"', '{"a":{}', "[1,", '"x', "tru", "-"]
)
def test_input_that_is_not_whole_is_no_input(prefix: str) -> None:
    assert parts([START, {**DELTA, "inputTextDelta": prefix}]) == [{**CALL, "state": "input-streaming"}]


def test_input_appears_at_each_point_where_it_is_json() -> None:
    found = []
    for end in range(1, 4):
        deltas = [{**DELTA, "inputTextDelta": digit} for digit in "1 2"[:end]]
        found.append(parts([START, *deltas])[0].get("input", "none"))
    assert found == [1, 1, "none"]


def test_parallel_calls_do_not_mix() -> None:
    chunks = [
        START,
        {**START, "toolCallId": "d"},
        {**DELTA, "inputTextDelta": "[1"},
        {**DELTA, "toolCallId": "d", "inputTextDelta": "[2]"},
        {**DELTA, "inputTextDelta": "]"},
        {**OUTPUT, "toolCallId": "d"},
    ]
    first, second = parts(chunks)
    assert (first["state"], first["input"]) == ("input-streaming", [1])
    assert (second["state"], second["input"], second["output"]) == ("output-available", [2], {"sun": True})


def test_a_call_that_starts_again_is_another_part() -> None:
    first, second = parts([START, DELTA, START, {**DELTA, "inputTextDelta": "2"}, OUTPUT])
    assert first == {**CALL, "state": "input-streaming", **INPUT}
    assert second == {**CALL, "state": "output-available", "input": 2, "output": {"sun": True}}


def test_an_output_finds_its_call_in_any_message_but_an_approval_request_in_its_own() -> None:
    others = [OUTPUT, REQUEST, {"type": "tool-output-denied", "toolCallId": "c"}]
    projection = folded(others, "other", onto=folded([START, AVAILABLE]))
    assert [(entry.id, entry.message["parts"]) for entry in entries(projection)] == [
        ("m", [{**CALLED, "state": "output-available", "output": {"sun": True}}]),
        ("other", []),
    ]


def test_calls_outlive_their_step() -> None:
    assert parts([START, DELTA, {"type": "finish-step"}, {"type": "start-step"}, AVAILABLE, OUTPUT])[0]["output"]


# --- what a client says


def test_a_result_and_a_failure() -> None:
    chunks = [START, AVAILABLE]
    assert after(chunks, answer("tool-result", output=None)) == [
        {**CALL, "state": "output-available", **INPUT, "output": None}
    ]
    assert after(chunks, answer("tool-result-error", message="rain")) == [
        {**CALL, "state": "output-error", **INPUT, "errorText": "rain"}
    ]


def test_a_yes_keeps_the_approvals_id_and_a_no_keeps_nothing() -> None:
    chunks = [START, AVAILABLE, REQUEST]
    approved = {**CALL, "state": "approval-responded", **INPUT}
    yes = answer("tool-approval-response", approved=True)
    assert after(chunks, yes) == [{**approved, "approval": {"id": "a", "approved": True}}]
    because = answer("tool-approval-response", approved=True, reason="fine")
    assert after([START, AVAILABLE], because) == [
        {**approved, "approval": {"id": "", "approved": True, "reason": "fine"}}
    ]
    for no in (False, None, 1):
        refused = answer("tool-approval-response", approved=no, reason="never")
        assert after(chunks, refused) == [{**CALL, "state": "output-denied", **INPUT, **DENIED}]


def test_output_after_approval_drops_the_approval() -> None:
    yes = answer("tool-approval-response", approved=True)
    assert after([START, AVAILABLE, REQUEST], yes, later=[OUTPUT]) == [
        {**CALL, "state": "output-available", **INPUT, "output": {"sun": True}}
    ]


def test_an_answer_before_its_call_waits_and_may_be_overwritten() -> None:
    early = answer("tool-result", output=1)
    chunks: list[Chunk] = [{"type": "start"}]
    assert after(chunks, early, later=[START]) == [{**CALL, "state": "output-available", "output": 1}]
    assert after(chunks, early, later=[START, AVAILABLE]) == [CALLED]
    two = [answer("tool-approval-response", approved=True), answer("tool-result", output=2)]
    assert after(chunks, *two, later=[START]) == [{**CALL, "state": "output-available", "output": 2}]


def test_an_answer_for_another_message_finds_no_call() -> None:
    assert after([START, AVAILABLE], answer("tool-result", target="other", output=1)) == [CALLED]


def test_answers_that_nobody_asked_for_are_bounded() -> None:
    projection = folded([{"type": "start"}])
    for number in range(MAX_PENDING + 1):
        projection = answered(projection, answer("tool-result", output=number, toolCallId=f"c{number}"))
    assert len(projection.pending) == MAX_PENDING
    folded([{**START, "toolCallId": "c0"}, {**START, "toolCallId": "c1"}], onto=projection)
    assert ["output" in part for part in projection.messages[0]["parts"]] == [False, True]


@pytest.mark.parametrize("payload", [None, [], "x", {"toolCallId": 7}, {"toolCallId": "c", "approved": "true"}])
@pytest.mark.parametrize("kind", ["tool-result", "tool-result-error", "tool-approval-response", "unknown"])
def test_a_malformed_answer_does_no_harm(kind: str, payload: Any) -> None:
    assert answered(folded([]), {"kind": kind, "payload": payload}).messages == []


@pytest.mark.parametrize(
    "event",
    [
        answer("tool-result", output={"a": 1}),
        answer("tool-result-error", message="rain"),
        answer("tool-approval-response", approved=True, reason="fine"),
    ],
)
def test_answers_travel(event: Chunk) -> None:
    (delivery,) = said(event, "m")
    assert CODEC.create_decoder().decode(delivery).inputs == [event]


# --- answers in runs of their own


def suspended() -> list[CodecMessage[UIMessage]]:
    thought = [{"type": "text-start", "id": "0"}, {"type": "text-delta", "id": "0", "delta": "Let me see"}]
    asked = [START, AVAILABLE, {**START, "toolCallId": "open"}]
    return entries(folded(asked, onto=folded(thought, "m0")))


def test_a_fork_takes_the_messages_of_the_run_along() -> None:
    ids = map("fresh-{}".format, count())
    fork = fork_with_result(suspended(), "c", 21, run_id="r1", parent="u", mint_id=lambda: next(ids))
    assert fork.input["codecMessageId"] == "fresh-1"
    assert fork.options == {"parent": "u", "role": "assistant", "supersedes": "r1"}
    (delivery,) = said(fork.input, fork.input["codecMessageId"])
    first, second = live([delivery])
    assert first["parts"] == [{"type": "text", "text": "Let me see"}]
    assert second["parts"][0] == {**CALLED, "state": "output-available", "output": 21}
    # The agent goes on with what was open, by the ids that the calls had.
    (event,) = CODEC.create_decoder().decode(delivery).inputs
    projection = answered(folded([]), event, event)  # twice, as on a replay: there is no second copy
    projection = folded([{**OUTPUT, "toolCallId": "open"}], "later", onto=projection)
    assert [entry.id for entry in entries(projection)] == ["fresh-0", "fresh-1"]
    assert projection.messages[1]["parts"][1]["state"] == "output-available"  # type: ignore[typeddict-item]


def test_a_fork_with_a_failure_and_its_own_ids() -> None:
    fork = fork_with_error(suspended(), "c", "rain", run_id="r1", parent=None)
    (delivery,) = said(fork.input, fork.input["codecMessageId"])
    assert live([delivery])[1]["parts"][0] == {**CALLED, "state": "output-error", "errorText": "rain"}
    assert {fork.input["codecMessageId"]}.isdisjoint({"m", "m0"})


def test_a_fork_changes_nothing_of_the_run_it_leaves() -> None:
    messages = suspended()
    fork = fork_with_result(messages, "c", 1, run_id="r1", parent=None)
    payload: Chunk = {**fork.input["payload"]}
    payload["forkSeed"]["messages"][1]["message"]["parts"].clear()
    assert messages[1].message["parts"]


def test_a_fork_for_a_call_that_is_not_there_says_so() -> None:
    with pytest.raises(InvalidArgumentError, match="none of the run's 2 messages has the tool call 'nope', pass the"):
        fork_with_result(suspended(), "nope", 1, run_id="r1", parent=None)


@pytest.mark.parametrize(
    ("seed", "kept"),
    [
        (None, None),
        ([], None),
        ({"messages": {}}, None),
        ({"messages": []}, {"messages": []}),
        ({"messages": [1, {"codecMessageId": 1, "message": {"parts": []}}, {"codecMessageId": "a"}]}, {"messages": []}),
        (
            {"messages": [{"codecMessageId": "a", "message": {"parts": [1, {"type": 2}, {"type": "text"}], "x": 1}}]},
            {"messages": [{"codecMessageId": "a", "message": {"parts": [{"type": "text"}], "x": 1}}]},
        ),
    ],
)
def test_of_a_malformed_seed_what_is_well_formed_is_kept(seed: Any, kept: Any) -> None:
    (delivery,) = said(answer("tool-result", output=1))
    crafted = delivery._replace(data={"output": 1, "forkSeed": seed})
    (event,) = CODEC.create_decoder().decode(crafted).inputs
    assert event["payload"].get("forkSeed") == kept
    assert live([crafted]) == [dict(entry["message"]) for entry in (kept or {"messages": []})["messages"]]


# --- helpers of agents


def test_what_waits_to_be_run() -> None:
    (message,) = folded(
        [
            START,
            AVAILABLE,
            {**START, "toolCallId": "d", "dynamic": True},
            {**AVAILABLE, "toolCallId": "d", "input": None},
            {**START, "toolCallId": "e"},
        ]
    ).messages
    user: UIMessage = {"id": "u", "role": "user", "parts": []}
    assert pending_tool_calls([user, message, user]) == [
        {"toolCallId": "c", "toolName": "get-weather", "input": {"city": "Lisbon"}},
        {"toolCallId": "d", "toolName": "get-weather", "input": None},
    ]
    assert approved_pending_tool_calls([message]) == []
    assert pending_tool_calls([message, {"id": "a", "role": "assistant", "parts": []}]) == []


def test_what_was_approved_waits_to_be_run() -> None:
    found = after([START, AVAILABLE, REQUEST], answer("tool-approval-response", approved=True))
    message: UIMessage = {"id": "m", "role": "assistant", "parts": found}
    assert approved_pending_tool_calls([message]) == [
        {"toolCallId": "c", "toolName": "get-weather", "input": {"city": "Lisbon"}}
    ]
    assert pending_tool_calls([message]) == []


def test_tools_without_what_runs_them() -> None:
    tools: dict[str, dict[str, Any]] = {"a": {"description": "A", "execute": print}, "b": {"description": "B"}}
    assert strip_tool_executes(tools) == {"a": {"description": "A"}, "b": {"description": "B"}}
    assert "execute" in tools["a"]


@pytest.mark.parametrize(
    "then",
    [
        [],
        [REQUEST],
        [OUTPUT],
        [REQUEST, OUTPUT],
        [{"type": "tool-output-denied", "toolCallId": "c"}],
        [{"type": "tool-output-error", "toolCallId": "c", "errorText": "rain"}],
        [{"type": "tool-input-error", "toolCallId": "c", "toolName": "t", "input": 1, "errorText": "e"}],
    ],
)
def test_a_state_reads_the_same_over_the_wire(then: list[Chunk]) -> None:
    chunks = [START, DELTA, AVAILABLE, *then]
    assert live(published(chunks))[0]["parts"] == [{"type": "step-start"}, *parts(chunks)]


def test_a_static_tool_is_named_by_its_type_alone() -> None:
    """Also when somebody else's seed has a name beside the type."""
    seeded = {**CALLED, "toolName": "other", "title": "T"}
    seed = {"messages": [{"codecMessageId": "m", "message": {"id": "m", "role": "assistant", "parts": [seeded]}}]}
    (message,) = answered(folded([]), answer("tool-result", output=1, forkSeed=seed)).messages
    assert [*message["parts"]] == [{**CALLED, "title": "T", "state": "output-available", "output": 1}]


def seed_of(**parts_by_id: list[Chunk]) -> Chunk:
    messages = [
        {"codecMessageId": id_, "message": {"id": id_, "role": "assistant", "parts": given}}
        for id_, given in parts_by_id.items()
    ]
    return {"messages": messages}


def test_a_seed_says_nothing_of_messages_that_are_known() -> None:
    seed = seed_of(m=[{**CALLED, "title": "other"}], n=[CALLED])
    found = answered(folded([START, AVAILABLE]), answer("tool-result", "n", output=1, forkSeed=seed)).messages
    assert [(message["id"], [*message["parts"]]) for message in found] == [
        ("m", [CALLED]),
        ("n", [{**CALLED, "state": "output-available", "output": 1}]),
    ]


def test_an_answer_that_came_before_the_seed_is_applied_to_it() -> None:
    other: Chunk = {**CALLED, "toolCallId": "d"}
    early = answer("tool-result", "n", toolCallId="d", output=2)
    seeding = answer("tool-result", "n", output=1, forkSeed=seed_of(n=[CALLED, other]))
    (message,) = answered(folded([]), early, seeding).messages
    assert [part["output"] for part in [*message["parts"]]] == [1, 2]  # type: ignore[typeddict-item]  # tool parts


def test_of_equal_call_ids_in_two_messages_the_first_has_the_output() -> None:
    projection = folded([OUTPUT], "n", onto=folded([START, AVAILABLE], "n", onto=folded([START, AVAILABLE])))
    assert [[part["state"] for part in [*message["parts"]]] for message in projection.messages] == [  # type: ignore[typeddict-item]  # tool parts
        ["output-available"],
        ["input-available"],
    ]
