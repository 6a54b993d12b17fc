"""Runs and their steps, from start to end, in any order (session spec 2.5, 5.5, 5.6, 7.4)."""

from __future__ import annotations

import itertools

import pytest

from ai_transport_codecs.errors import AgentError
from ai_transport_codecs.session.events import OutputEvent, RunEvent, RunStatus
from ai_transport_codecs.session.lifecycle import RunProgress
from ai_transport_codecs.session.pending import MAX_PER_RUN, MAX_RUNS
from ai_transport_codecs.session.steps import MAX_STEPS
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.reading import new_tree, run_of, shown, tell, texts_of
from tests.session.wire_script import Script, Turn, serial_of


def status_of(deliveries: list[InboundMessage]) -> RunStatus:
    return run_of(new_tree(deliveries), "R1").status


# --- states


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("complete", RunStatus.COMPLETE),
        ("cancelled", RunStatus.CANCELLED),
        ("error", RunStatus.ERROR),
        ("", RunStatus.COMPLETE),
        ("some other word", RunStatus.COMPLETE),
    ],
)
def test_a_run_ends_with_the_reason_its_agent_gave(reason: str, status: RunStatus) -> None:
    script = Script()
    end = script.turn("R1", "M1").end(reason)
    run = run_of(new_tree(script), "R1")
    assert (run.status, run.end_serial, run.status.is_terminal) == (status, end.serial, True)


def test_a_run_goes_from_active_to_suspended_and_back() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.suspend()
    turn.resume("i2", "A1")
    turn.end()
    tree = new_tree()
    statuses = []
    for delivery in script.deliveries:
        tree.apply(delivery)
        statuses.append(str(run_of(tree, "R1").status))
    assert statuses == ["active", "suspended", "active", "complete"]
    assert run_of(tree, "R1").invocation_id == "i1"
    assert run_of(tree, "R1").last_resume_invocation_id == "i2"


def test_neither_a_start_nor_a_resume_revives_a_run_that_is_over() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.end("cancelled")
    script.turn("R1", "M1")
    turn.resume("i2", "A1")
    assert status_of(script.deliveries) is RunStatus.CANCELLED


def test_a_late_suspend_of_an_older_invocation_is_ignored_once_a_newer_one_resumed() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.suspend()
    turn.resume("i2", "A1")
    turn.invocation = "i1"
    turn.suspend()
    assert status_of(script.deliveries) is RunStatus.ACTIVE


@pytest.mark.parametrize(
    ("headers", "code", "status_code", "message"),
    [
        ({"error-code": "40160", "error-message": "not allowed"}, 40160, 401, "not allowed"),
        ({"error-code": "104008", "error-message": "boom"}, 104008, 500, "boom"),
        ({}, 104008, 500, "agent reported an error"),
        ({"error-code": "a lot"}, 104008, 500, "agent reported an error"),
        ({"error-code": "1e999"}, 104008, 500, "agent reported an error"),
        ({"error-code": "4_0_0"}, 104008, 500, "agent reported an error"),
        ({"error-code": "9" * 5000}, 104008, 500, "agent reported an error"),
        ({"error-code": " 4.1e4 "}, 41000, 410, "agent reported an error"),
        ({"error-code": "-3"}, -3, 500, "agent reported an error"),
    ],
)
def test_the_error_an_agent_reported_is_an_error_again(
    headers: dict[str, str], code: int, status_code: int, message: str
) -> None:
    script = Script()
    script.turn("R1", "M1").end("error", **headers)
    error = run_of(new_tree(script), "R1").error
    assert isinstance(error, AgentError)
    assert (error.code, error.status_code, error.message) == (code, status_code, message)


def test_a_run_that_did_not_fail_has_no_error() -> None:
    script = Script()
    script.turn("R1", "M1").end("complete", error_code="40000")
    assert run_of(new_tree(script), "R1").error is None


# --- pages that split a run


def continued_run() -> Script:
    """A run that was suspended, and continued with a tool result."""
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    turn.text("A1", "calling")
    turn.suspend()
    script.tool_result("A1", "42", run_id="R1", parent="A1")
    turn.resume("i2", "A1")
    turn.text("A2", "so 42")
    turn.end()
    return script


def test_a_run_whose_continuation_is_seen_before_its_start_is_not_hidden_for_ever() -> None:
    # Session spec 7.4 a: in the reference the continuation's own parent stays, and with it the run is its own parent.
    script = continued_run()
    cut = next(index for index, each in enumerate(script.deliveries) if each.data == "42")
    tree = new_tree(script.deliveries[cut:])
    assert shown(tree) == []  # its question is not loaded yet
    tell(tree, script.deliveries[:cut], live=False)
    assert shown(tree) == [("M1", "hello"), ("A1", "calling.|=42"), ("A2", "so 42.")]
    run = run_of(tree, "R1")
    assert (run.parent, run.serial, run.client_id, run.invocation_id) == ("M1", serial_of(3 - 1), "user-1", "i1")


def test_a_start_says_where_a_run_belongs_whatever_its_other_messages_say() -> None:
    script = continued_run()
    start, continuation = script.deliveries[1], next(each for each in script.deliveries if each.data == "42")
    tree = new_tree([continuation])
    assert run_of(tree, "R1").parent == "A1"
    tree.apply(start)
    assert run_of(tree, "R1").parent == "M1"
    assert run_of(new_tree([start, continuation]), "R1").parent == "M1"


def test_without_its_start_the_earliest_message_says_where_a_run_belongs() -> None:
    script = continued_run()
    rest = [each for each in script.deliveries if each.name != "ai-run-start"]
    for order in (rest, sorted(rest, key=lambda each: each.serial or "", reverse=True)):
        assert run_of(new_tree(order), "R1").parent == "M1"


def test_of_two_starts_the_first_counts() -> None:
    script = Script()
    script.lifecycle("run_start", "R1", parent="M1", run_client_id="first", invocation_id="i1")
    script.lifecycle("run_start", "R1", parent="M2", run_client_id="second", invocation_id="i2")
    for order in (script.deliveries, script.deliveries[::-1]):
        run = run_of(new_tree(order), "R1")
        assert (run.parent, run.client_id, run.invocation_id) == ("M1", "first", "i1")
    tree = new_tree()
    tree.start_run("R1", client_id="local", parent="M3")
    tell(tree, script)
    assert run_of(tree, "R1").client_id == "first"


def test_an_end_seen_before_anything_else_of_its_run_is_not_lost() -> None:
    # Session spec 7.4 b: in the reference the run stays active for ever.
    script = continued_run()
    tree = new_tree()
    told: list[RunEvent] = []
    tree.on("run", told.append)
    tell(tree, script.deliveries[-1:])
    assert tree.run("R1") is None
    tell(tree, script.deliveries[:-1], live=False)
    assert run_of(tree, "R1").status is RunStatus.COMPLETE
    ends = [event for event in told if event.type == "end"]
    assert [event.live for event in ends] == [True, False]


def test_a_suspend_from_an_older_page_does_not_undo_the_end() -> None:
    # Session spec 7.4 c: in the reference the run becomes suspended, and then active, again.
    script = continued_run()
    lifecycle = [each for each in script.deliveries if each.name and each.name.startswith("ai-run")]
    for order in itertools.permutations(lifecycle):
        assert status_of(list(order)) is RunStatus.COMPLETE


def test_what_was_heard_of_an_unknown_run_does_not_make_a_node() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.step("s0")
    turn.end_step()
    turn.note("A1", "?", kind="of another version")
    turn.end()
    tree = new_tree(script.deliveries[1:])
    assert tree.runs() == []
    tell(tree, script.deliveries[:1], live=False)
    run = run_of(tree, "R1")
    assert (run.status, [step.status for step in run.steps]) == (RunStatus.COMPLETE, ["complete"])
    assert tree.node_of("A1") is run


def test_garbage_about_unknown_runs_is_forgotten_and_the_newest_kept() -> None:
    script = Script()
    for number in range(MAX_RUNS + 1):
        script.lifecycle("run_end", f"R{number}", run_reason="cancelled")
    for _ in range(MAX_PER_RUN + 5):
        script.lifecycle("run_resume", "R1")
    script.lifecycle("run_end", "R1", run_reason="error")
    tree = new_tree(script)
    tell(tree, [script.lifecycle("run_start", run_id) for run_id in ("R0", "R1", f"R{MAX_RUNS}")])
    statuses = [run_of(tree, run_id).status for run_id in ("R0", "R1", f"R{MAX_RUNS}")]
    assert statuses == [RunStatus.ACTIVE, RunStatus.ERROR, RunStatus.CANCELLED]


def test_a_long_life_is_settled_and_its_end_still_counts() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    for number in range(RunProgress.MAX_EVENTS):
        turn.suspend()
        turn.resume(f"i{number}", "A1")
    turn.end()
    tree = new_tree(script)
    tell(tree, script, live=False)
    run = run_of(tree, "R1")
    assert (run.status, run.last_resume_invocation_id) == (RunStatus.COMPLETE, f"i{RunProgress.MAX_EVENTS - 1}")


# --- steps


def retried() -> tuple[Script, Turn]:
    """A step whose first attempt wrote something and failed, and its retry."""
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    turn.step("s0")
    turn.text("A1", "first try")
    turn.end_step("failed")
    return script, turn


def test_a_retry_hides_what_the_attempt_before_wrote_as_soon_as_it_starts() -> None:
    script, turn = retried()
    tree = new_tree(script)
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    turn.step("s0")
    tree.apply(script.deliveries[-1])
    assert texts_of(tree, "R1") == []
    assert [(event.run_id, event.message_id, event.outputs, event.replaced) for event in told] == [
        ("R1", None, (), True)
    ]
    turn.text("A2", "second try")
    tell(tree, script)
    assert shown(tree) == [("M1", "hello"), ("A2", "second try.")]


def test_late_output_of_a_superseded_attempt_is_neither_shown_nor_told() -> None:
    script, turn = retried()
    late = turn.headers | {"step_id": "s0", "step_start_serial": serial_of(3)}
    turn.step("s0")
    tree = new_tree(script)
    turn.headers = late
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    stream = turn.open("A1", "late")
    applied = [tree.apply(each) for each in (stream.created, stream.append("zombie"), stream.replace("undead"))]
    assert told == []
    assert [(each.key, each.output) for each in applied] == [("R1", None)] * 3
    assert texts_of(tree, "R1") == []


def test_output_written_outside_any_step_is_never_hidden() -> None:
    script, turn = retried()
    turn.note("A1", "outside")
    turn.step("s0")
    assert texts_of(new_tree(script), "R1") == ["outside"]


def test_the_newest_attempt_counts_in_whatever_order_they_start() -> None:
    script, turn = retried()
    turn.step("s0")
    turn.text("A2", "second try")
    turn.end_step()
    starts = [each for each in script.deliveries if each.name == "ai-step-start"]
    others = [each for each in script.deliveries if each.name != "ai-step-start"]
    for order in (starts + others, others + starts, others + starts[::-1], starts[::-1] + others):
        tree = new_tree(order)
        assert shown(tree) == [("M1", "hello"), ("A2", "second try.")]
        (step,) = run_of(tree, "R1").steps
        assert (step.step_id, step.status, step.attempt_count) == ("s0", "complete", 2)


def test_output_that_comes_before_the_start_of_its_attempt_shows_once_the_start_is_seen() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.step("s0")
    turn.step("s0")
    turn.note("A1", "second try")
    start, first, second, note = script.deliveries
    tree = new_tree([start, first, note])
    assert texts_of(tree, "R1") == []
    tree.apply(second)
    assert texts_of(tree, "R1") == ["second try"]


def test_steps_come_in_the_order_of_their_first_attempts_with_who_runs_them() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    for step_id, worker in (("s1", "one"), ("s0", "two"), ("s1", "three")):
        script.lifecycle("step_start", "R1", step_id=step_id, step_client_id=worker)
    turn.end()
    for order in (script.deliveries, [script.deliveries[0], *script.deliveries[:0:-1]]):
        steps = run_of(new_tree(order), "R1").steps
        assert [(step.step_id, step.client_id, step.status) for step in steps] == [
            ("s1", "three", "active"),
            ("s0", "two", "active"),
        ]


def test_a_step_ends_with_the_reason_of_the_attempt_that_counts() -> None:
    script, turn = retried()
    turn.step("s0")
    tree = new_tree(script)
    assert [step.status for step in run_of(tree, "R1").steps] == ["active"]
    turn.end_step("some other word")
    tell(tree, script)
    assert [step.status for step in run_of(tree, "R1").steps] == ["complete"]


def test_a_run_has_only_so_many_steps() -> None:
    script = Script()
    script.turn("R1", "M1")
    for number in range(MAX_STEPS + 1):
        script.lifecycle("step_start", "R1", step_id=f"s{number}")
    assert len(run_of(new_tree(script), "R1").steps) == MAX_STEPS
