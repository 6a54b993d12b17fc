"""Which nodes are siblings, which are shown, and in what order (session spec 5.1, 5.6 to 5.8, 6.2)."""

from __future__ import annotations

import itertools

from ai_transport_codecs.session.nodes import RunNode
from ai_transport_codecs.session.tree import Tree
from tests.session.reading import HEADERS, new_tree, run_of, said, shown, tell
from tests.session.wire_script import Script, serial_of


def keys(tree: Tree[str], **selections: str) -> list[str]:
    return [node.key for node in tree.visible_nodes(selections)]


def siblings(tree: Tree[str], key: str) -> list[str]:
    return [node.key for node in tree.siblings(key)]


def edited() -> Script:
    """A question, its answer, and an edit of the question with its own answer."""
    script = Script()
    script.say("M1", "hello")
    script.turn("R1", "M1").text("A1", "Hi")
    script.say("M2", "more", parent="A1")
    script.turn("R2", "M2").text("A2", "More")
    script.say("M3", "less", parent="A1", fork_of="M2")
    script.turn("R3", "M3").text("A3", "Less")
    return script


def regenerated() -> Script:
    script = Script()
    script.say("M1", "hello")
    script.turn("R1", "M1").text("A1", "Hi")
    script.regenerate("G1", "A1", "M1")
    script.turn("R2", "M1", input_codec_message_id="G1", msg_regenerate="A1").text("A2", "Hello")
    return script


# --- siblings


def test_the_newest_edit_shows_and_an_older_one_can_be_chosen() -> None:
    tree = new_tree(edited())
    assert siblings(tree, "M2") == siblings(tree, "M3") == ["M2", "M3"]
    assert tree.group_root("M3") == "M2"
    assert keys(tree) == ["M1", "R1", "M3", "R3"]
    assert keys(tree, M2="M2") == ["M1", "R1", "M2", "R2"]
    assert keys(tree, M2="somewhere else") == ["M1", "R1", "M3", "R3"]


def test_edits_of_edits_are_one_group() -> None:
    script = edited()
    script.say("M4", "least", parent="A1", fork_of="M3")
    tree = new_tree(script)
    assert siblings(tree, "M4") == ["M2", "M3", "M4"]
    assert keys(tree) == ["M1", "R1", "M4"]


def test_an_edit_with_another_parent_is_no_sibling() -> None:
    script = edited()
    script.say("M4", "elsewhere", parent="M1", fork_of="M3")
    assert siblings(new_tree(script), "M4") == ["M4"]


def test_edits_of_a_message_that_is_not_loaded_are_siblings_already() -> None:
    # In the reference both show, one after the other, until the edited message is loaded.
    script = edited()
    edits = [
        *script.say("M4", "least", parent="A1", fork_of="M2"),
        *script.say("M5", "no more", parent="A1", fork_of="M2"),
    ]
    tree = new_tree(edits)
    assert siblings(tree, "M4") == ["M4", "M5"]
    assert keys(tree) == ["M5"]
    assert keys(tree, M2="M4") == ["M4"]
    tell(tree, script, live=False)
    assert siblings(tree, "M4") == ["M2", "M3", "M4", "M5"]
    assert keys(tree, M2="M4") == ["M1", "R1", "M4"]


def test_a_run_that_was_triggered_by_the_edited_message_does_not_stand_in_for_it() -> None:
    script = edited()
    edits = [
        *script.say("M4", "least", parent="A1", fork_of="M2"),
        *script.say("M5", "none", parent="A1", fork_of="M2"),
    ]
    tree = new_tree(edits)
    tell(tree, [each for each in script.deliveries if "R2" in str(each.extras)])
    assert siblings(tree, "M4") == ["M4", "M5"]


def test_inputs_that_replace_an_answer_are_no_edits_of_one_another() -> None:
    script = Script()
    script.say("M1", "hello")
    script.turn("R1", "M1").text("A1", "Hi")
    script.say("M2", "instead", parent="M1", fork_of="A1")
    script.say("M3", "instead", parent="M1", fork_of="A1")
    assert siblings(new_tree(script), "M2") == ["M2"]


def test_messages_that_claim_to_be_edits_of_one_another_are_one_group() -> None:
    script = Script()
    for name, target in (("M1", "M2"), ("M2", "M3"), ("M3", "M2"), ("M4", "M4")):
        script.say(name, name, fork_of=target)
    tree = new_tree(script)
    assert siblings(tree, "M1") == siblings(tree, "M3") == ["M1", "M2", "M3"]
    assert keys(tree) == ["M3", "M4"]


def test_a_thousand_edits_of_edits_are_one_group() -> None:
    script = Script()
    for number in range(1000):
        script.say(f"M{number}", "again", fork_of=f"M{number - 1}")
    assert len(siblings(new_tree(script), "M500")) == 1000


def test_answers_to_the_same_question_are_siblings_and_the_newest_shows() -> None:
    tree = new_tree(regenerated())
    assert siblings(tree, "R1") == ["R1", "R2"]
    assert [run.key for run in tree.reply_runs("M1")] == ["R1", "R2"]
    assert shown(tree) == [("M1", "hello"), ("A2", "Hello.")]
    assert shown(tree, {"R1": "R1"}) == [("M1", "hello"), ("A1", "Hi.")]


def test_a_choice_made_before_an_older_sibling_was_loaded_still_holds() -> None:
    script = regenerated()
    script.regenerate("G2", "A1", "M1")
    script.turn("R3", "M1", input_codec_message_id="G2", msg_regenerate="A1").text("A3", "Hey")
    newer = [each for each in script.deliveries if "R1" not in str(each.extras)]
    tree = new_tree(newer)
    assert tree.group_root("R2") == "R2"
    assert keys(tree, R2="R2") == ["M1", "R2"]
    tell(tree, script, live=False)
    assert tree.group_root("R2") == "R1"
    assert keys(tree, R2="R2") == ["M1", "R2"]


def test_what_follows_a_hidden_answer_is_hidden() -> None:
    script = regenerated()
    script.say("M2", "more", parent="A1")
    tree = new_tree(script)
    assert keys(tree) == ["M1", "R2"]
    assert keys(tree, R1="R1") == ["M1", "R1", "M2"]


def test_of_runs_that_follow_nothing_only_the_newest_shows() -> None:
    script = Script()
    for run_id in ("R1", "R2"):
        script.lifecycle("run_start", run_id)
    assert keys(new_tree(script)) == ["R2"]


def test_unknown_keys_have_no_siblings() -> None:
    tree = new_tree()
    assert tree.siblings("M1") == []
    assert tree.group_root("M1") is None
    assert tree.reply_runs("M1") == []
    assert tree.regenerators("M1") == []
    assert tree.node("M1") is None
    assert tree.node_of("M1") is None


# --- visibility


def test_an_answer_is_hidden_until_its_question_is_loaded() -> None:
    script = Script()
    question = script.say("M1", "hello")
    script.turn("R1", "M1").text("A1", "Hi")
    tree = new_tree(script.deliveries[1:])
    assert keys(tree) == []
    assert tree.run("R1") is tree.node_of("M1")
    tell(tree, question, live=False)
    assert keys(tree) == ["M1", "R1"]
    assert tree.node_of("M1") is tree.node("M1")


def test_a_message_whose_parent_is_not_known_at_all_is_a_root() -> None:
    script = Script()
    script.say("M9", "in the middle", parent="A8")
    assert keys(new_tree(script)) == ["M9"]


def test_a_message_that_claims_to_follow_itself_is_not_shown_and_breaks_nothing() -> None:
    script = Script()
    script.say("M1", "hello", parent="M1")
    script.say("M2", "hello")
    assert keys(new_tree(script)) == ["M2"]


def test_what_follows_a_run_whose_question_is_not_loaded_stays_as_it_was_shown() -> None:
    """The reference hides it with the run, so a history page that ends in the middle of a run hides what is newer."""
    script = Script()
    turn = script.turn("R1", "M1")
    tree = new_tree(script)
    updates: list[list[str]] = []
    tree.on("update", lambda: updates.append(keys(tree)))
    tell(tree, script.say("M9", "in the middle", parent="A8"))
    tree.apply(turn.note("A8", "hidden, for its question is not loaded"))
    tree.apply(turn.note("A9", "nobody follows this one"))
    assert updates == [["M9"], ["M9"]]


def test_an_input_is_where_its_first_part_is_even_if_that_comes_last() -> None:
    script = Script()
    one, three = script.say("M1", "one"), script.say("M2", "two")
    three = [*three, *script.say("M1", "three")]
    tree = new_tree([*reversed(three), *one])
    assert shown(tree) == [("M1", "one|three"), ("M2", "two")]


def test_nodes_are_in_the_order_of_their_first_messages_and_local_ones_last() -> None:
    script = Script()
    script.say("M1", "one")
    script.say("M2", "two")
    tree = new_tree()
    for name in ("L1", "L2"):
        tree.insert_optimistic([said(name)], {**HEADERS, "codec-message-id": name})
    tell(tree, reversed(script.deliveries))
    assert keys(tree) == ["M1", "M2", "L1", "L2"]


def test_a_run_moves_to_its_place_when_its_earlier_messages_are_loaded() -> None:
    # The reference leaves it where its first message seen was, so the order depends on how history is paged.
    script = Script()
    script.say("M1", "hello")
    slow = script.turn("R1", "M1")
    script.regenerate("G1", "A1", "M1")
    script.turn("R2", "M1", input_codec_message_id="G1").text("A2", "quick")
    slow.text("A1", "slow")
    assert keys(new_tree(script)) == ["M1", "R2"]
    for order in itertools.islice(itertools.permutations(script.deliveries[-4:]), 24):
        tree = new_tree(order)
        tell(tree, script, live=False)
        assert keys(tree) == ["M1", "R2"]
        assert run_of(tree, "R1").serial == serial_of(2)


# --- forks


def forked() -> Script:
    """A suspended run whose tool call was answered on a branch of its own."""
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    turn.text("A1", "calling")
    turn.suspend()
    script.tool_result("F1", "42", role="assistant", parent="M1", supersedes="R1")
    script.turn("R2", "M1", input_codec_message_id="F1").text("A2", "so 42")
    return script


def test_a_fork_is_keyed_by_its_input_until_the_run_that_answers_it_is_known() -> None:
    script = forked()
    start = next(index for index, each in enumerate(script.deliveries) if "R2" in str(each.extras))
    tree = new_tree(script.deliveries[:start])
    fork = tree.node("F1")
    assert isinstance(fork, RunNode)
    assert (fork.run_id, fork.parent, fork.is_started) == ("F1", "M1", False)
    assert shown(tree) == [("M1", "hello"), ("F1", "=42")]
    tell(tree, script)
    assert tree.node("R2") is tree.node("F1") is fork
    assert fork.run_id == "R2"
    assert shown(tree) == [("M1", "hello"), ("F1", "=42"), ("A2", "so 42.")]


def test_a_start_that_does_not_say_where_it_belongs_leaves_a_fork_where_it_is() -> None:
    script = Script()
    script.say("M1", "hello")
    script.tool_result("F1", "42", role="assistant", parent="M1", run_client_id="user-2")
    script.lifecycle("run_start", "R2", input_codec_message_id="F1", run_client_id="")
    for order in (script.deliveries, script.deliveries[::-1]):
        run = run_of(new_tree(order), "R2")
        assert (run.parent, run.client_id) == ("M1", "user-2")


def test_a_fork_hides_the_run_it_replaces_which_stays_reachable_by_id() -> None:
    tree = new_tree(forked())
    assert keys(tree) == ["M1", "R2"]
    assert siblings(tree, "R2") == siblings(tree, "R1") == ["R2"]
    assert [run.key for run in tree.reply_runs("M1")] == ["R2"]
    assert tree.run("R1") is not None


def test_the_fork_and_its_run_are_one_node_in_whatever_order_they_come() -> None:
    script = forked()
    expected = shown(new_tree(script))
    fork = next(each for each in script.deliveries if each.data == "42")
    answers = [each for each in script.deliveries if "R2" in str(each.extras)]
    others = [each for each in script.deliveries if each not in answers and each is not fork]
    for order in ([*answers, fork, *others], [fork, *answers[1:], answers[0], *others], [*others, *answers, fork]):
        tree = new_tree(order)
        assert shown(tree) == expected
        assert [run.key for run in tree.runs()] == ["R1", "R2"]
        assert tree.node_of("F1") is tree.run("R2")


def test_a_fork_belongs_to_the_first_run_that_answers_it_even_if_the_second_is_seen_first() -> None:
    script = forked()
    script.turn("R3", "M1", input_codec_message_id="F1").text("A3", "again 42")
    expected = shown(new_tree(script), {"R2": "R2"})
    second = [each for each in script.deliveries if "R3" in str(each.extras)]
    tree = new_tree(second)
    tell(tree, script, live=False)
    assert shown(tree, {"R2": "R2"}) == expected == [("M1", "hello"), ("F1", "=42"), ("A2", "so 42.")]


def test_a_choice_of_a_fork_survives_its_run_becoming_known() -> None:
    script = Script()
    script.say("M1", "hello")
    script.tool_result("F1", "42", role="assistant", parent="M1")
    script.turn("R2", "M1", input_codec_message_id="F1")
    script.turn("R3", "M1")
    tree = new_tree(script)
    assert keys(tree, F1="F1") == ["M1", "R2"]


def test_a_fork_named_by_its_former_key_is_superseded_all_the_same() -> None:
    script = forked()
    script.tool_result("F2", "43", role="assistant", parent="M1", supersedes="F1")
    assert keys(new_tree(script)) == ["M1", "F2"]


# --- other versions of a message


def two_messages_and_another_second() -> Script:
    script = Script()
    script.say("M1", "hello")
    turn = script.turn("R1", "M1")
    turn.text("A1", "first")
    turn.text("A2", "second")
    turn.text("A3", "third")
    script.regenerate("G1", "A2", "A1")
    script.turn("R2", "A1", input_codec_message_id="G1", msg_regenerate="A2").text("B2", "other second")
    return script


def test_another_version_of_a_later_message_takes_the_place_of_what_followed() -> None:
    tree = new_tree(two_messages_and_another_second())
    assert [run.key for run in tree.regenerators("A2")] == ["R2"]
    assert shown(tree) == [("M1", "hello"), ("A1", "first."), ("B2", "other second.")]
    original = [("M1", "hello"), ("A1", "first."), ("A2", "second."), ("A3", "third.")]
    assert [(each.id, each.message) for each in tree.flatten(tree.visible_nodes(), {"A2": "R1"})] == original
    assert shown(tree, {"A2": "R2"}) == shown(tree, {"A2": "no such run"}) == shown(tree)


def test_the_newest_other_version_shows_unless_one_is_chosen() -> None:
    script = two_messages_and_another_second()
    script.regenerate("G2", "A2", "A1")
    script.turn("R3", "A1", input_codec_message_id="G2", msg_regenerate="A2").text("C2", "yet another")
    tree = new_tree(script)
    assert shown(tree)[-1] == ("C2", "yet another.")
    assert shown(tree, {"A2": "R2"})[-1] == ("B2", "other second.")


def test_the_first_message_of_a_run_is_regenerated_by_a_sibling_not_in_place() -> None:
    assert new_tree(regenerated()).regenerators("A1") == []


def test_versions_that_claim_to_replace_one_another_come_to_an_end() -> None:
    script = Script()
    for run_id, parent, target, own in (("R1", "B0", "B1", "A"), ("R2", "A0", "A1", "B")):
        turn = script.turn(run_id, parent, msg_regenerate=target)
        turn.note(f"{own}0", "zero")
        turn.note(f"{own}1", "one")
    tree = new_tree(script)
    first, second = tree.runs()
    assert [each.id for each in tree.flatten([first])] == ["A0", "B0", "B1"]
    assert tree.flatten([first, second]) == []  # each is only to be reached through the other


def test_a_node_says_what_it_is() -> None:
    tree = new_tree(regenerated())
    assert [repr(node) for node in tree.visible_nodes()] == [
        f"<InputNode 'M1' at {serial_of(1)!r}>",
        f"<RunNode 'R2' at {run_of(tree, 'R2').serial!r}>",
    ]
