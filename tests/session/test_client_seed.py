"""A conversation that is stored elsewhere, joined to its channel."""

from __future__ import annotations

import pytest

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import InvalidArgumentError
from tests.session.stage import say, settle, staged
from tests.session.view_stage import closed_session, ids, opened


def stored(*names: str) -> list[CodecMessage[str]]:
    return [CodecMessage(name, f"stored {name}") for name in names]


async def test_stored_messages_show_at_once_as_a_chain() -> None:
    async with staged() as stage:
        alice = closed_session(stage, messages=stored("M0", "A0"))
        assert alice.view.messages == ["stored M0", "stored A0"]
        async with alice:
            await alice.view.send(say("next"))
            await settle()
            assert stage.headers("ai-input")[-1]["parent"] == "A0"
            assert alice.view.messages == ["stored M0", "stored A0", "next"]
            assert [alice.tree.predecessor_of(each) for each in ("M0", "A0")] == [None, "M0"]


@pytest.mark.parametrize("page", [1, 2, 5, 100])
async def test_connecting_loads_what_the_store_lacks_and_shows_nothing_twice(page: int) -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(4)
        async with stage.device(messages=stored("M0", "A0", "M1", "A1"), history_page_size=page) as alice:
            assert ids(alice.view) == ["M0", "A0", "M1", "A1", "M2", "A2", "M3", "A3"]
            assert alice.view.messages[-2:] == ["q3", "a3"]
            assert [run.run_id for run in alice.view.runs()][-2:] == ["R2", "R3"]
            await alice.view.load_older(100)
            assert alice.view.messages == [f"{who}{number}" for number in range(4) for who in "qa"], "the channel's"
            assert not alice.view.has_older()


async def test_what_is_older_than_the_store_waits_to_be_asked_for() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(4)
        async with stage.device(messages=stored("M2", "A2")) as alice:
            assert ids(alice.view) == ["M2", "A2", "M3", "A3"]
            assert alice.view.has_older()
            assert ids(await alice.view.load_older(2)) == ["M1", "A1"]
            assert ids(alice.view) == ["M1", "A1", "M2", "A2", "M3", "A3"]


async def test_a_store_without_ids_is_joined_by_hand() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(3)
        async with stage.device(messages=["q0", "a0", "q1", "a1"]) as alice:
            assert alice.view.messages == ["q0", "a0", "q1", "a1"], "only the application knows where it ends"
            newer = await alice.view.load_until(lambda entry: entry.message == "a1")
            assert [entry.message for entry in newer] == ["q2", "a2"]
            assert alice.view.messages == ["q0", "a0", "q1", "a1", "q2", "a2"]


async def test_a_store_that_the_channel_no_longer_remembers() -> None:
    async with staged() as stage:
        desk = await opened(stage)
        await desk.ask("M9", "q9", "A8")
        async with stage.device(messages=stored("M8", "A8")) as alice:
            assert alice.view.messages == ["stored M8", "stored A8", "q9"]


async def test_an_edit_of_a_stored_message_hides_what_followed_it() -> None:
    async with staged() as stage, stage.device(messages=stored("M0", "A0", "M1", "A1")) as alice:
        await alice.view.edit("M1", say("other"))
        await settle()
        sent = stage.headers("ai-input")[-1]
        assert (sent["parent"], sent["fork-of"]) == ("A0", "M1")
        assert alice.view.messages == ["stored M0", "stored A0", "other"]
        alice.view.select_sibling("M1", 0)
        assert ids(alice.view) == ["M0", "A0", "M1", "A1"]
        with pytest.raises(InvalidArgumentError, match="is not loaded, or is no answer"):
            await alice.view.regenerate("A1")


async def test_a_store_with_one_id_twice_is_refused() -> None:
    async with staged() as stage:
        for messages in (stored("M0", "M0"), stored("M0", "")):
            with pytest.raises(InvalidArgumentError, match="each message needs its own codec-message-id"):
                closed_session(stage, messages=messages)
