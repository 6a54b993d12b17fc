"""Questions and their answers, between the two SDKs, whoever asks."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.interop.parties import Json, load_all, until, until_run
from tests.interop.stage import BOTH_FORMATS, SIDES, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


def with_marks_once(message: Json) -> Json:
    """The message as it was sent: an official client that joins late keeps a step's mark beside the one it made up."""
    parts = message.get("parts")
    if parts is None:
        return message
    mark = {"type": "step-start"}
    kept = [part for before, part in itertools.pairwise([None, *parts]) if not before == part == mark]
    return message | {"parts": kept}


@BOTH_FORMATS
async def test_an_answer_streams_to_the_device_word_by_word(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    run_id = await run.start()
    assert await turn.started() == run_id
    assert [words.text(each) for each in await run.prompt()] == ["Where to?"]
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis", "bon")])
    await stage.shows(laptop, "Where to?", "Lisbon")
    await pipe.feed([*words.words("t1", ", in ", "spring.")])
    await stage.shows(laptop, "Where to?", "Lisbon, in spring.")
    await pipe.feed(words.finish("t1", "Lisbon, in spring."))
    await pipe.finish()
    assert (await pipe.result()).reason == "complete"
    await run.end()
    await stage.agree(laptop, run, turn)
    assert await laptop.errors() == await agent.errors() == []


@BOTH_FORMATS
async def test_whoever_joins_in_the_middle_of_an_answer_sees_all_of_it(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis", "bon")])
    await stage.shows(laptop, "Where to?", "Lisbon")
    phones = [await stage.device("bob", side=side) for side in SIDES]
    await pipe.feed(words.words("t1", ", in "))
    for phone in phones:
        await load_all(phone)
        await stage.shows(phone, "Where to?", "Lisbon, in ")
    await pipe.feed([*words.words("t1", "spring."), *words.finish("t1", "Lisbon, in spring.")])
    await pipe.finish()
    await pipe.result()
    await run.end()
    shown = await stage.agree(laptop, run, turn)
    for phone in phones:
        await until_run(phone, await turn.started(), "complete")
    ours, official = [stage.common(await phone.messages()) for phone in phones]
    assert ours == shown
    assert [each._replace(message=with_marks_once(each.message)) for each in official] == shown


async def test_two_devices_take_turns(stage: Stage) -> None:
    words = stage.dialect
    agent = await stage.agent()
    laptop, phone = await stage.device("alice"), await stage.device("alice", side=stage.agent_side)
    await stage.converse(laptop, agent, "Where to?", "Lis", "bon")
    await stage.shows(phone, "Where to?", "Lisbon")
    turn = await phone.send(words.says("When?"))
    await stage.shows(laptop, "Where to?", "Lisbon", "When?")
    run = await agent.create_run(turn)
    await run.start()
    assert [words.text(each) for each in await run.prompt()] == ["Where to?", "Lisbon", "When?"]
    await stage.answer(run, "In ", "spring")
    await stage.shows(laptop, "Where to?", "Lisbon", "When?", "In spring")
    shown = await stage.agree(phone, run, turn)
    assert stage.common(await laptop.messages()) == shown


async def test_two_answers_run_at_once(stage: Stage) -> None:
    words = stage.dialect
    agent = await stage.agent()
    laptop, phone = await stage.device("alice"), await stage.device("bob")
    turns = [await laptop.send(words.says("Where to?")), await phone.send(words.says("And when?"))]
    runs = [await agent.create_run(turn) for turn in turns]
    for run in runs:
        await run.start()
    pipes = [await run.pipe() for run in runs]
    for number, pipe in enumerate(pipes):
        await pipe.feed(words.begin(f"t{number}"))
    for pieces in (("Lis", "In "), ("bon", "spring")):
        for number, (pipe, piece) in enumerate(zip(pipes, pieces, strict=True)):
            await pipe.feed(words.words(f"t{number}", piece))
    for number, (pipe, text) in enumerate(zip(pipes, ("Lisbon", "In spring"), strict=True)):
        await pipe.feed(words.finish(f"t{number}", text))
        await pipe.finish()
    await asyncio.gather(*(pipe.result() for pipe in pipes))
    for run in runs:
        await run.end()
    for device in (laptop, phone):
        shown = await until(device, lambda shown: len(shown) == 4 and all(words.text(each.message) for each in shown))
        assert {"Lisbon", "In spring"} < {words.text(each.message) for each in shown}
        for turn in turns:
            await until_run(device, await turn.started(), "complete")
    for turn, run in zip(turns, runs, strict=True):
        assert [words.common(each) for each in await turn.exchange()] == [
            words.common(each) for each in await run.messages()
        ]
    await stage.readers_agree(laptop)


async def test_an_answer_that_fails_tells_the_device_why(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    turn = await laptop.send(words.says("Where to?"))
    run = await agent.create_run(turn)
    await run.start()
    pipe = await run.pipe()
    await pipe.feed([*words.begin("t1"), *words.words("t1", "Lis")])
    await stage.shows(laptop, "Where to?", "Lis")
    await pipe.finish("the model is down")
    result = await pipe.result()
    assert result.reason == "error"
    assert "the model is down" in str(result.error)
    await run.end("error", (104008, "the model is down"))
    told = await until_run(laptop, await turn.started(), "error")
    assert told["error"]["code"] == 104008
    assert told["error"]["message"] == "the model is down"
    assert [each["message"] for each in await laptop.errors()] == ["the model is down"]
    await stage.agree(laptop, run, turn, "error")


async def test_a_long_conversation_loads_by_the_page(stage: Stage) -> None:
    agent, laptop = await stage.agent(), await stage.device()
    turn, run = await stage.converse(laptop, agent, "Question 0?", "Answer ", "0")
    for number in range(1, 5):
        turn, run = await stage.converse(laptop, agent, f"Question {number}?", "Answer ", str(number))
    texts = [text for number in range(5) for text in (f"Question {number}?", f"Answer {number}")]
    for side in SIDES:
        phone = await stage.device("bob", side=side, page_size=7)
        seen: list[str] = []
        while await phone.has_older():
            older = await phone.load_older(3)
            seen = [stage.dialect.text(each.message) for each in older] + seen
            assert len(older) == min(3, len(texts) - len(seen) + len(older))
        assert seen == texts
        assert await phone.messages() == await load_all(phone)
    await stage.agree(laptop, run, turn)
