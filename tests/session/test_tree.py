"""A channel's messages, as a conversation and as events (session spec 5.2, 5.3, 5.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ai_transport_codecs.codec.contract import CodecMessage, FoldMeta
from ai_transport_codecs.codec.define import define_codec
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.session.events import Applied, OutputEvent, RunEvent, RunStatus
from ai_transport_codecs.session.tree import Tree
from tests.session.reading import HEADERS, new_tree, run_of, said, shown, tell, texts_of
from tests.session.toy_codec import INPUTS, OUTPUTS
from tests.session.wire_script import Script


def test_a_turn_reads_as_question_and_answer() -> None:
    script = Script()
    script.say("M1", "hello", "you")
    turn = script.turn("R1", "M1")
    turn.step("s0")
    turn.text("A1", "Hi", " there")
    turn.note("A1", "done")
    turn.end_step()
    turn.end()
    tree = new_tree(script)
    assert shown(tree) == [("M1", "hello|you"), ("A1", "Hi there.|done")]
    run = run_of(tree, "R1")
    assert (run.status, run.parent, run.client_id, run.invocation_id) == (RunStatus.COMPLETE, "M1", "user-1", "i1")
    assert tree.node_of("A1") is run
    assert [node.key for node in tree.visible_nodes()] == ["M1", "R1"]


def test_text_shows_as_it_grows() -> None:
    script = Script()
    script.say("M1", "hello")
    stream = script.turn("R1", "M1").open("A1")
    tree = new_tree(script)
    seen = []
    for piece in ("Hi", " the", "re"):
        tree.apply(stream.append(piece))
        seen.append(texts_of(tree, "R1")[0])
    assert seen == ["Hi", "Hi the", "Hi there"]


def test_messages_of_a_node_are_the_same_list_until_it_changes() -> None:
    script = Script()
    stream = script.turn("R1", "M1").open("A1")
    tree = new_tree(script)
    run = run_of(tree, "R1")
    before = tree.messages(run)
    assert tree.messages(run) is before
    tree.apply(stream.append("Hi"))
    assert tree.messages(run) is not before


def test_fragments_of_streams_side_by_side_join_to_their_own_texts() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    one, two = turn.open("A1", "one"), turn.open("A1", "two")
    for count in range(5):
        one.append(f"a{count}")
        two.append(f"b{count}")
    assert texts_of(new_tree(script), "R1") == ["a0a1a2a3a4|b0b1b2b3b4"]


def test_events_come_in_order_output_then_update_then_message() -> None:
    script = Script()
    script.say("M1", "hello")
    script.turn("R1", "M1").text("A1", "Hi")
    tree = new_tree()
    told: list[str] = []
    tree.on("message", lambda applied: told.append("message"))
    tree.on("update", lambda: told.append("update"))
    tree.on("run", lambda event: told.append(f"run {event.type}"))
    tree.on("output", lambda event: told.append("output"))
    steps = []
    for delivery in script.deliveries:
        tree.apply(delivery)
        steps.append(tuple(told))
        told.clear()
    assert steps == [
        ("output", "update", "message"),
        ("run start", "update", "message"),
        ("output", "message"),
        ("output", "message"),
        ("output", "message"),
    ]


def test_events_say_where_they_belong_and_whether_they_are_live() -> None:
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    attempt = turn.step("s0")
    turn.headers = {**turn.headers, "steer_codec_message_ids": '["S1", 7, ""]'}
    turn.note("A1", "Hi")
    turn.end()
    tree = new_tree()
    outputs: list[OutputEvent] = []
    runs: list[RunEvent] = []
    tree.on("output", outputs.append)
    tree.on("run", runs.append)
    tell(tree, script, live=False)
    question, answer = outputs
    assert (question.key, question.run_id, question.input_message_id, question.live) == ("M1", None, "M1", False)
    assert (answer.key, answer.run_id, answer.message_id, answer.input_message_id) == ("R1", "R1", "A1", "M1")
    assert (answer.step_id, answer.step_start_serial, answer.steer_message_ids) == ("s0", attempt, ("S1",))
    assert [(event.type, event.live) for event in runs] == [("start", False), ("end", False)]


def test_a_handler_that_raises_stops_nobody_and_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    script = Script()
    stream = script.turn("R1", "M1").open("A1")
    tree = new_tree(script)
    told: list[OutputEvent] = []

    def fail(event: OutputEvent) -> None:
        raise RuntimeError("handler")

    tree.on("output", fail)
    tree.on("output", told.append)
    for _ in range(20):
        tree.apply(stream.append("x"))
    assert len(told) == 20
    logged = [record for record in caplog.records if "event handler raised" in record.message]
    assert [record.message.split("(")[1].split(" ")[0] for record in logged] == ["1", "2", "4", "8", "16"]


def test_a_handler_that_unsubscribed_another_in_mid_dispatch_is_obeyed() -> None:
    tree = new_tree()
    told: list[Applied] = []
    endings: list[Callable[[], None]] = []
    tree.on("message", lambda applied: endings[0]())
    endings.append(tree.on("message", told.append))
    script = Script()
    script.say("M1", "hello")
    tell(tree, script)
    assert told == []


def test_a_handler_may_write_to_the_tree_it_listens_to() -> None:
    script = Script()
    script.say("M1", "hello")
    tree = new_tree()

    def answer(applied: Applied) -> None:
        tree.start_run("R1", parent="M1", input_message_id="M1")

    tree.on("message", answer)
    tell(tree, script)
    assert [node.key for node in tree.visible_nodes()] == ["M1", "R1"]


def test_listening_to_an_event_that_is_none_is_the_callers_fault() -> None:
    with pytest.raises(InvalidArgumentError, match=r"no event 'runs'; it has 'update', 'run', 'output' and 'message'"):
        new_tree().on("runs", print)  # type: ignore[call-overload]


def test_an_input_is_found_by_its_event_id() -> None:
    script = Script()
    first, second = script.say("M1", "hello", "you")
    tree = new_tree([first])
    tree.apply(second)
    tree.apply(script.cancel(event_id="event-C1"))
    found = tree.find_by_event_id("event-M1")
    assert found is not None
    assert (found.serial, found.client_id, found.extras, found.data) == (first.serial, "somebody", first.extras, None)
    assert tree.find_by_event_id("event-C1") is None


def test_the_structure_version_grows_with_nodes_and_not_with_text() -> None:
    script = Script()
    stream = script.turn("R1", "M1").open("A1")
    tree = new_tree(script)
    version = tree.version
    tree.apply(stream.append("Hi"))
    assert tree.version == version
    tell(tree, script.say("M1", "hello"))
    assert tree.version > version


class ListReducer:
    """One message: every event, in the order it was folded."""

    def init(self) -> list[str]:
        return []

    def fold_input(self, projection: list[str], event: Any, meta: FoldMeta) -> list[str]:
        return [*projection, event["kind"]]

    def fold_output(self, projection: list[str], event: Any, meta: FoldMeta) -> list[str]:
        return [*projection, event.get("delta") or event.get("text") or event["type"]]

    def get_messages(self, projection: list[str]) -> list[CodecMessage[str]]:
        return [CodecMessage("all", " ".join(projection))]


def test_fragments_of_side_by_side_streams_are_put_in_serial_order_when_the_run_stops() -> None:
    codec = define_codec(name="list", outputs=OUTPUTS, inputs=INPUTS, reducer=ListReducer())
    script = Script()
    turn = script.turn("R1", "M1")
    one, two = turn.open("A1", "one"), turn.open("A1", "two")
    two.append("b")
    one.append("a")
    tree: Tree[str] = Tree(codec)
    tell(tree, script)
    assert texts_of(tree, "R1") == ["text-start text-start b a"]
    tree.apply(turn.end())
    assert texts_of(tree, "R1") == ["text-start a text-start b"]
    tree.apply(one.append("late"))
    assert texts_of(tree, "R1") == ["text-start a late text-start b"]


def test_local_inputs_of_a_run_stay_behind_what_the_channel_has() -> None:
    codec = define_codec(name="list", outputs=OUTPUTS, inputs=INPUTS, reducer=ListReducer())
    script = Script()
    turn = script.turn("R1", "M1")
    tree: Tree[str] = Tree(codec)
    tell(tree, script)
    tree.insert_optimistic([said("also")], {**HEADERS, "run-id": "R1"})
    tell(tree, [turn.note("A1", "Hi"), turn.end()])
    assert texts_of(tree, "R1") == ["Hi user-message"]


def test_a_message_that_comes_late_takes_its_place_among_the_others() -> None:
    codec = define_codec(name="list", outputs=OUTPUTS, inputs=INPUTS, reducer=ListReducer())
    script = Script()
    turn = script.turn("R1", "M1")
    notes = [turn.note("A1", text) for text in ("one", "two", "three")]
    tree: Tree[str] = Tree(codec)
    tell(tree, reversed(notes))
    assert texts_of(tree, "R1") == ["one two three"]
