"""A channel's messages, as a conversation (session spec 5.2 to 5.4, 5.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from ai_transport_codecs.codec.contract import CodecMessage, Decoded, FoldMeta
from ai_transport_codecs.codec.define import TableCodec, define_codec
from ai_transport_codecs.codec.lifecycle import LifecyclePolicy
from ai_transport_codecs.codec.table_decoder import TableDecoder
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.session.events import Applied, OutputEvent, RunEvent, RunStatus
from ai_transport_codecs.session.tree import Tree
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.reading import new_tree, run_of, shown, tell, texts_of
from tests.session.toy_codec import INPUTS, OUTPUTS, TOY, ToyReducer
from tests.session.wire_script import Script, as_history, serial_of

HEADERS = {"role": "user", "codec-message-id": "M1", "event-id": "e", "stream": "false"}


def said(*texts: str) -> dict[str, Any]:
    return {"kind": "user-message", "message": {"parts": [{"type": "text", "text": text} for text in texts]}}


# --- a whole turn


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


# --- own inputs


def test_an_input_shows_before_it_is_published_and_its_echo_takes_its_place() -> None:
    tree = new_tree()
    node = tree.insert_optimistic([said("hello", "you")], HEADERS)
    assert node is not None
    assert node.is_optimistic
    assert shown(tree) == [("M1", "hello|you")]
    script = Script()
    first, second = script.say("M1", "hello", "you")
    tree.apply(first)
    assert shown(tree) == [("M1", "hello")]
    tree.apply(second)
    assert shown(tree) == [("M1", "hello|you")]
    assert tree.node("M1") is node
    assert node.serial == first.serial


def test_an_input_whose_publish_failed_disappears() -> None:
    tree = new_tree()
    tree.insert_optimistic([said("hello")], HEADERS)
    tree.discard_optimistic("M1")
    assert shown(tree) == []
    assert tree.node("M1") is None
    assert tree.node_of("M1") is None


def test_a_failed_publish_does_not_take_what_the_channel_has() -> None:
    script = Script()
    script.say("M1", "hello")
    tree = new_tree(script)
    tree.discard_optimistic("M1")
    assert shown(tree) == [("M1", "hello")]


def test_a_message_sent_into_a_run_stays_until_its_own_echo_not_just_any_message() -> None:
    # The reference drops it with the run's next message, so it flickers.
    script = Script()
    stream = script.turn("R1", "M1").open("A1")
    tree = new_tree(script)
    tree.insert_optimistic([said("also")], {**HEADERS, "codec-message-id": "S1", "run-id": "R1"})
    tree.apply(stream.append("Hi"))
    assert texts_of(tree, "R1") == ["Hi", "also"]
    (echo,) = script.say("S1", "also", run_id="R1")
    tree.apply(echo)
    assert texts_of(tree, "R1") == ["Hi", "also"]


def test_a_message_sent_into_a_run_in_vain_disappears() -> None:
    script = Script()
    script.turn("R1", "M1").text("A1", "Hi")
    tree = new_tree(script)
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    tree.insert_optimistic([said("also")], {**HEADERS, "codec-message-id": "S1", "run-id": "R1"})
    tree.discard_optimistic("S1")
    assert texts_of(tree, "R1") == ["Hi."]
    assert [(event.key, event.replaced) for event in told] == [("R1", False), ("R1", True)]


def test_inputs_that_do_not_say_where_they_belong_are_not_shown() -> None:
    tree = new_tree()
    assert tree.insert_optimistic([said("hello")], {"role": "user"}) is None
    assert tree.insert_optimistic([], HEADERS) is None
    assert shown(tree) == []


def test_a_run_that_this_process_starts_is_told_twice_and_is_one_node() -> None:
    tree = new_tree()
    told: list[RunEvent] = []
    tree.on("run", told.append)
    run = tree.start_run("R1", client_id="user-1", invocation_id="i1", parent="M1", input_message_id="M1")
    assert (run.serial, run.is_started, run.status) == (None, True, RunStatus.ACTIVE)
    script = Script()
    script.turn("R1", "M1")
    tell(tree, script)
    assert run_of(tree, "R1") is run
    assert run.serial == serial_of(1)
    assert [(event.type, event.serial) for event in told] == [("start", None), ("start", serial_of(1))]


def test_a_seeded_step_is_not_counted_again_when_its_echo_comes() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    tree = new_tree(script)
    attempt = turn.step("s0")
    tree.seed_step("R1", "s0", attempt, client_id="worker")
    tell(tree, script)
    assert [(step.step_id, step.attempt_count) for step in run_of(tree, "R1").steps] == [("s0", 1)]


def test_a_deleted_node_is_gone_and_what_followed_it_is_a_root() -> None:
    script = Script()
    script.say("M1", "hello")
    script.say("M2", "more", parent="M1")
    tree = new_tree(script)
    tree.delete("M1")
    tree.delete("unknown")
    assert shown(tree) == [("M2", "more")]


# --- repeats and versions


def test_a_repeated_delivery_tells_nobody_anything() -> None:
    # The reference emits the repeated events once more, and leaves it to every listener to notice.
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    turn.text("A1", "Hi")
    turn.note("A1", "done")
    tree = new_tree(script)
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    tell(tree, script)
    tell(tree, as_history(script.deliveries), live=False)
    assert told == []
    assert shown(tree) == [("M1", "hello"), ("A1", "Hi.|done")]


def test_an_edit_of_a_discrete_message_is_ignored() -> None:
    script = Script()
    note = script.turn("R1", "M1").note("A1", "first")
    script.mutate(note, "message.update", "second")
    assert texts_of(new_tree(script), "R1") == ["first"]


def test_appends_without_a_version_are_taken_as_they_come() -> None:
    script = Script()
    stream = script.turn("R1", "M1").open("A1")
    tree = new_tree(script)
    for piece in ("a", "b"):
        tree.apply(stream.append(piece)._replace(version=None))
    assert texts_of(tree, "R1") == ["ab"]


def test_a_message_without_a_serial_shows_until_one_with_a_serial_takes_its_place() -> None:
    script = Script()
    (message,) = script.say("M1", "hello")
    tree = new_tree([message._replace(serial=None, version=None)])
    assert shown(tree) == [("M1", "hello")]
    tree.apply(message)
    assert shown(tree) == [("M1", "hello")]


def test_replaced_text_is_repaired_for_live_readers_too() -> None:
    # Codec spec h, H2: the reference shows the repair only to readers who come later.
    script = Script()
    turn = script.turn("R1", "M1")
    stream = turn.open("A1")
    stream.append("Hi thxre")
    tree = new_tree(script)
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    tree.apply(stream.replace("Hi there"))
    assert texts_of(tree, "R1") == ["Hi there"]
    assert told[0].replaced
    assert [event["type"] for event in told[0].outputs] == ["text-start", "text-delta"]
    tree.apply(stream.append(", you"))
    tree.apply(stream.close())
    assert texts_of(tree, "R1") == ["Hi there, you."]


class LeadIn:
    """A lifecycle policy that says ``begin`` before the first stream that a decoder sees."""

    def __init__(self) -> None:
        self.is_done = False

    def __call__(self, run_id: str, tracker: object) -> list[dict[str, str]]:
        events = [] if self.is_done else [{"type": "note", "text": "begin"}]
        self.is_done = True
        return events


def test_a_repair_keeps_what_the_decoder_put_before_the_stream() -> None:
    codec = define_codec(
        name="toy",
        outputs=OUTPUTS,
        inputs=INPUTS,
        reducer=ToyReducer(),
        lifecycle=lambda: LifecyclePolicy(on_stream_start=LeadIn()),
    )
    script = Script()
    stream = script.turn("R1", "M1").open("A1")
    stream.append("old")
    stream.replace("new")
    stream.replace("newest of all")
    tree: Tree[str] = Tree(codec)
    tell(tree, script)
    assert texts_of(tree, "R1") == ["begin|newest of all"]


def test_a_deleted_message_disappears_for_live_readers_as_for_later_ones() -> None:
    # The reference goes on showing it to whoever saw it before.
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    turn.note("A1", "one")
    secret = turn.note("A1", "secret")
    tree = new_tree(script)
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    tree.apply(script.delete(secret))
    assert shown(tree) == [("M1", "hello"), ("A1", "one")]
    assert [(event.key, event.replaced, event.outputs) for event in told] == [("R1", True, ())]
    tell(tree, [secret], live=False)
    assert shown(tree) == [("M1", "hello"), ("A1", "one")]


def test_a_stream_that_goes_on_after_it_was_deleted_is_not_told() -> None:
    script = Script()
    stream = script.turn("R1", "M1").open("A1")
    stream.append("sec")
    script.delete(stream.created)
    tree = new_tree(script)
    told: list[OutputEvent] = []
    tree.on("output", told.append)
    tell(tree, [stream.append("ret"), stream.close()])
    assert told == []
    assert texts_of(tree, "R1") == []


def test_a_message_deleted_before_it_was_seen_never_shows() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    note = turn.note("A1", "secret")
    tree = new_tree(script.deliveries[:1])
    tree.apply(script.delete(note))
    tree.apply(note, live=False)
    assert texts_of(tree, "R1") == []


def test_the_answer_to_a_deleted_question_stays_readable() -> None:
    script = Script()
    (question,) = script.say("M1", "hello")
    script.turn("R1", "M1").text("A1", "Hi")
    script.delete(question)
    later = new_tree(as_history(script.deliveries))
    assert shown(later) == shown(new_tree(script)) == [("A1", "Hi.")]


# --- what is not ours, or broken


@pytest.mark.parametrize(
    "message",
    [
        InboundMessage("message.create", "1", "1", 1, "chat", "hi", {"headers": {"x": "y"}}),
        InboundMessage("message.create", "1", "1", 1, "ai-output", "hi", None),
        InboundMessage("message.create", "1", "1", 1, "ai-output", "hi", {"ai": {"transport": {}}}),
        InboundMessage("message.create", "1", "1", 1, "ai-run-start", None, {"ai": {"transport": {}}}),
        InboundMessage("message.create", "1", "1", 1, "ai-step-start", None, {"ai": {"transport": {"run-id": "R"}}}),
        InboundMessage("message.create", None, None, 1, "ai-run-end", None, {"ai": {"transport": {"run-id": "R"}}}),
        InboundMessage("meta", "1", "2", 1, None, None, None),
        InboundMessage("message.summary", "1", "2", 1, None, None, None),
        InboundMessage("message.append", "1", "2", 1, None, "more", {"ai": {"transport": {"run-id": "R"}}}),
        InboundMessage("message.delete", None, None, 1, None, None, None),
    ],
)
def test_a_message_that_is_not_ours_is_told_as_a_message_and_nothing_else(message: InboundMessage) -> None:
    tree = new_tree()
    told: list[Any] = []
    tree.on("output", told.append)
    tree.on("run", told.append)
    tree.on("update", lambda: told.append("update"))
    messages: list[Applied] = []
    tree.on("message", messages.append)
    applied = tree.apply(message)
    assert (applied.key, applied.run, applied.step, applied.output) == (None, None, None, None)
    assert messages == [applied]
    assert told == []
    assert tree.visible_nodes() == []


def test_a_cancel_of_a_known_run_is_an_output_without_content() -> None:
    script = Script()
    script.turn("R1", "M1")
    tree = new_tree(script)
    applied = tree.apply(script.cancel(run_id="R1"))
    assert applied.output is not None
    assert (applied.key, applied.output.outputs, applied.output.inputs) == ("R1", (), ())
    assert tree.apply(script.cancel(run_id="R2")).output is None
    assert tree.run("R2") is None


def test_an_event_whose_fold_raises_is_lost_alone_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.note("A1", "before")
    turn.note("A1", "", kind="boom")
    turn.note("A1", "", kind="boom")
    turn.note("A1", "after")
    assert texts_of(new_tree(script), "R1") == ["before|after"]
    assert [record.message for record in caplog.records] == [
        "the codec raised in folding for 'boom'; that event is skipped"
    ]


class RaisingDecoder(TableDecoder):
    """Somebody's decoder, with a defect."""

    def decode(self, message: InboundMessage) -> Decoded:
        if message.data == "raise":
            raise KeyError("oops")
        return super().decode(message)

    def restate(self, serial: str) -> Decoded:
        raise KeyError(serial)


class FragileReducer(ToyReducer):
    def get_messages(self, projection: Any) -> list[CodecMessage[str]]:
        messages = super().get_messages(projection)
        if any("unreadable" in message.message for message in messages):
            raise IndexError("unreadable")
        return messages


class FragileCodec(TableCodec[Any, Any, Any, str]):
    """The toy codec, with a defect wherever a codec can have one."""

    def create_decoder(self) -> RaisingDecoder:
        return RaisingDecoder(self.outputs, self.inputs)


def fragile_tree() -> Tree[str]:
    codec: TableCodec[Any, Any, Any, str] = replace(TOY, reducer=FragileReducer())
    return Tree(FragileCodec(*(getattr(codec, field.name) for field in fields(codec))))


def test_a_decoder_that_raises_costs_its_message_and_no_other() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.note("A1", "raise")
    stream = turn.open("A1")
    stream.append("Hi")
    stream.append("raise")
    stream.append("!")
    tree = fragile_tree()
    tell(tree, script)
    assert texts_of(tree, "R1") == ["Hi!"]
    tree.apply(stream.replace("anew"))  # its restating raises as well: nothing is left to show, and nothing breaks
    assert texts_of(tree, "R1") == []
    tree.apply(turn.note("A1", "after"))
    assert texts_of(tree, "R1") == ["after"]


def test_a_projection_that_cannot_be_read_shows_no_messages_until_it_can() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    note = turn.note("A1", "unreadable")
    tree = fragile_tree()
    tell(tree, script)
    assert texts_of(tree, "R1") == []
    tell(tree, [turn.note("A1", "after"), script.delete(note)])
    assert texts_of(tree, "R1") == ["after"]


def test_output_that_names_no_run_and_inputs_that_name_no_message_are_ignored() -> None:
    script = Script()
    script.publish("ai-output", "x", {"codec-message-id": "A1", "stream": "false"}, {"kind": "note"})
    script.publish("ai-input", "x", {"role": "user", "stream": "false"}, {"kind": "user-message", "partType": "text"})
    tree = new_tree(script)
    assert tree.visible_nodes() == []
    assert tree.runs() == []


# --- events


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


# --- order of folding


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
