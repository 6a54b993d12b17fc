"""Appends, updates and deletes: one message that changes, and readers who come at any time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import OutboundMutation

from .base import Base, change, channel_of, listening, message, publish, refusal
from .engine import Engine, Feature, requires
from .reader import everything

_RED = {"headers": {"color": "red"}}


class Mutating(Base):
    """Changing messages."""

    async def test_appends_add_up(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        [serial] = await publish(channel, "Once")
        for word in (" upon", " a", " time"):
            await channel.append(change(serial, word))
        [kept] = await everything(channel)
        assert (kept.action, kept.data, kept.name, kept.serial) == (
            names.UPDATE, "Once upon a time", "note", serial
        )  # fmt: skip

    async def test_who_heard_the_message_hears_only_what_is_appended(self, engine: Engine, name: str) -> None:
        bob = await listening(engine, name)
        alice = await channel_of(engine, name, "alice")
        [serial] = await publish(alice, "a")
        version = await alice.append(OutboundMutation(serial, "b", {"ai": {"transport": {"status": "complete"}}}))
        await bob.knows(version)
        created, appended = bob.messages
        assert (appended.action, appended.data, appended.name) == (names.APPEND, "b", None)
        assert appended.extras == {"ai": {"transport": {"status": "complete"}}}
        assert (appended.serial, appended.version) == (serial, version)
        assert (appended.timestamp, appended.client_id) == (created.timestamp, "alice")

    async def test_who_came_later_hears_the_whole_message_first(self, engine: Engine, name: str) -> None:
        alice = await channel_of(engine, name, "alice")
        [serial] = await publish(alice, "a")
        await alice.append(change(serial, "b"))
        late = await listening(engine, name)
        versions = [await alice.append(change(serial, letter)) for letter in "cd"]
        await late.knows(versions[-1])
        assert [(heard.action, heard.name, heard.data) for heard in late.messages] == [
            (names.UPDATE, "note", "abc"),
            (names.APPEND, None, "d"),
        ]
        assert late.messages[0].client_id == "alice"
        assert late.messages[0].extras == _RED

    async def test_history_is_not_having_heard_it(self, engine: Engine, name: str) -> None:
        alice = await channel_of(engine, name)
        [serial] = await publish(alice, "a")
        late = await listening(engine, name)
        assert [item.data for item in await everything(late.channel, until_attach=True)] == ["a"]
        await late.knows(await alice.append(change(serial, "b")))
        assert [(heard.action, heard.data) for heard in late.messages] == [(names.UPDATE, "ab")]

    async def test_attaching_again_begins_anew(self, engine: Engine, name: str) -> None:
        bob = await listening(engine, name)
        alice = await channel_of(engine, name)
        [serial] = await publish(alice, "a")
        await bob.hears(serial)
        await bob.channel.detach()
        await bob.channel.attach()
        await bob.knows(await alice.append(change(serial, "b")))
        assert [(heard.action, heard.data) for heard in bob.messages] == [(names.CREATE, "a"), (names.UPDATE, "ab")]

    async def test_appended_extras_replace_the_ones_before(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        [serial] = await channel.publish(message("a", ai={"transport": {"status": "streaming"}}))
        await channel.append(OutboundMutation(str(serial), "b", {"ai": {"transport": {"status": "complete"}}}))
        [kept] = await everything(channel)
        assert kept.extras == {"ai": {"transport": {"status": "complete"}}}

    async def test_appends_under_way_together_keep_their_order(self, engine: Engine, name: str) -> None:
        bob, alice = await listening(engine, name), await channel_of(engine, name)
        [serial] = await publish(alice, "")
        words = [f"{number} " for number in range(50)]
        versions = await asyncio.gather(*(alice.append(change(serial, word)) for word in words))
        await bob.knows(versions[-1])
        assert bob.transcript.texts == ["".join(words)]
        known = [version for version in versions if version]
        assert known == sorted(set(known))
        assert [heard.version for heard in bob.messages[1:]] == known

    @pytest.mark.parametrize(
        ("there", "added", "whole"),
        [(b"\x00", b"\xff", b"\x00\xff"), ("", "", ""), ("a", ABSENT, "a"), (ABSENT, "a", "a"), ("🎉", "é", "🎉é")],
        ids=repr,
    )
    async def test_data_of_one_type_is_joined(
        self, engine: Engine, name: str, there: Any, added: Any, whole: Any
    ) -> None:
        channel = await channel_of(engine, name)
        [serial] = await publish(channel, there)
        await channel.append(change(serial, added))
        [kept] = await everything(channel)
        assert kept.data == whole

    @pytest.mark.parametrize(("there", "added"), [("a", b"b"), ("a", {"b": 1}), (b"a", "b"), ({"a": 1}, "b")], ids=repr)
    async def test_data_of_another_type_cannot_be_appended(
        self, engine: Engine, name: str, there: Any, added: Any
    ) -> None:
        channel = await channel_of(engine, name)
        [serial] = await publish(channel, there)
        assert (await refusal(channel.append(change(serial, added)))).status_code == 400
        [kept] = await everything(channel)
        assert (kept.action, kept.data) == (names.CREATE, there)

    async def test_an_update_replaces_what_it_brings(self, engine: Engine, name: str) -> None:
        bob, alice = await listening(engine, name), await channel_of(engine, name, "alice")
        [serial] = await publish(alice, "draft")
        await alice.append(change(serial, "..."))
        version = await alice.update(OutboundMutation(serial, "final", {"ai": {"transport": {"status": "complete"}}}))
        await bob.knows(version)
        [kept] = await everything(alice)
        created, heard = bob.messages[0], bob.messages[-1]
        for each in (heard, kept):
            assert (each.action, each.name, each.data) == (names.UPDATE, "note", "final")
            assert each.extras == {"ai": {"transport": {"status": "complete"}}}
            assert (each.serial, each.version) == (serial, version)
            assert (each.timestamp, each.client_id) == (created.timestamp, "alice")

    async def test_appends_continue_an_updated_message(self, engine: Engine, name: str) -> None:
        bob, alice = await listening(engine, name), await channel_of(engine, name)
        [serial] = await publish(alice, "x")
        await alice.update(change(serial, "new"))
        await bob.knows(await alice.append(change(serial, "er")))
        assert [(heard.action, heard.data) for heard in bob.messages] == [
            (names.CREATE, "x"), (names.UPDATE, "new"), (names.APPEND, "er")
        ]  # fmt: skip
        assert bob.transcript.texts == ["newer"]

    async def test_a_deleted_message_is_marked(self, engine: Engine, name: str) -> None:
        bob, alice = await listening(engine, name), await channel_of(engine, name)
        first, second = await publish(alice, "regret", "fine")
        version = await alice.delete(first)
        await bob.knows(version)
        assert (bob.messages[-1].action, bob.messages[-1].serial) == (names.DELETE, first)
        kept = await everything(alice)
        assert [(item.action, item.serial) for item in kept] == [(names.CREATE, second), (names.DELETE, first)]
        assert kept[1].version == version

    async def test_versions_grow_and_are_what_the_writer_was_told(self, engine: Engine, name: str) -> None:
        bob, alice = await listening(engine, name), await channel_of(engine, name)
        [serial] = await publish(alice, "a")
        told = [serial, await alice.append(change(serial, "b")), await alice.update(change(serial, "c"))]
        told += [await alice.append(change(serial, "d")), await alice.delete(serial)]
        await bob.knows(told[-1])
        assert [heard.version for heard in bob.messages] == told
        assert told == sorted(set(map(str, told)))
        assert {heard.serial for heard in bob.messages} == {serial}

    async def test_a_changed_message_keeps_its_place(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        serials = await publish(channel, "1", "2", "3")
        await channel.append(change(serials[0], "!"))
        assert [item.data for item in await everything(channel)] == ["3", "2", "1!"]

    async def test_others_may_change_a_message_and_it_stays_its_authors(self, engine: Engine, name: str) -> None:
        alice, bob = await channel_of(engine, name, "alice"), await listening(engine, name, "bob")
        [serial] = await publish(alice, "hers")
        await bob.knows(await bob.channel.append(change(serial, ", and mine")))
        assert [heard.client_id for heard in bob.messages] == ["alice", "alice"]

    @pytest.mark.parametrize("operation", ["append", "update", "delete"])
    async def test_a_message_that_does_not_exist_cannot_be_changed(
        self, engine: Engine, name: str, operation: str
    ) -> None:
        channel = await channel_of(engine, name)
        [serial] = await publish(channel, "real")
        unknown = "01000000000000-000@nowhere:000"
        work = channel.delete(unknown) if operation == "delete" else getattr(channel, operation)(change(unknown, "x"))
        error = await refusal(work)
        assert (error.code, error.status_code) == (40400, 404)
        assert unknown in error.message
        assert [item.version for item in await everything(channel)] == [serial]

    @pytest.mark.parametrize("operation", ["append", "update", "delete"])
    async def test_a_change_names_its_message(self, engine: Engine, name: str, operation: str) -> None:
        channel = await channel_of(engine, name)
        work = channel.delete("") if operation == "delete" else getattr(channel, operation)(change("", "x"))
        error = await refusal(work)
        assert (error.code, error.status_code) == (40003, 400)

    @pytest.mark.parametrize("operation", ["append", "update"])
    async def test_changes_have_the_limit_of_a_publish(self, engine: Engine, name: str, operation: str) -> None:
        channel = await channel_of(engine, name)
        [serial] = await publish(channel, "small")
        error = await refusal(getattr(channel, operation)(change(serial, "x" * channel.max_message_size)))
        assert (error.code, error.status_code) == (40009, 400)
        assert str(channel.max_message_size) in error.message
        [kept] = await everything(channel)
        assert kept.data == "small"

    async def test_a_message_may_grow_beyond_the_limit_of_one_append(self, engine: Engine, name: str) -> None:
        bob, channel = await listening(engine, name), await channel_of(engine, name)
        piece = "x" * (channel.max_message_size // 2)
        [serial] = await publish(channel, piece)
        versions = [await channel.append(change(serial, piece)) for _ in range(3)]
        await bob.knows(versions[-1])
        assert bob.transcript.texts == [piece * 4]
        [kept] = await everything(channel)
        assert kept.data == piece * 4

    @pytest.mark.parametrize("operation", ["append", "update", "delete"])
    async def test_without_mutable_messages_only_creates_succeed(self, engine: Engine, operation: str) -> None:
        requires(engine, Feature.IMMUTABLE_NAMESPACE)
        channel = await channel_of(engine, f"{engine.immutable_namespace}:{operation}")
        [serial] = await publish(channel, "fixed")
        work = channel.delete(serial) if operation == "delete" else getattr(channel, operation)(change(serial, "x"))
        error = await refusal(work)
        assert (error.code, error.status_code) == (93002, 400)
        assert "mutable messages" in error.message
        assert (await everything(channel))[0].data == "fixed"


class RollingUp(Base):
    """Merging appends that come faster than the connection wants to send them."""

    async def test_appends_within_a_window_become_one(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.ROLLUP)
        bob = await listening(engine, name)
        client = await engine.client("agent", append_rollup_window=engine.rollup_window)
        agent = client.channel(name)
        [serial] = await publish(agent, "")
        mutations = [change(serial, letter, number=str(number)) for number, letter in enumerate("abcd")]
        versions = await asyncio.gather(*map(agent.append, mutations))
        await bob.knows(versions[-1])
        assert [(heard.action, heard.data) for heard in bob.messages[1:]] == [
            (names.APPEND, "a"), (names.APPEND, "bcd")
        ]  # fmt: skip
        assert bob.messages[-1].extras == {"number": "3"}
        assert versions == [bob.messages[1].version, None, None, bob.messages[2].version]

    async def test_nothing_overtakes_held_appends(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.ROLLUP)
        bob = await listening(engine, name)
        client = await engine.client("agent", append_rollup_window=engine.rollup_window)
        agent = client.channel(name)
        [serial] = await publish(agent, "")
        done: list[str] = []

        async def tell(word: str, work: Any) -> None:
            await work
            done.append(word)

        await asyncio.gather(
            *(tell(letter, agent.append(change(serial, letter))) for letter in "abc"),
            tell("d", agent.publish(message("d"))),
            *(tell(letter, agent.append(change(serial, letter))) for letter in "efg"),
            tell("h", agent.update(change(serial, "h"))),
        )
        await bob.until(lambda reader: "h" in reader.data)
        assert bob.data == ["", "a", "bc", "d", "e", "fg", "h"]
        assert done == list("abcdefgh")
