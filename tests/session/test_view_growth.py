"""What is added to a view piece by piece is what laying it out anew gives; it costs the same in long conversations."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs.session.branch_selection import Choices
from ai_transport_codecs.session.paging import Window
from ai_transport_codecs.session.tree import Tree
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.conversations import Conversation
from tests.session.stage import say
from tests.session.test_tree_orders import told
from tests.session.toy_codec import TOY
from tests.session.view_stage import cost_of_a_turn


class Reader:
    """A tree and a view's window on it, which takes changes up as they come, or everything anew each time."""

    def __init__(self, *, anew: bool) -> None:
        self._is_anew = anew
        self.tree: Tree[str] = Tree(TOY)
        self._choices = Choices(self.tree)
        self.window = Window(self.tree, self._choices)
        self.tree.on("output", lambda event: self.window.touch(event.key))

    def do(self, work: Callable[[Reader], None]) -> dict[str, Any]:
        """Do something, and say all that can be seen."""
        work(self)
        if self._is_anew:
            self._upset()
        window = self.window
        seen = {
            "entries": [(each.id, each.message) for each in window.entries()],
            "messages": window.messages(),
            "nodes": [node.key for node in window.nodes],
            "keys": set(window.keys),
            "waits": window.has_waiting,
            "tree": told(self.tree),
        }
        if self._is_anew:
            self._upset()
        return seen

    def _upset(self) -> None:
        """Make everything be computed again: a node that is removed may have been anything's parent."""
        self.tree.start_run("nobody's")
        self.tree.delete("nobody's")

    # --- what happens

    def deliver(self, message: InboundMessage, *, older: bool = False) -> None:
        self.tree.mark_older(older=older)
        self.tree.apply(message, live=not older)
        self.tree.mark_older(older=False)

    def draft(self, message: InboundMessage) -> None:
        self.tree.insert_optimistic([say("draft")], transport_headers(message.extras))

    def select(self, place: float, number: float) -> None:
        entries = self.window.entries()
        versions = self._choices.versions(entries[int(place * len(entries))].id) if entries else None
        if versions is not None and len(versions.members) > 1:
            self._choices.choose(versions, int(number * len(versions.members)))
            self.window.refresh(reveal=True, force=True)

    def page(self, limit: int) -> None:
        mark = self.window.mark()
        while self.window.loaded_since(mark) < limit and self.window.release(limit):
            pass
        self.window.show_since(mark, limit)

    def hide(self, place: float) -> None:
        entries = self.window.entries()
        if entries:
            self.window.hide_through(entries[int(place * len(entries))].id)

    def remove(self, place: float) -> None:
        keys = [node.key for node in self.tree.runs()]
        if keys:
            self.tree.delete(keys[int(place * len(keys))])


def happenings(random: Random, turns: int) -> list[Callable[[Reader], None]]:
    """A conversation as it goes: now and then a message comes late, or is a draft first, or somebody looks around."""
    deliveries = Conversation(random, turns).script.deliveries
    serials = sorted({message.serial or "" for message in deliveries})
    seam = serials[random.randrange(len(serials))] if random.random() < 0.4 else ""
    older = [message for message in deliveries if (message.serial or "") < seam]
    happen: list[Callable[[Reader], None]] = []
    late: list[InboundMessage] = []
    for message in (each for each in deliveries if (each.serial or "") >= seam):
        if late and (random.random() < 0.2 or message.serial in {each.serial for each in late}):
            happen += [partial(Reader.deliver, message=each) for each in late]
            late = []
        headers = transport_headers(message.extras)
        if message.name == "ai-input" and "run-id" not in headers and random.random() < 0.3:
            happen.append(partial(Reader.draft, message=message))
        if random.random() < 0.05:
            late.append(message)
        else:
            happen.append(partial(Reader.deliver, message=message))
        if random.random() < 0.1:
            happen.append(_look_around(random))
        while older and random.random() < 0.1:
            page = [older.pop() for _ in range(min(len(older), random.randint(1, 9)))]
            happen.append(partial(_fold, page=page))
    happen += [partial(Reader.deliver, message=each) for each in late]
    return happen


def _fold(reader: Reader, page: list[InboundMessage]) -> None:
    for message in reversed(page):
        reader.deliver(message, older=True)


def _look_around(random: Random) -> Callable[[Reader], None]:
    place, number, limit = random.random(), random.random(), random.randint(1, 4)
    return random.choice(
        [
            lambda reader: reader.select(place, number),
            lambda reader: reader.select(place, number),
            lambda reader: reader.page(limit),
            lambda reader: reader.hide(place),
            lambda reader: reader.remove(place),
        ]
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), turns=st.integers(1, 4))
def test_a_view_that_grows_shows_what_laying_it_out_anew_shows(seed: int, turns: int) -> None:
    logging.getLogger("ai_transport_codecs").setLevel(logging.CRITICAL)
    growing, anew = Reader(anew=False), Reader(anew=True)
    for number, happens in enumerate(happenings(Random(seed), turns)):
        assert growing.do(happens) == anew.do(happens), f"after {number} happenings"


@pytest.mark.parametrize("steers", [False, True])
async def test_a_turn_costs_the_same_in_a_long_conversation(steers: bool) -> None:
    short, long = await cost_of_a_turn(10, steers=steers), await cost_of_a_turn(200, steers=steers)
    assert long < short * 1.1
