"""Repeated, mutated, replaced and deleted messages (session spec 5.4, 7.2, 7.3)."""

from __future__ import annotations

from ai_transport_codecs.codec.define import define_codec
from ai_transport_codecs.codec.lifecycle import LifecyclePolicy
from ai_transport_codecs.session.events import OutputEvent
from ai_transport_codecs.session.tree import Tree
from tests.session.reading import new_tree, shown, tell, texts_of
from tests.session.toy_codec import INPUTS, OUTPUTS, ToyReducer
from tests.session.wire_script import Script, as_history


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
