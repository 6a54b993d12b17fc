"""Publishing: what goes in is what comes out, once, in order, for everybody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage
from ai_transport_codecs.wire.size import message_size

from .base import Base, channel_of, listening, message, publish, refusal
from .engine import Engine, Feature, requires
from .reader import Reader, everything

_KINDS = ["", "text", "Grüße 🎉", b"\x00\xff", {"a": [1, {"b": None}], "c": True}, [1, "two", {"three": 3.5}], {}, []]


class Publishing(Base):
    """Creating messages."""

    async def test_a_message_arrives_as_it_was_sent(self, engine: Engine, name: str) -> None:
        bob = await listening(engine, name, "bob")
        alice = await channel_of(engine, name, "alice")
        [serial] = await alice.publish(OutboundMessage("note", "hello", {"ai": {"transport": {"role": "user"}}}))
        [heard] = await bob.count(1)
        assert (heard.action, heard.name, heard.data) == (names.CREATE, "note", "hello")
        assert heard.extras == {"ai": {"transport": {"role": "user"}}}
        assert heard.client_id == "alice"
        assert heard.serial == heard.version == serial
        assert isinstance(heard.timestamp, int)

    @pytest.mark.parametrize("data", _KINDS, ids=repr)
    async def test_every_kind_of_data_arrives_unchanged(self, engine: Engine, name: str, data: Any) -> None:
        bob = await listening(engine, name)
        [serial] = await publish(bob.channel, data)
        await bob.hears(serial)
        assert bob.data == [data]
        assert type(bob.data[0]) is type(data)
        assert [item.data for item in await everything(bob.channel)] == [data]

    @pytest.mark.parametrize("nothing", [ABSENT, None], ids=repr)
    async def test_a_message_may_have_no_data(self, engine: Engine, name: str, nothing: Any) -> None:
        bob = await listening(engine, name)
        [serial] = await publish(bob.channel, nothing)
        await bob.hears(serial)
        assert bob.data[0] is None or bob.data[0] is ABSENT

    @pytest.mark.parametrize("data", [7, 1.5, True, object(), {"a": object()}], ids=lambda data: type(data).__name__)
    async def test_data_that_no_channel_carries_is_refused(self, engine: Engine, name: str, data: Any) -> None:
        channel = await channel_of(engine, name)
        error = await refusal(channel.publish(message(data)))
        assert (error.code, error.status_code) == (40013, 400)
        assert list((await channel.history()).items) == []

    async def test_serials_grow_with_every_message(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        serials = await publish(channel, *map(str, range(20)))
        assert serials == sorted(set(serials))

    async def test_a_list_is_published_as_one(self, engine: Engine, name: str) -> None:
        bob = await listening(engine, name)
        alice, carol = await channel_of(engine, name), await channel_of(engine, name)
        batch = [message(f"part {index}") for index in range(5)]
        serials, *_ = await asyncio.gather(alice.publish(batch), publish(carol, "x"), publish(carol, "y"))
        assert len(serials) == 5
        assert serials == sorted(set(map(str, serials)))
        await bob.count(7)
        first = bob.data.index("part 0")
        assert bob.data[first : first + 5] == [f"part {index}" for index in range(5)]
        assert [heard.serial for heard in bob.messages[first : first + 5]] == serials

    async def test_a_list_with_one_bad_message_publishes_nothing(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        await refusal(channel.publish([message("fine"), message(object())]))
        assert await everything(channel) == []

    async def test_publishing_nothing_is_nothing(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        assert await channel.publish([]) == []
        assert await everything(channel) == []

    async def test_publishing_needs_no_attachment(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        await publish(channel, "early")
        assert channel.state == "initialized"
        assert [item.data for item in await everything(channel)] == ["early"]

    async def test_everybody_hears_everything_in_the_same_order(self, engine: Engine, name: str) -> None:
        readers = [await listening(engine, name) for _ in range(3)]
        words = [[f"{reader}-{word}" for word in range(10)] for reader in range(3)]
        await asyncio.gather(*(publish(reader.channel, *said) for reader, said in zip(readers, words, strict=True)))
        for reader in readers:
            await reader.count(30)
            assert reader.data == readers[0].data
            assert [heard.serial for heard in reader.messages] == sorted(str(heard.serial) for heard in reader.messages)
        for said in words:
            assert [word for word in readers[0].data if word in said] == said

    async def test_a_publisher_hears_itself(self, engine: Engine, name: str) -> None:
        alice = await listening(engine, name, "alice")
        [serial] = await publish(alice.channel, "echo")
        await alice.hears(serial)
        assert [(heard.data, heard.client_id) for heard in alice.messages] == [("echo", "alice")]

    async def test_an_anonymous_message_names_nobody(self, engine: Engine, name: str) -> None:
        reader = await listening(engine, name)
        assert reader.channel.client_id is None
        await publish(reader.channel, "who?")
        [heard] = await reader.count(1)
        assert heard.client_id is None

    async def test_changing_a_message_after_publishing_it_changes_nothing(self, engine: Engine, name: str) -> None:
        bob = await listening(engine, name)
        outgoing = OutboundMessage("note", {"list": [1]}, {"ai": {"transport": {"role": "user"}}})
        sending = asyncio.ensure_future(bob.channel.publish(outgoing))
        await asyncio.sleep(0)  # the call has begun
        outgoing.data["list"].append(2)
        outgoing.extras["ai"]["transport"]["role"] = "nobody"
        await sending
        [heard] = await bob.count(1)
        [kept] = await everything(bob.channel)
        for each in (heard, kept):
            assert each.data == {"list": [1]}
            assert each.extras == {"ai": {"transport": {"role": "user"}}}

    async def test_a_listener_may_change_what_it_was_given(self, engine: Engine, name: str) -> None:
        bob, carol = await listening(engine, name), await listening(engine, name)

        def vandal(heard: InboundMessage) -> None:
            heard.data["list"].append("mine")
            heard.extras["ai"].clear()

        bob.channel.subscribe(vandal)
        honest: list[InboundMessage] = []
        bob.channel.subscribe(honest.append)
        await carol.channel.publish(OutboundMessage("note", {"list": []}, {"ai": {"a": "b"}}))
        await carol.count(1)
        await bob.count(1)
        (kept,) = await everything(carol.channel)
        kept.data["list"].append("mine too")
        (again,) = await everything(carol.channel)
        for heard in (*honest, *carol.messages, again):
            assert (heard.data, heard.extras) == ({"list": []}, {"ai": {"a": "b"}})

    async def test_a_listener_that_raises_hurts_nobody_else(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)

        def broken(heard: InboundMessage) -> None:
            raise RuntimeError("broken listener")

        channel.subscribe(broken)
        await channel.attach()
        reader = await listening(engine, name)
        second = Reader(channel)
        await publish(reader.channel, "one", "two")
        await publish(channel, "three")
        for each in (reader, second):
            await each.count(3)
            assert each.data == ["one", "two", "three"]

    async def test_who_unsubscribed_hears_no_more(self, engine: Engine, name: str) -> None:
        bob, witness = await listening(engine, name), await listening(engine, name)
        await publish(witness.channel, "one")
        await bob.count(1)
        bob.stop()
        bob.stop()  # twice does no harm
        later: list[InboundMessage] = []
        bob.channel.subscribe(later.append)
        await publish(witness.channel, "two")
        await witness.count(2)
        await publish(bob.channel, "three")
        assert bob.data == ["one"]

    async def test_deliveries_come_one_at_a_time(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        answers, heard_all = set[asyncio.Task[Any]](), asyncio.Event()
        order: list[Any] = []

        def answering(heard: InboundMessage) -> None:
            order.append(("begin", heard.data))
            if len(heard.data) < 5:
                answers.add(asyncio.ensure_future(channel.publish(message(heard.data + "x"))))
            else:
                heard_all.set()
            order.append(("end", heard.data))

        channel.subscribe(answering)
        await channel.attach()
        await publish(channel, "")
        async with asyncio.timeout(10):
            await heard_all.wait()
        await asyncio.gather(*answers)
        assert order == [(moment, length * "x") for length in range(6) for moment in ("begin", "end")]

    async def test_a_message_of_the_largest_size_is_carried(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name, "alice")
        full = message("ä")
        room = channel.max_message_size - message_size(full, "alice")
        full.data += "x" * room
        await channel.publish(full)
        [kept] = await everything(channel)
        assert kept.data == full.data

    async def test_a_larger_one_is_refused_with_its_size_and_the_limit(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name, "alice")
        over = message("ä")
        over.data += "x" * (channel.max_message_size - message_size(over, "alice") + 1)
        error = await refusal(channel.publish(over))
        assert (error.code, error.status_code) == (40009, 400)
        assert str(channel.max_message_size) in error.message
        assert str(channel.max_message_size + 1) in error.message
        assert await everything(channel) == []

    async def test_messages_published_together_share_the_limit(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        halves = [message("x" * (channel.max_message_size // 2)) for _ in range(2)]
        assert (await refusal(channel.publish(halves))).code == 40009
        assert await everything(channel) == []

    async def test_an_ephemeral_message_is_for_those_who_are_there(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.EPHEMERAL)
        bob = await listening(engine, name)
        await bob.channel.publish(message("gone", ephemeral=True))
        await publish(bob.channel, "stays")
        await bob.count(2)
        assert bob.data == ["gone", "stays"]
        assert [item.data for item in await everything(bob.channel)] == ["stays"]

    async def test_a_message_tried_again_is_there_once(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.REPEATED_IDS)
        bob = await listening(engine, name)
        first = await bob.channel.publish(message("once", id="unique:0"))
        again = await bob.channel.publish(message("once", id="unique:0"))
        await publish(bob.channel, "end")
        await bob.count(2)
        assert again == first
        assert bob.data == ["once", "end"]
        assert bob.messages[0].id == "unique:0"

    async def test_a_list_tried_again_is_there_once(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.REPEATED_IDS)
        channel = await channel_of(engine, name)
        batch = [message(f"{index}", id=f"base:{index}") for index in range(3)]
        assert await channel.publish(batch) == await channel.publish(batch)
        assert [item.data for item in await everything(channel)] == ["2", "1", "0"]

    @pytest.mark.parametrize("ids", [["a:0", "b:1"], ["a:1", "a:2"], ["a", "b"], ["a:0", None]], ids=repr)
    async def test_ids_of_a_list_have_to_belong_together(
        self, engine: Engine, name: str, ids: list[str | None]
    ) -> None:
        requires(engine, Feature.REPEATED_IDS)
        channel = await channel_of(engine, name)
        error = await refusal(channel.publish([message("x", id=each) for each in ids]))
        assert (error.code, error.status_code) == (40031, 400)
        assert await everything(channel) == []
