"""A channel's log by itself: what it remembers of versions, and that its journal is enough to build it anew."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.channels.memory import MemoryHub
from ai_transport_codecs.channels.memory.capability import ALL_OPERATIONS, Grant
from ai_transport_codecs.channels.memory.records import Draft, Entry, Mutation, Publisher, Record, Version
from ai_transport_codecs.channels.memory.rollup import AppendRollup
from ai_transport_codecs.errors import ChannelError
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT

EVERYTHING: Final = Grant(ALL_OPERATIONS)
ALICE: Final = Publisher("connection", "alice", 1)


class Kept:
    """A hub, and the journal it was given."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Entry]] = []
        self.hub = self._hub()

    def _hub(self) -> MemoryHub:
        return MemoryHub(
            clock=lambda: 1_800_000_000.0,
            retained_entries=5,
            journal=lambda name, entry: self.entries.append((name, entry)),
        )

    def publish(self, *drafts: Draft, channel: str = "c") -> list[str]:
        return self.hub.hosted(channel).publish(drafts, ALICE, EVERYTHING).serials

    def mutate(self, action: str, mutation: Mutation, channel: str = "c") -> Entry:
        hosted = self.hub.hosted(channel)
        return hosted.mutate(action, hosted.admit(action, mutation, ALICE, EVERYTHING), ALICE)

    def reborn(self) -> MemoryHub:
        """Another hub, built from the journal."""
        written = list(self.entries)
        hub = self._hub()
        hub.restore(written)
        assert self.entries == written, "what is restored is not told to the journal again"
        return hub


def contents(hub: MemoryHub, channel: str = "c") -> list[Record]:
    return hub.hosted(channel).log.page(1_000, forwards=True)[0]


def test_versions_are_the_creation_updates_and_deletes_in_full_but_not_appends() -> None:
    kept = Kept()
    [serial] = kept.publish(Draft("s", "a", {"h": 1}))
    kept.mutate(names.APPEND, Mutation(serial, "b"))
    kept.mutate(names.UPDATE, Mutation(serial, extras={"h": 2}, description="why"))
    kept.mutate(names.APPEND, Mutation(serial, "c"))
    kept.mutate(names.DELETE, Mutation(serial))
    for hub in (kept.hub, kept.reborn()):
        versions = hub.hosted("c").log.versions(serial)
        assert versions is not None
        assert [(each.action, each.data, each.extras) for each in versions] == [
            (names.CREATE, "a", {"h": 1}), (names.UPDATE, "ab", {"h": 2}), (names.DELETE, "abc", {"h": 2})
        ]  # fmt: skip
        assert versions[1].version.description == "why"
    assert kept.hub.hosted("c").log.versions("none") is None


def test_what_was_ephemeral_leaves_its_position_and_nothing_else() -> None:
    kept = Kept()
    kept.publish(Draft("gone", "x", {"ephemeral": True}), Draft("stays", "y"))
    [last] = kept.publish(Draft("gone too", "x", {"ephemeral": True}))
    hub = kept.reborn()
    assert [record.name for record in contents(hub)] == ["stays"]
    assert hub.hosted("c").log.position == last
    [after] = hub.hosted("c").publish([Draft("n", "z")], ALICE, EVERYTHING).serials
    assert after > last


def test_an_id_is_recognised_after_a_rebirth() -> None:
    kept = Kept()
    first = kept.publish(Draft("a", "1", id="x:0"), Draft("b", "2", id="x:1"))
    published = (
        kept.reborn().hosted("c").publish([Draft("a", "1", id="x:0"), Draft("b", "2", id="x:1")], ALICE, EVERYTHING)
    )
    assert (published.serials, published.entry) == (first, None)


def test_an_append_has_the_encoding_of_its_message() -> None:
    kept = Kept()
    [serial] = kept.publish(Draft("s", b"a", encoding="cipher+x"))
    with pytest.raises(ChannelError, match="cannot be concatenated") as caught:
        kept.mutate(names.APPEND, Mutation(serial, b"b"))
    assert caught.value.code == 40013
    kept.mutate(names.APPEND, Mutation(serial, b"b", encoding="cipher+x"))
    kept.mutate(names.APPEND, Mutation(serial, extras={"h": 1}))
    [record] = contents(kept.hub)
    assert (record.data, record.encoding) == (b"ab", "cipher+x")
    kept.mutate(names.UPDATE, Mutation(serial, "plain"))
    assert contents(kept.hub)[0].encoding is None


def test_appends_of_different_encodings_are_not_merged() -> None:
    rollup: AppendRollup[int] = AppendRollup(1.0, 100)
    rollup.went_out("s", 0.0)
    assert rollup.holds(Mutation("s", "a", encoding="x"), 1, 0.1)
    assert rollup.holds(Mutation("s", ABSENT, extras={"h": 1}), 2, 0.1)
    assert not rollup.holds(Mutation("s", "b"), 3, 0.1)
    held = rollup.take()
    assert held is not None
    assert (held.mutation.data, held.mutation.encoding, held.tickets) == ("a", "x", (1, 2))


def test_a_journal_that_was_not_ours_is_refused() -> None:
    record = Record(names.APPEND, "none", Version("v", 1), 1, None, "x", None, None, "c", None)
    with pytest.raises(KeyError):
        MemoryHub().restore([("c", Entry("00000000000001-000@a:000", "c", (record,)))])
    with pytest.raises(ValueError, match="not a serial"):
        MemoryHub().restore([("c", Entry("nonsense", "c", ()))])


TEXTS: Final = st.text("ab\U0001f600", max_size=3)
KINDS: Final = st.sampled_from(["publish", "ephemeral", "append", "update", "extras", "delete"])
STEPS: Final = st.lists(st.tuples(KINDS, st.integers(0, 3), TEXTS), max_size=20)


@given(steps=STEPS)
def test_the_journal_is_enough_to_build_the_log_anew(steps: list[tuple[str, int, str]]) -> None:
    kept = Kept()
    serials: list[str] = []
    for step, which, text in steps:
        extras: Any = {"step": step}
        if step == "ephemeral":
            kept.publish(Draft("e", text, {"ephemeral": True}))
        elif step == "publish" or not serials:
            serials += kept.publish(Draft("n", text, extras), Draft("m", text))
        else:
            serial = serials[which % len(serials)]
            mutation = Mutation(serial, ABSENT if step in {"extras", "delete"} else text, extras)
            action = {"append": names.APPEND, "delete": names.DELETE}.get(step, names.UPDATE)
            kept.mutate(action, mutation)
    log, again = kept.hub.hosted("c").log, kept.reborn().hosted("c").log
    assert again.page(1_000) == log.page(1_000)
    assert again.position == log.position
    assert [again.versions(serial) for serial in serials] == [log.versions(serial) for serial in serials]
    missed, missed_again = (each.since(log.position) for each in (log, again))
    assert missed == missed_again == []
    for record in log.page(1_000)[0]:
        since, since_again = (each.since(record.serial) for each in (log, again))
        assert (since is None) == (since_again is None)
        if since is not None and since_again is not None:
            assert [_in_full(entry) for entry in since] == [_in_full(entry) for entry in since_again]


def _in_full(entry: Entry) -> list[Record]:
    return [record.in_full() for record in entry.records]
