"""History by the page, exact to the message, for each view on its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_transport_codecs import ClientSession
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import AITransportError, HistoryFetchError, InvalidArgumentError
from ai_transport_codecs.testing.faults import FaultPlan, FaultyProvider, Hold, Refuse
from tests.session.stage import CHANNEL, say, settle, staged
from tests.session.toy_codec import TOY
from tests.session.view_stage import Desk, closed_session, ids, opened, updates_of

NO_PAST_AT_FIRST = FaultPlan()
"""One try and its three retries are refused."""
for _try in (1, 2, 3, 4):
    NO_PAST_AT_FIRST = NO_PAST_AT_FIRST.on("history", _try, Refuse(50003, 503))

ALL = [name for number in range(4) for name in (f"M{number}", f"A{number}")]


async def test_pages_are_exact_to_the_message() -> None:
    """Behaviour 40: the run of a message is visible as soon as one of its messages is."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(4)
        async with stage.device(history=False, history_page_size=7) as alice:
            view = alice.view
            assert view.messages == []
            assert view.has_older()
            updates = await updates_of(view)
            assert ids(await view.load_older(1)) == ["A3"]
            assert [run.run_id for run in view.runs()] == ["R3"]
            assert ids(await view.load_older(3)) == ["M2", "A2", "M3"]
            assert ids(view) == ["M2", "A2", "M3", "A3"]
            assert ids(await view.load_older()) == ["M0", "A0", "M1", "A1"]
            assert ids(view) == ALL
            assert not view.has_older()
            assert await view.load_older() == []
            assert len(updates) == 4, "one for each load"


@settings(max_examples=60, deadline=None)
@given(
    page=st.integers(1, 30),
    limits=st.lists(st.integers(1, 5), max_size=8),
    other=st.lists(st.integers(1, 5), max_size=3),
)
def test_views_page_independently_whatever_the_pages(page: int, limits: list[int], other: list[int]) -> None:
    async def story() -> None:
        async with staged() as stage:
            desk = await opened(stage)
            await desk.turns(3)
            await desk.ask("M3", "q3", "A2")
            await desk.answer("R3", "M3", ("A3", "a"), ("B3", "b"), ("C3", "c"))
            everything = [*ALL[:6], "M3", "A3", "B3", "C3"]
            async with stage.device(history=False, history_page_size=page) as alice:
                first, second = alice.view, alice.create_view()
                counts = {first: 0, second: 0}
                steps = [(first, limit) for limit in limits] + [(second, limit) for limit in other]
                for view, limit in sorted(steps, key=lambda step: step[1]):
                    before = counts[view]
                    revealed = ids(await view.load_older(limit))
                    counts[view] = min(before + limit, len(everything))
                    assert revealed == everything[len(everything) - counts[view] : len(everything) - before]
                    for each, count in counts.items():
                        assert ids(each) == everything[len(everything) - count :]

    asyncio.run(story())


async def test_live_messages_show_whatever_is_withheld() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(4)
        async with stage.device(history=False) as alice:
            other = alice.create_view()
            await alice.view.load_older(3)
            await desk.ask("M4", "q4", "A3")
            await settle()
            assert ids(alice.view) == ["A2", "M3", "A3", "M4"]
            assert ids(other) == ["M4"]
            assert ids(await other.load_older(2)) == ["M3", "A3"]
            turn = await other.send(say("next"))
            assert stage.headers("ai-input")[-1]["parent"] == "M4"
            assert ids(alice.view)[-1] == turn.input_message_id
            assert ids(alice.create_view()) == [*ALL, "M4", turn.input_message_id], "a new view shows all there is"


async def test_one_load_at_a_time_in_a_view_and_views_queue() -> None:
    """Behaviour 43."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(4)
        async with stage.device(history=False, history_page_size=5) as alice:
            other = alice.create_view()
            loads = [view.load_older(3) for view in (alice.view, alice.view, other)]
            assert list(map(ids, await asyncio.gather(*loads))) == [["A2", "M3", "A3"], [], ["A2", "M3", "A3"]]


async def test_there_may_be_older_messages_on_a_channel_never_asked() -> None:
    """Behaviour 42."""
    async with staged() as stage, stage.device(history=False) as alice:
        assert alice.view.has_older()
        assert await alice.view.load_older() == []
        assert not alice.view.has_older()


@pytest.mark.parametrize("limit", [0, -1, 2.5, "10", None, True])
async def test_a_bad_limit_is_refused(limit: object) -> None:
    async with staged() as stage, stage.device() as alice:
        with pytest.raises(InvalidArgumentError, match="pass a positive integer") as caught:
            await alice.view.load_older(limit)  # type: ignore[arg-type]
        assert caught.value.code == 40003


async def test_loading_before_connect_and_after_close() -> None:
    async with staged() as stage:
        alice = closed_session(stage)
        with pytest.raises(InvalidArgumentError, match=r"connect\(\) must be called before load_older\(\)"):
            await alice.view.load_older()
        with pytest.raises(InvalidArgumentError, match=r"connect\(\) must be called before load_until\(\)"):
            await alice.view.load_until(lambda _: True)
        await alice.close()
        assert await alice.view.load_older() == await alice.view.load_until(lambda _: True) == []
        assert not alice.view.has_older()


async def test_loading_until_a_message_hides_it_and_what_is_older() -> None:
    """Behaviour 41; and the next page begins with the message found."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(4)
        for page in (1, 3, 100):
            async with stage.device(history=False, history_page_size=page) as alice:
                updates = await updates_of(alice.view)
                assert ids(await alice.view.load_until(lambda entry: entry.id in ("A1", "M1"))) == ALL[4:]
                assert ids(alice.view) == ALL[4:]
                assert len(updates) == 1
                assert alice.view.has_older()
                assert ids(await alice.view.load_older(2)) == ["M1", "A1"]
                found = await alice.view.load_until(lambda entry: entry.message.startswith("q"))
                assert ids(found) == ids(alice.view) == ALL[3:], "of what is visible, the oldest counts"
                assert ids(await alice.view.load_until(lambda entry: False)) == ALL
                assert not alice.view.has_older()


async def test_the_newest_message_may_be_the_seam() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(2)
        async with stage.device(history=False) as alice:
            assert await alice.view.load_until(lambda entry: entry.id == "A1") == []
            await desk.ask("M2", "q2", "A1")
            await settle()
            assert ids(alice.view) == ["M2"], "what is new shows, and nothing else"
            assert ids(await alice.view.load_older(1)) == ["A1"]


async def test_a_predicate_that_raises_is_the_callers() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()

        def fail(_: object) -> bool:
            raise LookupError("no such row")

        with pytest.raises(LookupError, match="no such row"):
            await alice.view.load_until(fail)
        assert ids(await alice.view.load_until(lambda entry: entry.id == "M0")) == ["A0"]


async def test_history_that_cannot_be_fetched_is_an_error_and_the_next_try_goes_on() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(2)
        client = FaultyProvider(stage.hub.client("alice"), NO_PAST_AT_FIRST)
        async with ClientSession[str](client, CHANNEL, codec=TOY, history=False) as alice:
            with pytest.raises(HistoryFetchError, match=r"unable to fetch channel history; .*Try again") as caught:
                await alice.view.load_older(1)
            assert (caught.value.code, caught.value.status_code) == (50003, 503)
            assert caught.value.cause is not None
            assert alice.view.messages == []
            assert ids(await alice.view.load_older(1)) == ["A1"]


@pytest.mark.parametrize("is_seamed", [False, True], ids=["all of it", "down to what is stored"])
async def test_a_past_that_could_not_be_loaded_on_connecting_is_loaded_once_the_channel_is_back(
    is_seamed: bool,
) -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(2)
        client = FaultyProvider(raw := stage.hub.client("alice"), NO_PAST_AT_FIRST)
        stored = [CodecMessage("A0", "answer 0")] if is_seamed else []
        alice = ClientSession[str](client, CHANNEL, codec=TOY, messages=stored)
        errors: list[AITransportError] = []
        alice.on("error", errors.append)
        async with alice:
            assert [type(error) for error in errors] == [HistoryFetchError]
            assert "A1" not in ids(alice.view)
            await raw.disconnect()
            await raw.reconnect()
            await settle()
            assert ids(alice.view)[-2:] == ["M1", "A1"]
            assert [type(error) for error in errors] == [HistoryFetchError]
            held = len(alice.view.messages)
            await raw.disconnect()
            await raw.reconnect()
            await settle()
            assert len(alice.view.messages) == held


async def test_a_channel_that_comes_back_while_the_past_is_loaded_in_vain_is_asked_again_at_once() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(1)
        client = FaultyProvider(raw := stage.hub.client("alice"), NO_PAST_AT_FIRST)
        alice = ClientSession[str](client, CHANNEL, codec=TOY)
        connecting = asyncio.create_task(alice.connect())
        await settle()
        await raw.disconnect()
        await raw.reconnect()
        await connecting
        assert ids(alice.view) == ["M0", "A0"]
        await alice.close()


async def test_a_session_that_closes_loads_nothing_any_more() -> None:
    async with staged() as stage:
        await (await opened(stage)).turns(1)
        client = FaultyProvider(raw := stage.hub.client("alice"), NO_PAST_AT_FIRST)
        alice = ClientSession[str](client, CHANNEL, codec=TOY)
        alice.on("error", lambda _: None)
        await alice.connect()
        await alice.close()
        await raw.disconnect()
        await raw.reconnect()
        await settle()
        assert alice.view.messages == []


@pytest.mark.parametrize("page", range(1, 9))
async def test_a_run_split_by_a_history_page_is_shown_and_ends(page: int) -> None:
    """The reference hides it for ever, or keeps it active, or lets an older suspend overwrite its end (7.4)."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.ask("M", "q")
        await desk.start("R", "M")
        await desk.note("R", "A", "call?", "M")
        await desk.lifecycle("run-suspend", "R")
        async with stage.device("live") as live:
            for invocation in ("i2", "i3"):
                await desk.publish(
                    "ai-input",
                    invocation,
                    {"kind": "tool-result"},
                    role="user",
                    codec_message_id="A",
                    run_id="R",
                    parent="A",
                    event_id=invocation,
                    stream="false",
                )
                again = {"invocation_id": invocation, "input_codec_message_id": "A"}
                await desk.lifecycle("run-resume", "R", **again)
                await desk.note("R", f"B-{invocation}", "more", "A")
                await desk.lifecycle("run-suspend" if invocation == "i2" else "run-end", "R", **again)
            await settle()
            for history in (True, False):
                async with stage.device("late", history=history, history_page_size=page) as late:
                    await late.view.load_older(100)
                    assert late.view.get_messages() == live.view.get_messages()
                    assert ids(late.view) == ["M", "A", "B-i2", "B-i3"]
                    assert [run.status for run in late.view.runs()] == ["complete"]


async def test_a_run_whose_question_is_not_loaded_is_hidden_and_its_event_is_the_trees() -> None:
    """Behaviour 33."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.ask("M", "q")
        async with stage.device(history=False) as alice:
            heard: dict[str, list[str]] = {"tree": [], "view": []}
            alice.tree.on("run", lambda event: heard["tree"].append(event.type))
            alice.view.on("run", lambda event: heard["view"].append(event.type))
            await desk.answer("R", "M", ("A", "a"))
            await settle()
            assert heard == {"tree": ["start", "end"], "view": []}
            assert alice.tree.run("R") is not None
            assert alice.view.messages == []
            await alice.view.load_older(1)
            assert alice.view.messages == ["a"]


async def test_a_page_that_ends_in_the_middle_of_a_run_hides_nothing_newer() -> None:
    """Else the whole conversation would vanish until the question is loaded, or for ever if history forgot it."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(3)
        async with stage.device(history=False, history_page_size=1) as alice:
            await alice.view.load_older(2)
            while alice.hydrator.has_next:
                one_page = iter((False, True))
                await alice.hydrator.fold_until(one_page.__next__, older=True)
                assert ids(alice.view) == ["M2", "A2"]


@asynccontextmanager
async def a_first_page_that_waits() -> AsyncIterator[tuple[Desk, ClientSession[str], asyncio.Event]]:
    """A conversation of two turns, and a device that gets its first page of history when the event is set."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(2)
        gate = asyncio.Event()
        client = FaultyProvider(stage.hub.client("alice"), FaultPlan().on("history", 1, Hold(until=gate)))
        async with ClientSession[str](client, CHANNEL, codec=TOY, history=False) as alice:
            yield desk, alice, gate


async def test_a_load_that_is_cancelled_changes_nothing_and_the_next_one_works() -> None:
    async with a_first_page_that_waits() as (_, alice, _):
        loading = asyncio.create_task(alice.view.load_older(1))
        await settle()
        assert await alice.view.load_older(1) == []
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        assert loading.cancelled()
        assert alice.view.messages == []
        assert ids(await alice.view.load_older(1)) == ["A1"]


async def test_closing_a_view_ends_its_load() -> None:
    async with a_first_page_that_waits() as (_, alice, gate):
        view = alice.create_view()
        loads = [asyncio.create_task(view.load_older(1)), asyncio.create_task(view.load_until(lambda _: True))]
        await settle()
        view.close()
        gate.set()
        assert [await load for load in loads] == [[], []]
        assert ids(await alice.view.load_older(1)) == ["A1"]


async def test_what_is_said_during_a_load_is_not_of_the_past() -> None:
    async with a_first_page_that_waits() as (desk, alice, gate):
        loading = asyncio.create_task(alice.view.load_older(2))
        await settle()
        await desk.ask("M2", "q2", "A1")
        await settle()
        assert ids(alice.view) == ["M2"]
        gate.set()
        assert ids(await loading) == ["M1", "A1"]
        assert ids(alice.view) == ["M1", "A1", "M2"]


@pytest.mark.parametrize("walk", [False, True])
async def test_an_answer_whose_question_comes_with_a_load_came_into_view_by_it(walk: bool) -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.ask("M0", "q0")
        await desk.ask("M1", "q1")
        await desk.answer("R0", "M0", ("A0", "a0"))
        await desk.answer("R1", "M1", ("A1", "a1"))
        async with stage.device(history=False, history_page_size=7) as alice:
            assert ids(await alice.view.load_older(2)) == ["M1", "A1"]
            if walk:
                assert ids(await alice.view.load_until(lambda entry: entry.id == "A0")) == ["A1"]
                return
            assert ids(await alice.view.load_older(1)) == ["A0"]
            assert ids(alice.view) == ["M1", "A0", "A1"]
            assert ids(await alice.view.load_older(1)) == ["M0"]
            assert not alice.view.has_older()


async def test_a_load_that_moves_the_view_to_another_branch_returns_what_is_new() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.ask("M0", "q0")
        await desk.answer("R0", "M0", ("A0", "a0"))
        await desk.ask("M1", "q1", "A0")
        await desk.answer("R1", "M1", ("A1", "a1"))
        await desk.answer("R2", "M0", ("B0", "b0"), msg_regenerate="A0")
        async with stage.device(history=False, history_page_size=9) as alice:
            assert ids(await alice.view.load_older(2)) == ["M1", "A1"], "nobody knows yet that they are on another one"
            assert ids(await alice.view.load_older(1)) == ids(alice.view) == ["B0"]
            assert ids(await alice.view.load_older(1)) == ["M0"]
            assert ids(alice.view) == ["M0", "B0"]
