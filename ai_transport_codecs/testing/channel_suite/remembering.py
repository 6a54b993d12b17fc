"""History and rewind: what was said before, once and completely, while more is being said."""

from __future__ import annotations

import asyncio

import pytest

from ai_transport_codecs.wire import names

from .base import Base, change, channel_of, listening, publish, refusal
from .engine import Engine, Feature, requires
from .reader import Reader, everything, transcript_of


class Remembering(Base):
    """Reading the past of a channel."""

    async def test_an_unused_channel_has_an_empty_past(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        page = await channel.history()
        assert (list(page.items), page.has_next, await page.next()) == ([], False, None)
        await channel.attach()
        page = await channel.history(until_attach=True)
        assert (list(page.items), page.has_next) == ([], False)

    @pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
    async def test_pages_go_from_the_newest_to_the_oldest(self, engine: Engine, name: str, limit: int) -> None:
        channel = await channel_of(engine, name)
        await publish(channel, *"1234567")
        page = await channel.history(limit=limit)
        read = [[item.data for item in page.items]]
        while (older := await page.next()) is not None:
            assert page.has_next
            page = older
            read.append([item.data for item in page.items])
        assert not page.has_next
        assert [data for items in read for data in items] == list("7654321")
        assert all(len(items) == limit for items in read[:-1])
        assert read[-1]

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    async def test_a_page_has_a_size(self, engine: Engine, name: str, limit: int) -> None:
        channel = await channel_of(engine, name)
        assert (await refusal(channel.history(limit=limit))).code == 40003

    async def test_each_message_is_there_once_as_it_is_now(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        first, second, third, fourth = await publish(channel, "a", "b", "c", "d")
        await channel.append(change(first, "!"))
        await channel.update(change(second, "B"))
        await channel.delete(third)
        assert [(item.action, item.serial) for item in await everything(channel)] == [
            (names.CREATE, fourth),
            (names.DELETE, third),
            (names.UPDATE, second),
            (names.UPDATE, first),
        ]
        assert [item.data for item in await everything(channel)][2:] == ["B", "a!"]

    async def test_pages_stay_in_place_while_more_is_said(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        await publish(channel, *"123456")
        page = await channel.history(limit=2)
        read = [item.data for item in page.items]
        while (older := await page.next()) is not None:
            await publish(channel, "new", "newer", "newest")
            page = older
            read += [item.data for item in page.items]
        assert read == list("654321")

    async def test_a_page_can_be_read_again(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        await publish(channel, *"1234")
        page = await channel.history(limit=2)
        assert [[item.data for item in older.items] for older in (await page.next(), await page.next()) if older] == [
            ["2", "1"], ["2", "1"]
        ]  # fmt: skip

    async def test_history_until_the_attachment_and_deliveries_after_it_are_everything_once(
        self, engine: Engine, name: str
    ) -> None:
        alice = await channel_of(engine, name)
        before = await publish(alice, *"1234")
        late = await listening(engine, name)
        after = await publish(alice, *"56")
        page = await late.channel.history(limit=3, until_attach=True)
        read = [item.serial for item in page.items]
        after += await publish(alice, *"78")
        while (older := await page.next()) is not None:
            page = older
            read += [item.serial for item in page.items]
        await late.hears(after[-1])
        assert read == before[::-1]
        assert [heard.serial for heard in late.messages] == after

    async def test_no_message_falls_between_history_and_an_attachment_in_a_busy_channel(
        self, engine: Engine, name: str
    ) -> None:
        alice = await channel_of(engine, name)

        async def talk() -> list[str]:
            return await publish(alice, *map(str, range(30)))

        talking = asyncio.ensure_future(talk())
        late = [Reader(await channel_of(engine, name)) for _ in range(4)]
        pasts = []
        for reader in late:
            await asyncio.sleep(0)
            await reader.channel.attach()
            pasts.append(await everything(reader.channel, limit=5, until_attach=True))
        serials = await talking
        for reader, past in zip(late, pasts, strict=True):
            await reader.count(len(serials) - len(past))
            heard = [item.serial for item in past][::-1] + [item.serial for item in reader.messages]
            assert heard == serials

    async def test_changes_after_the_attachment_are_not_lost_between_history_and_deliveries(
        self, engine: Engine, name: str
    ) -> None:
        alice = await channel_of(engine, name)
        old, older = await publish(alice, "a", "b")
        late = await listening(engine, name)
        await alice.append(change(old, "1"))
        past = await everything(late.channel, until_attach=True)
        await alice.append(change(old, "2"))
        await late.knows(await alice.append(change(older, "3")))
        amount = transcript_of([*reversed(past), *late.messages])
        assert amount.texts == ["a12", "b3"]
        assert amount.messages == transcript_of(await everything(alice)).messages

    async def test_history_until_the_attachment_needs_one(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        error = await refusal(channel.history(until_attach=True))
        assert error.status_code == 400
        assert "attach" in error.message
        await channel.attach()
        await channel.detach()
        assert (await refusal(channel.history(until_attach=True))).status_code == 400


class Rewinding(Base):
    """Beginning an attachment in the past."""

    async def test_the_last_messages_come_first_in_their_order(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.REWIND)
        alice = await channel_of(engine, name)
        first, *_ = await publish(alice, *"123")
        await alice.append(change(first, "!"))
        late = await listening(engine, name, params={"rewind": "2"})
        await publish(alice, "4")
        await late.count(3)
        assert late.data == ["2", "3", "4"]

    async def test_they_are_whole_and_in_their_latest_version(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.REWIND)
        alice = await channel_of(engine, name)
        first, second, _ = await publish(alice, *"abc")
        await alice.append(change(first, "!"))
        await alice.delete(second)
        late = await listening(engine, name, params={"rewind": "10"})
        await late.count(3)
        assert late.actions == [names.UPDATE, names.DELETE, names.CREATE]
        assert (late.messages[0].data, late.messages[0].name) == ("a!", "note")
        await late.knows(await alice.append(change(first, "?")))
        assert (late.actions[-1], late.data[-1]) == (names.APPEND, "?")

    @pytest.mark.parametrize("rewind", ["60s", "2m"])
    async def test_rewind_can_be_a_time(self, engine: Engine, name: str, rewind: str) -> None:
        requires(engine, Feature.REWIND)
        await publish(await channel_of(engine, name), *"123")
        late = await listening(engine, name, params={"rewind": rewind})
        await late.count(3)
        assert late.data == ["1", "2", "3"]

    async def test_at_most_a_hundred_messages_come(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.REWIND)
        alice = await channel_of(engine, name)
        await asyncio.gather(*(publish(alice, str(number)) for number in range(105)))
        late = await listening(engine, name, params={"rewind": "1000"})
        [end] = await publish(alice, "end")
        await late.hears(end)
        assert late.data == [*map(str, range(5, 105)), "end"]

    @pytest.mark.parametrize("rewind", ["", "-1", "some", "5h", "1.5", "s"])
    async def test_what_is_no_rewind_fails_the_attachment(self, engine: Engine, name: str, rewind: str) -> None:
        requires(engine, Feature.REWIND)
        channel = await channel_of(engine, name, params={"rewind": rewind})
        error = await refusal(channel.attach())
        assert error.status_code == 400
        assert channel.state == "failed"
