"""The example store: an agent stores finished runs, a later device and a later agent begin with what is stored."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from ai_transport_codecs.session.run import Run
from tests.session.agent_stage import serving
from tests.session.stage import CHANNEL, say, staged, words

EXAMPLE = Path(__file__).parents[2] / "examples" / "sqlite_store" / "store.py"


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sqlite_store", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_what_is_stored_and_what_the_channel_has_beyond_it_are_the_conversation(tmp_path: Path) -> None:
    module = example()
    store: Any = module.Store(str(tmp_path / "conversations.db"))
    prompts: list[list[str]] = []
    stored = asyncio.Event()

    async def handler(run: Run[str]) -> None:
        prompts.append(await module.prompt(store, CHANNEL, run))
        await run.pipe(words(f"answer {len(prompts)}"))
        await run.end("complete")
        if len(prompts) != 2:  # the second is lost by the store, and found on the channel
            store.add(CHANNEL, run.messages)
        stored.set()

    async with staged() as stage, stage.device() as alice:
        for question in ("one", "two"):
            async with serving(stage, handler):  # a process for each question
                assert await (await alice.view.send(say(question))).wait() == "complete"
                await stored.wait()
                stored.clear()
        assert [each.message for each in store.messages(CHANNEL)] == ["one", "answer 1."]
        async with stage.device("bob", messages=store.messages(CHANNEL)) as bob, serving(stage, handler):
            assert bob.view.get_messages() == alice.view.get_messages()
            assert await (await bob.view.send(say("three"))).wait() == "complete"
            await stored.wait()
        assert prompts[-1] == ["one", "answer 1.", "two", "answer 2.", "three"]
        async with stage.device("carol", messages=store.messages(CHANNEL)) as carol:
            assert carol.view.messages[-2:] == ["three", "answer 3."]
    store.close()


async def test_a_run_that_is_stored_twice_is_there_once(tmp_path: Path) -> None:
    module = example()
    store: Any = module.Store(str(tmp_path / "conversations.db"))
    message = module.CodecMessage
    store.add("a", [message("1", "one"), message("2", "tw")])
    store.add("a", [message("2", "two")])
    store.add("b", [message("1", "other")])
    store.close()
    again: Any = module.Store(str(tmp_path / "conversations.db"))
    assert again.messages("a") == [message("1", "one"), message("2", "two")]
    again.close()
