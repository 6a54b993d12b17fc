"""When the channel lost continuity, what was missed is there before the error says so: no gap, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs import ClientSession
from ai_transport_codecs.channels.memory.client import MemoryClient
from ai_transport_codecs.errors import AITransportError, ChannelContinuityError
from tests.session.stage import CHANNEL, Stage, say, settle, staged
from tests.session.toy_codec import TOY
from tests.session.view_stage import Desk, ids, opened


class Scene(NamedTuple):
    stage: Stage
    desk: Desk
    client: MemoryClient
    alice: ClientSession[str]
    errors: list[tuple[AITransportError, list[str]]]
    """Each error, with what the view showed when it was told."""

    async def lose(self) -> None:
        await self.client.reconnect(resume=False)
        await settle(100)


@asynccontextmanager
async def scene(*, turns: int = 0, history: bool = True, page: int = 100) -> AsyncIterator[Scene]:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(turns)
        client = stage.hub.client("alice")
        async with ClientSession[str](client, CHANNEL, codec=TOY, history=history, history_page_size=page) as alice:
            errors: list[tuple[AITransportError, list[str]]] = []
            alice.on("error", lambda error: errors.append((error, alice.view.messages)))
            yield Scene(stage, desk, client, alice, errors)


@pytest.mark.parametrize("page", [1, 2, 3, 5, 100])
async def test_what_was_missed_is_shown_before_the_error_says_so(page: int) -> None:
    """The reference leaves the gap: nobody refetches, and nothing tells the application how to (spec 1.4)."""
    async with scene(turns=2, page=page) as at:
        streaming = await at.desk.stream("R9", "A9", "be", ends=False)
        await settle()
        await at.client.disconnect()
        await at.desk.append(streaming, "fore")
        await at.desk.turns(2, begin=2)
        await at.lose()
        assert ids(at.alice.view)[-4:] == ["M2", "A2", "M3", "A3"]
        run = at.alice.tree.run("R9")
        assert run is not None
        assert [each.message for each in at.alice.tree.messages(run)] == ["before"], "also of a message known before"
        [(error, shown)] = at.errors
        assert isinstance(error, ChannelContinuityError)
        assert (error.code, error.status_code) == (104006, 500)
        assert "continuity lost (attached, resumed: false)" in str(error)
        assert "what was missed has been fetched" in str(error)
        assert shown == at.alice.view.messages


async def test_only_what_was_missed_is_fetched() -> None:
    async with scene(turns=20, page=5) as at:
        await at.client.disconnect()
        await at.desk.turns(1, begin=20)
        fetched = 0
        channel = at.alice.connection.channel
        history = channel.history

        async def counted(*, limit: int = 100, until_attach: bool = False) -> object:
            nonlocal fetched
            fetched += 1
            return await history(limit=limit, until_attach=until_attach)

        channel.history = counted  # type: ignore[method-assign,assignment]
        seen: list[str | None] = []
        at.alice.tree.on("message", lambda applied: seen.append(applied.message.serial))
        await at.lose()
        assert fetched == 1
        assert len(seen) <= 10, "two pages of five"
        assert ids(at.alice.view)[-2:] == ["M20", "A20"]


async def test_a_window_that_does_not_go_back_to_the_beginning_stays_as_it_is() -> None:
    async with scene(turns=6, history=False, page=5) as at:
        await at.alice.view.load_older(3)
        await at.client.disconnect()
        await at.desk.turns(1, begin=6)
        await at.lose()
        assert ids(at.alice.view) == ["A4", "M5", "A5", "M6", "A6"]
        assert ids(await at.alice.view.load_older(3)) == ["M3", "A3", "M4"]
        await at.alice.view.load_older(100)
        assert ids(at.alice.view) == [name for number in range(7) for name in (f"M{number}", f"A{number}")]


async def test_deliveries_wait_for_what_was_missed_so_that_events_keep_their_order() -> None:
    async with scene() as at:
        turn = await at.alice.view.send(say("hi"))
        await at.desk.start("R", turn.input_message_id)
        await turn.started
        heard: list[str] = []

        async def listen() -> None:
            heard.extend([event["text"] async for event in turn.events()])

        listening = asyncio.create_task(listen())
        await settle()
        await at.desk.note("R", "A", "1", turn.input_message_id)
        await settle()
        await at.client.disconnect()
        await at.desk.note("R", "A", "2", turn.input_message_id)
        reconnecting = asyncio.create_task(at.client.reconnect(resume=False))
        await settle(1)
        assert at.client.is_connected
        await at.desk.note("R", "A", "3", turn.input_message_id)
        await at.desk.lifecycle("run-end", "R", run_reason="complete")
        await reconnecting
        await listening
        assert heard == ["1", "2", "3"]


async def test_a_start_that_was_missed_is_noticed() -> None:
    async with scene() as at:
        turn = await at.alice.view.send(say("hi"))
        await at.client.disconnect()
        await at.desk.answer("R", turn.input_message_id, ("A", "missed"))
        await at.lose()
        assert await turn.wait() == "complete"
        assert turn.messages == ["missed"]


async def test_a_session_that_saw_nothing_before_sees_everything_after() -> None:
    async with scene() as at:
        await at.client.disconnect()
        await at.desk.turns(2)
        await at.lose()
        assert ids(at.alice.view) == ["M0", "A0", "M1", "A1"]


async def test_each_loss_is_told_and_the_gap_is_the_whole_one() -> None:
    async with scene(turns=1) as at:
        await at.client.suspend()
        await settle()
        await at.desk.turns(1, begin=1)
        await at.lose()
        assert ids(at.alice.view) == ["M0", "A0", "M1", "A1"]
        texts = [str(error) for error, _ in at.errors]
        assert [error.code for error, _ in at.errors] == [104006, 104006]
        assert "unable to deliver events; channel continuity lost (suspended)" in texts[0]
        assert "may be missing" in texts[0]
        assert "unable to continue" in texts[1]


async def test_a_resumed_connection_lost_nothing() -> None:
    async with scene(turns=1) as at:
        await at.client.disconnect()
        await at.desk.turns(1, begin=1)
        await at.client.reconnect()
        await settle()
        assert ids(at.alice.view) == ["M0", "A0", "M1", "A1"]
        assert at.errors == []


@settings(max_examples=40, deadline=None)
@given(page=st.sampled_from([1, 2, 3, 7, 100]), before=st.integers(0, 3), cuts=st.lists(st.integers(0, 12), max_size=3))
def test_whatever_is_cut_the_device_ends_with_what_everyone_sees(page: int, before: int, cuts: list[int]) -> None:
    async def story() -> None:
        async with scene(turns=before, page=page) as at, at.stage.device("bob") as bob:

            async def talk() -> None:
                for number in range(before, before + 3):
                    await at.desk.ask(f"M{number}", f"q{number}", f"A{number - 1}" if number else None)
                    await at.desk.start(f"R{number}", f"M{number}")
                    await at.desk.stream(f"R{number}", f"A{number}", "a ", "b ", "c")
                    await at.desk.lifecycle("run-end", f"R{number}", run_reason="complete")

            talking = asyncio.create_task(talk())
            for cut in cuts:
                await settle(cut)
                await at.client.disconnect()
                await settle(cut)
                await at.client.reconnect(resume=False)
            await talking
            await settle(300)
            assert at.alice.view.get_messages() == bob.view.get_messages()
            assert [run.status for run in at.alice.view.runs()] == [run.status for run in bob.view.runs()]
            assert {error.code for error, _ in at.errors} <= {104006}

    asyncio.run(story())
