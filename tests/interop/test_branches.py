"""Edits and regenerations, between the two SDKs, whoever asks."""

from __future__ import annotations

import pytest

from tests.interop.parties import until_run
from tests.interop.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_edited_question_is_a_branch_of_its_own(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    await stage.converse(laptop, agent, "Hello", "Hi")
    first, _ = await stage.converse(laptop, agent, "Where to?", "Lis", "bon")
    turn = await laptop.edit(first.message_id, words.says("Where to in winter?"))
    run = await agent.create_run(turn)
    await run.start()
    assert [words.text(each) for each in await run.prompt()] == ["Hello", "Hi", "Where to in winter?"]
    await stage.answer(run, "Os", "lo")
    await until_run(laptop, await turn.started(), "complete")
    await stage.shows(laptop, "Hello", "Hi", "Where to in winter?", "Oslo")
    assert await laptop.versions(turn.message_id) == (1, 2)
    await stage.agree(laptop, run, turn)
    await laptop.select(turn.message_id, 0)
    await stage.shows(laptop, "Hello", "Hi", "Where to?", "Lisbon")
    assert await laptop.versions(first.message_id) == (0, 2)


async def test_a_regenerated_answer_replaces_the_first_one(stage: Stage) -> None:
    words = stage.dialect
    laptop, agent = await stage.device(), await stage.agent()
    await stage.converse(laptop, agent, "Where to?", "Lis", "bon")
    answer = (await laptop.messages())[-1]
    turn = await laptop.regenerate(answer.id)
    run = await agent.create_run(turn)
    await run.start()
    assert [words.text(each) for each in await run.prompt()] == ["Where to?"]
    await stage.answer(run, "Os", "lo")
    await until_run(laptop, await turn.started(), "complete")
    shown = await stage.shows(laptop, "Where to?", "Oslo")
    assert await laptop.versions(shown[-1].id) == (1, 2)
    await stage.agree(laptop, run, turn)
    await laptop.select(shown[-1].id, 0)
    await stage.shows(laptop, "Where to?", "Lisbon")
    assert await laptop.versions(answer.id) == (0, 2)
