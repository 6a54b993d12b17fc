"""Whatever is delivered in whatever order, a view that was read all along shows what the tree does."""

from __future__ import annotations

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs import ClientSession, MemoryHub
from ai_transport_codecs.session.branch_selection import Choices
from ai_transport_codecs.session.paging import Window
from tests.session.conversations import Conversation
from tests.session.toy_codec import TOY


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), turns=st.integers(1, 4), reads=st.integers(1, 9), shuffled=st.booleans())
def test_a_view_kept_up_to_date_shows_what_a_new_reading_shows(
    seed: int, turns: int, reads: int, shuffled: bool
) -> None:
    async def story() -> None:
        random = Random(seed)
        deliveries = Conversation(random, turns).script.deliveries
        if shuffled:  # by message: the versions of each keep their order
            order = {message.serial: random.random() for message in deliveries}
            deliveries = sorted(deliveries, key=lambda message: order[message.serial])
        session: ClientSession[str] = ClientSession(MemoryHub().client("alice"), "orders", codec=TOY)
        view, tree = session.view, session.tree
        choices = Choices(tree)
        window = Window(tree, choices)
        tree.on("output", lambda event: window.touch(event.key))
        updates: list[list[str]] = []
        view.on("update", lambda: updates.append(view.messages))
        for number, delivery in enumerate(deliveries):
            tree.apply(delivery)
            entries = window.entries()
            versions = choices.versions(random.choice(entries).id) if number % reads == 0 and entries else None
            if versions is not None and len(versions.members) > 1:
                choices.choose(versions, random.randrange(len(versions.members)))
                window.refresh(reveal=True, force=True)
            if not any(map(window.is_outdated, [node.key for node in window.nodes])):
                assert window.entries() == tree.flatten(tree.visible_nodes(choices.chosen), choices.chosen)
            assert window.messages() == [entry.message for entry in window.entries()]
        if updates:
            assert updates[-1] == view.messages, "what changed was told"

    asyncio.run(story())
