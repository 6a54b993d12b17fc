"""A finished run's events are let go of, and nothing that is shown changes (session spec 5.4)."""

from __future__ import annotations

from typing import Any

from ai_transport_codecs.session.events import OutputEvent
from ai_transport_codecs.session.tree import Tree
from tests.session.reading import new_tree, run_of, shown, tell, texts_of
from tests.session.wire_script import Script, TextStream, Turn

WINDOW = 1_000


def finished(reason: str = "complete") -> tuple[Script, Turn, TextStream]:
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    turn.step("s0")
    stream = turn.open("A1")
    stream.append("Hi")
    turn.end_step()
    turn.end(reason)
    return script, turn, stream


def later(tree: Tree[str], script: Script, by: int) -> None:
    (message,) = script.say(f"late-{by}", "later", parent="nowhere")
    tree.apply(message._replace(timestamp=(message.timestamp or 0) + by))


def is_swept(tree: Tree[str], run_id: str = "R1") -> bool:
    return run_of(tree, run_id).log.is_swept


def test_a_run_is_swept_once_the_window_has_passed_in_channel_time() -> None:
    script, _, _ = finished()
    tree = new_tree(script, reorder_window_ms=WINDOW)
    later(tree, script, WINDOW - 100)
    assert not is_swept(tree)
    later(tree, script, WINDOW + 100)
    assert is_swept(tree)
    assert shown(tree)[:2] == [("M1", "hello"), ("A1", "Hi")]


def test_a_run_that_nobody_read_is_put_in_order_before_it_is_swept() -> None:
    script, turn, _ = finished()
    first, second = turn.note("A1", "first"), turn.note("A1", "second")
    tree = new_tree([*script.deliveries[:-2], second, first], reorder_window_ms=WINDOW)
    later(tree, script, WINDOW + 100)
    assert is_swept(tree)
    assert texts_of(tree, "R1") == ["Hi|first|second"]


def test_a_swept_run_still_knows_repeated_messages_from_new_ones() -> None:
    script, turn, stream = finished()
    tree = new_tree(script, reorder_window_ms=WINDOW)
    later(tree, script, WINDOW + 100)
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    tell(tree, script)
    assert texts_of(tree, "R1") == ["Hi"]
    assert told == []
    tell(tree, [stream.append("!"), turn.note("A1", "new")])
    assert texts_of(tree, "R1") == ["Hi!|new"]


def test_what_can_no_longer_be_undone_stays_as_it_is() -> None:
    script, turn, stream = finished()
    tree = new_tree(script, reorder_window_ms=WINDOW)
    later(tree, script, WINDOW + 100)
    applied: list[Any] = [tree.apply(stream.replace("other")).output, tree.apply(script.delete(stream.created)).output]
    turn.step("s0")
    tell(tree, script)
    assert applied == [None, None]
    assert texts_of(tree, "R1") == ["Hi"]


def test_runs_that_are_not_over_or_not_wholly_loaded_are_kept() -> None:
    for drop in ("ai-run-end", "ai-run-start", "ai-step-end"):
        script, _, _ = finished()
        tree = new_tree((each for each in script.deliveries if each.name != drop), reorder_window_ms=WINDOW)
        later(tree, script, WINDOW * 5)
        assert not is_swept(tree)
        tell(tree, [each for each in script.deliveries if each.name == drop], live=False)
        later(tree, script, WINDOW * 10)
        assert is_swept(tree)


def test_a_run_that_goes_on_after_its_end_waits_for_its_window_again() -> None:
    script, turn, _ = finished()
    tree = new_tree(script, reorder_window_ms=WINDOW)
    note = turn.note("A1", "more")
    tree.apply(note._replace(timestamp=WINDOW))
    later(tree, script, WINDOW + 500)
    assert not is_swept(tree)
    later(tree, script, WINDOW * 3)
    assert is_swept(tree)
    assert texts_of(tree, "R1") == ["Hi|more"]


def test_a_run_of_which_a_new_step_started_meanwhile_is_not_swept() -> None:
    script, turn, _ = finished()
    tree = new_tree(script, reorder_window_ms=WINDOW)
    turn.step("s1")
    tree.apply(script.deliveries[-1])
    later(tree, script, WINDOW * 2)
    assert not is_swept(tree)
    turn.end_step()
    tree.apply(script.deliveries[-1])
    later(tree, script, WINDOW * 4)
    assert is_swept(tree)


def test_events_of_a_swept_run_are_gone_from_memory() -> None:
    script, _, _ = finished()
    tree = new_tree(script, reorder_window_ms=WINDOW)
    later(tree, script, WINDOW * 2)
    assert run_of(tree, "R1").log.event_count == 0
