"""Whatever is on the wire, nothing raises, and what comes after it still reads."""

from __future__ import annotations

import logging
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs.session.tree import Tree
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.conversations import Conversation
from tests.session.reading import new_tree, shown, tell
from tests.session.toy_codec import TOY
from tests.session.wire_script import Script

JUNK: Final[tuple[Any, ...]] = (
    None,
    "",
    "true",
    "\ud800",
    "R1",
    "99999999999999999999",
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    True,
    b"bytes",
    [],
    ["a", {}],
    {},
    {"transport": []},
    {"transport": {"run-id": 7}, "codec": "x"},
    object(),
)
FIELDS: Final = ("action", "serial", "version", "timestamp", "name", "data", "extras", "client_id")
IDS: Final = (
    "M1",
    "R2",
    "A3",
    "F5",
    "ai-output",
    "message.delete",
    "message.update",
    "ai-run-end",
    "ai-step-start",
    "ai-input",
)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def mutated(message: InboundMessage, random: Random) -> InboundMessage:
    """The message with one to three things wrong, anywhere in it."""
    for _ in range(random.randint(1, 3)):
        junk = random.choice(JUNK + IDS)
        if random.randrange(3) == 0 or not isinstance(message.extras, dict):
            message = message._replace(**{random.choice(FIELDS): junk})
            continue
        extras = dict(message.extras)
        ai = dict(extras["ai"]) if isinstance(extras.get("ai"), dict) else {}
        tier = random.choice(("transport", "codec"))
        headers = dict(ai[tier]) if isinstance(ai.get(tier), dict) else {}
        key = random.choice(
            [*headers, "run-id", "step-id", "step-start-serial", "parent", "fork-of", "supersedes", "stream"]
        )
        if random.randrange(4) == 0:
            headers.pop(key, None)
        else:
            headers[key] = junk
        ai[tier] = random.choice((headers, headers, headers, junk))
        extras["ai"] = ai
        message = message._replace(extras=extras)
    return message


def read_everything(tree: Tree[str]) -> None:
    nodes = [*tree.runs(), *tree.visible_nodes(), *tree.visible_nodes({"M1": "R2", "R2": "M1"})]
    for node in nodes:
        tree.messages(node)
        tree.siblings(node.key)
        tree.group_root(node.key)
        repr(node)
    for run in tree.runs():
        repr((run.steps, run.status, run.error, run.end_serial))
        tree.reply_runs(run.parent or "")
    for message in tree.flatten(nodes):
        tree.node_of(message.id)
        tree.regenerators(message.id)


@given(st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_mutated_messages_never_raise_and_good_ones_still_read(random: Random) -> None:
    deliveries = Conversation(random, 2).script.deliveries
    tree = new_tree()
    for delivery in deliveries:
        message = mutated(delivery, random) if random.randrange(2) else delivery
        tree.apply(message, live=bool(random.randrange(2)))
        if random.randrange(10) == 0:
            read_everything(tree)
    read_everything(tree)
    script = Script(clock=50_000)
    script.say("M-good", "still", parent="nowhere at all")
    turn = script.turn("R-good", "M-good")
    turn.step("s-good")
    turn.text("A-good", "alive")
    turn.end_step()
    turn.end()
    tell(tree, script)
    assert [each for each in shown(tree) if each[0].endswith("-good")] == [("M-good", "still"), ("A-good", "alive.")]


@given(st.lists(st.tuples(*[st.sampled_from((*JUNK, *IDS)) for _ in range(10)]), max_size=20))
@settings(max_examples=200, deadline=None)
def test_messages_made_of_junk_never_raise(messages: list[tuple[Any, ...]]) -> None:
    tree: Tree[str] = Tree(TOY)
    for fields in messages:
        tree.apply(InboundMessage(*fields))
    read_everything(tree)


def test_a_flood_of_malformed_messages_is_logged_a_bounded_number_of_times(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    script = Script()
    turn = script.turn("R1", "M1")
    for number in range(1_000):
        turn.note("A1", "", kind="boom")
        script.publish("ai-run-end", None, {"run-reason": str(number)})
        script.publish("ai-output", "x" * 1_000, {"codec-message-id": str(number)}, {"kind": "note"})
    new_tree(script)
    assert len(caplog.records) <= 3
    assert all(len(record.getMessage()) < 300 for record in caplog.records)


def test_deeply_nested_headers_are_read_as_none() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.headers = {**turn.headers, "steer_codec_message_ids": "[" * 200_000}
    tree = new_tree(script)
    applied = tree.apply(turn.note("A1", "Hi"))
    assert applied.output is not None
    assert applied.output.steer_message_ids == ()
