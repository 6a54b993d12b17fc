"""Whatever order a channel's messages come in, a tree shows the same conversation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_transport_codecs.session.tree import Tree
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.conversations import Conversation
from tests.session.toy_codec import TOY
from tests.session.wire_script import as_history, joined_at, pages

randoms = st.randoms(use_true_random=False)
turns = st.integers(min_value=1, max_value=4)
relaxed = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def told(tree: Tree[str]) -> dict[str, Any]:
    """Everything a reader can see."""
    visible = tree.visible_nodes()
    nodes = [*tree.runs(), *visible]
    return {
        "visible": [(node.key, node.serial, node.parent, node.fork_of) for node in visible],
        "messages": [(message.id, message.message) for message in tree.flatten(visible)],
        "runs": [
            (run.run_id, run.status, run.error and run.error.code, run.parent, run.regenerates, run.client_id)
            for run in tree.runs()
        ],
        "places": [(run.serial, run.end_serial, run.invocation_id, run.steps) for run in tree.runs()],
        "all messages": {node.key: [(each.id, each.message) for each in tree.messages(node)] for node in nodes},
        "siblings": {node.key: [each.key for each in tree.siblings(node.key)] for node in nodes},
        "roots": {node.key: tree.group_root(node.key) for node in nodes},
    }


def applied(deliveries: list[InboundMessage]) -> Tree[str]:
    tree = Tree(TOY)
    for delivery in deliveries:
        tree.apply(delivery)
    return tree


def shuffled(deliveries: list[InboundMessage], random: Random) -> Iterator[InboundMessage]:
    """Any order that keeps the versions of each message in theirs."""
    waiting: dict[str, list[InboundMessage]] = {}
    for delivery in deliveries:
        waiting.setdefault(delivery.serial or "", []).append(delivery)
    queues = list(waiting.values())
    while queues:
        queue = random.choice(queues)
        yield queue.pop(0)
        if not queue:
            queues.remove(queue)


def with_repetitions(deliveries: list[InboundMessage], random: Random) -> Iterator[InboundMessage]:
    """Every now and then, something that came before comes again."""
    past: list[InboundMessage] = []
    for delivery in deliveries:
        past.append(delivery)
        yield delivery
        while random.randrange(4) == 3:
            yield random.choice(past)


@given(randoms, turns)
@relaxed
def test_any_order_of_arrival_shows_the_same_conversation(random: Random, count: int) -> None:
    deliveries = Conversation(random, count).script.deliveries
    expected = told(applied(deliveries))
    assert told(applied(list(shuffled(deliveries, random)))) == expected


@given(randoms, turns)
@relaxed
def test_repeated_deliveries_change_nothing(random: Random, count: int) -> None:
    deliveries = Conversation(random, count).script.deliveries
    expected = told(applied(deliveries))
    assert told(applied(list(with_repetitions(deliveries, random)))) == expected


@given(randoms, turns)
@relaxed
def test_history_pages_of_any_size_show_what_was_seen_live(random: Random, count: int) -> None:
    deliveries = Conversation(random, count).script.deliveries
    history = as_history(deliveries)
    tree: Tree[str] = Tree(TOY)
    for page in pages(history, lambda: random.randint(1, 12)):
        for message in page:
            tree.apply(message, live=False)
    assert told(tree) == told(applied(deliveries))


@given(randoms, turns)
@relaxed
def test_joining_anywhere_and_paging_meanwhile_shows_the_same_conversation(random: Random, count: int) -> None:
    deliveries = Conversation(random, count).script.deliveries
    attached = random.randint(0, len(deliveries))
    live = list(joined_at(deliveries, attached))
    tree: Tree[str] = Tree(TOY)
    older = None
    for position in range(len(live) + 1):
        while random.randrange(3) == 2 or position == len(live):
            if older is None:
                older = _history_before(deliveries, attached, attached + position, random)
            page = next(older, None)
            if page is None:
                break
            for message in page:
                tree.apply(message, live=False)
        if position < len(live):
            for delivery in with_repetitions([live[position]], random):
                tree.apply(delivery)
    assert told(tree) == told(applied(deliveries))


def _history_before(
    deliveries: list[InboundMessage], attached: int, fetched: int, random: Random
) -> Iterator[list[InboundMessage]]:
    """Pages of the messages that were created before the attach, as they stood when they were fetched."""
    created = {delivery.serial for delivery in deliveries[:attached]}
    history = [message for message in as_history(deliveries[:fetched]) if message.serial in created]
    return pages(history, lambda: random.randint(1, 12))
