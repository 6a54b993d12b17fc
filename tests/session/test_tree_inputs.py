"""What this process adds before the channel has it (session spec 3.5, 4.4, 5.4)."""

from __future__ import annotations

from ai_transport_codecs.session.events import OutputEvent, RunEvent, RunStatus
from tests.session.reading import HEADERS, new_tree, run_of, said, shown, tell, texts_of
from tests.session.wire_script import Script, serial_of


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
