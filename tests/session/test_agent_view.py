"""What an agent feeds to its model: run.view, and the seam to a database (session spec 4.10, 6.4, 7.5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import HistoryFetchError
from ai_transport_codecs.session.client import ClientSession
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Refuse
from tests.session.agent_stage import agent_on, answering, failing, note, serving, texts
from tests.session.stage import CHANNEL, Stage, say, settle, staged
from tests.session.toy_codec import TOY


async def converse(stage: Stage, alice: ClientSession[str], *said: str) -> None:
    """Complete turns, each answered with its words in capitals."""

    async def handler(run: Run[str]) -> None:
        await run.view.load()
        await run.pipe([note(texts(run.view.get_messages())[-1].upper())])

    async with serving(stage, handler):
        for text in said:
            await (await alice.view.send(say(text))).wait()
            await settle()


async def test_the_prompt_is_the_branch_from_its_root() -> None:
    async with staged() as stage, stage.device() as alice:
        await converse(stage, alice, "a", "b")
        async with stage.agent() as agent:
            run = await answering(agent, await alice.view.send(say("c")))
            await run.view.load()
            assert run.view.messages == ["a", "A", "b", "B", "c"]
            assert texts(run.messages) == ["c"], "this turn alone"
            await run.pipe([note("C")])
            assert run.view.messages == ["a", "A", "b", "B", "c", "C"]
            assert texts(run.messages) == ["c", "C"]
            await run.end()


@pytest.mark.parametrize("status", ["cancelled", "error", "active", "suspended"])
async def test_a_turn_that_did_not_complete_is_left_out_with_its_question(status: str) -> None:
    """Behaviour 25."""
    async with staged() as stage, stage.device() as alice:
        await converse(stage, alice, "a")
        async with stage.agent() as agent:
            run = await answering(agent, await alice.view.send(say("b")))
            await run.pipe([note("B")])
            if status == "suspended":
                await run.suspend()
            elif status != "active":
                await run.end(status)  # type: ignore[arg-type]
            await settle()
            later = await answering(agent, await alice.view.send(say("c")))
            await later.view.load()
            assert later.view.messages == ["a", "A", "c"]
            await later.end()


async def test_the_filter_of_a_prompt_does_not_go_stale() -> None:
    """The reference filters when the view is pinned, so a turn that completes later stays hidden (4.10); design D4."""
    async with staged() as stage, stage.agent() as agent, stage.device() as alice:
        run = await answering(agent, await alice.view.send(say("a")))
        await run.pipe([note("A")])
        await settle()
        later = await answering(agent, await alice.view.send(say("b")))
        assert later.view.messages == ["b"]
        await run.end()
        await settle()
        assert later.view.messages == ["a", "A", "b"]
        await later.end()


async def test_a_regenerate_does_not_see_what_it_replaces() -> None:
    async with staged() as stage, stage.device() as alice:
        async with stage.agent() as agent:
            turn = await alice.view.send(say("a"))
            run = await answering(agent, turn)
            await run.pipe([note("one")])
            await run.pipe([note("two")])
            await run.end()
            await settle()
            messages = turn.get_messages()
            for replaced, prompt in ((messages[0], ["a"]), (messages[1], ["a", "one"])):
                again = await answering(agent, await alice.view.regenerate(replaced.id))
                await again.view.load()
                assert again.view.messages == prompt
                await again.pipe([note("anew")])
                assert again.view.messages == [*prompt, "anew"]
                await again.end()
                await settle()
        starts = stage.headers("ai-run-start")
        assert [start.get("msg-regenerate") for start in starts] == [None, messages[0].id, messages[1].id]


async def test_an_edit_sees_neither_what_it_replaces_nor_what_followed() -> None:
    async with staged() as stage, stage.device() as alice:
        await converse(stage, alice, "a", "b")
        second = alice.view.get_messages()[2]
        async with stage.agent() as agent:
            run = await answering(agent, await alice.view.edit(second.id, say("b2")))
            await run.view.load()
            assert run.view.messages == ["a", "A", "b2"]
            await run.end()
        assert stage.headers("ai-run-start")[-1]["fork-of"] == second.id


async def test_older_messages_come_as_asked_for() -> None:
    async with staged() as stage, stage.device() as alice:
        await converse(stage, alice, "a", "b", "c")
        agent = agent_on(stage, history_page_size=4)
        async with agent:
            run = agent.create_run((await alice.view.send(say("d"))).to_invocation())
            assert run.view.has_older()
            await run.start()
            assert run.view.messages == ["d"]
            assert texts(await run.view.load_older(2)) == ["c", "C"]
            assert run.view.messages == ["c", "C", "d"]
            assert texts(await run.view.load_older(1)) == ["B"]
            assert run.view.messages == ["B", "c", "C", "d"]
            first, second = await asyncio.gather(run.view.load_older(2), run.view.load_older(2))
            assert (texts(first), second) == (["A", "b"], [])
            assert texts(await run.view.load_older()) == ["a"]
            assert run.view.messages == ["a", "A", "b", "B", "c", "C", "d"]
            assert await run.view.load_older() == []
            assert not run.view.has_older()
            await run.end()


async def test_one_call_locates_an_input_that_is_in_history() -> None:
    """Session spec 4.3: before the input is seen nothing shows, so loading goes on until it is."""
    async with staged() as stage, stage.device() as alice:
        turn = await alice.view.send(say("a"))
        for text in "bcdef":
            await alice.view.send(say(text), parent="elsewhere")
        agent = agent_on(stage, history_page_size=1)
        async with agent:
            run = agent.create_run(turn.to_invocation())
            assert texts(await run.view.load_older(1)) == ["a"]
            assert run.located.is_set
            lost = agent.create_run(Invocation("never"))
            assert await lost.view.load_older(1) == []


# --- the seam to a database


def after(stored: list[CodecMessage[str]]) -> Any:
    """Accepts the newest message stored."""
    return lambda entry: bool(stored) and entry.id == stored[-1].id


@pytest.mark.parametrize("page", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
async def test_what_is_stored_and_what_the_channel_adds_make_the_prompt(page: int, count: int) -> None:
    """Seed plus seam: each turn is stored when it is over, and a fresh process reads only what the store lacks."""
    async with staged() as stage, stage.device() as alice:
        database: list[CodecMessage[str]] = []
        for number, text in enumerate("abc"):
            async with stage.agent() as agent:
                run = await answering(agent, await alice.view.send(say(text)))
                await run.pipe([note(text.upper())])
                await run.end()
                await settle()
                if number < count:
                    database.extend(run.messages)
        agent = agent_on(stage, history_page_size=page)
        async with agent:
            run = await answering(agent, await alice.view.send(say("d")))
            missing = await run.view.load_until(after(database))
            assert texts([*database, *missing]) == ["a", "A", "b", "B", "c", "C", "d"]
            assert texts(missing) == run.view.messages
            assert run.view.has_older() == (count > 0)
            if count:
                assert texts(await run.view.load_older(1)) == texts(database[-1:])
            await run.view.load()
            assert run.view.messages == ["a", "A", "b", "B", "c", "C", "d"]
            await run.end()


async def test_a_seam_stays_where_it_is_while_others_load_history() -> None:
    async with staged() as stage, stage.device() as alice:
        await converse(stage, alice, "a", "b", "c")
        seam = alice.view.get_messages()[3]
        agent = agent_on(stage, history_page_size=3)
        async with agent:
            run = await answering(agent, await alice.view.send(say("d")))
            assert texts(await run.view.load_until(after([seam]))) == ["c", "C", "d"]
            await agent.hydrator.fold_until(lambda: False)
            assert run.view.messages == ["c", "C", "d"]
            await run.end()


async def test_a_closed_view_loads_nothing_and_can_still_be_read() -> None:
    async with staged() as stage, stage.device() as alice:
        await converse(stage, alice, "a")
        async with stage.agent() as agent:
            run = await answering(agent, await alice.view.send(say("b")))
            await run.end()
            before = run.view.messages
            await run.view.load()
            assert await run.view.load_older() == await run.view.load_until(lambda entry: True) == []
            assert run.view.messages == before
            assert not run.view.has_older()
            run.view.close()


async def test_history_that_cannot_be_fetched_is_an_error_of_the_call() -> None:
    async with staged() as stage, stage.device() as alice:
        await converse(stage, alice, "a")
        plan = FaultPlan()
        for number in range(1, 9):
            plan.on("history", number, Refuse(40160, 401))
        agent = type(agent_on(stage))(FaultyProvider(stage.hub.client("agent"), plan), CHANNEL, codec=TOY)
        agent.on("error", stage.errors.append)
        async with agent:
            run = await answering(agent, await alice.view.send(say("b")))
            with pytest.raises(HistoryFetchError, match="unable to fetch channel history"):
                await run.view.load()
            assert run.view.messages == ["b"]
            with pytest.raises(HistoryFetchError):
                await run.view.load_until(lambda entry: False)
            await run.view.load()
            assert run.view.messages == ["a", "A", "b"], "the cursor stayed where it was"
            await run.end()


async def test_a_failed_turn_is_no_part_of_the_next_prompt() -> None:
    async def handler(run: Run[str]) -> None:
        await run.view.load()
        await run.pipe(failing(note("half")) if run.view.messages == ["a"] else [note("|".join(run.view.messages))])

    async with staged() as stage, stage.agent(handler), stage.device() as alice:
        assert await (await alice.view.send(say("a"))).wait() == "error"
        turn = await alice.view.send(say("b"))
        assert await turn.wait() == "complete"
        assert turn.messages == ["b"]
