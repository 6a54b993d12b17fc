"""A hundred thousand malformed messages: none raises out of a session, and the next turn is as good as ever."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any, Final

import pytest

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub, SessionSubscriptionError
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.hostile import HostileProvider, mutated
from tests.session.stage import CHANNEL, say, settle, staged, words
from tests.session.toy_codec import TOY

MUTATIONS: Final = 100_000
SESSIONS: Final = 2
SEEDS: Final = range(4)


async def answer(run: Run[str]) -> None:
    await run.pipe(words("Hello", " world"))


async def refuse(run: Run[str]) -> None:
    await run.pipe(words("Never", " mind"))
    raise RuntimeError("out of order")


async def go_on(run: Run[str]) -> None:
    await run.pipe(words("On", " and on", gate=asyncio.Event()))


async def _real_messages() -> list[InboundMessage]:
    """Everything that readers see of turns that complete, fail, are cancelled, are edited and are asked for again."""
    async with staged() as stage:
        async with stage.agent(answer), stage.device("alice") as alice, stage.device("bob"):
            turn = await alice.view.send(say("hi"))
            await turn.wait()
            edited = await alice.view.send(say("hello"), fork_of=turn.input_message_id)
            await edited.wait()
            again = TOY.create_regenerate(alice.view.get_messages()[-1].id, edited.input_message_id)
            await (await alice.view.send(again)).wait()
        async with stage.agent(refuse), stage.device("alice") as alice:
            await (await alice.view.send(say("hi"))).wait()
        async with stage.agent(go_on), stage.device("alice") as alice:
            turn = await alice.view.send(say("stop"))
            await settle()
            await turn.cancel()
            await turn.wait()
        await settle()
        return list(stage.seen)


@pytest.mark.parametrize("seed", SEEDS)
async def test_malformed_messages_neither_raise_nor_stop_later_ones(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    random, real = Random(seed), await _real_messages()
    names = {message.name for message in real}
    assert {"ai-input", "ai-output", "ai-cancel", "ai-run-end", "ai-step-end", None} <= names
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    errors: list[Exception] = []
    hub = MemoryHub()
    agent, device = HostileProvider(hub.client("agent")), HostileProvider(hub.client("alice"))
    async with (
        AgentSession(agent, CHANNEL, codec=TOY) as serving,
        ClientSession(device, CHANNEL, codec=TOY) as alice,
    ):
        serving.on("error", errors.append)
        alice.on("error", errors.append)
        task = asyncio.create_task(serving.serve(answer))
        await (await alice.view.send(say("before"))).wait()
        for number in range(MUTATIONS // SESSIONS // len(SEEDS)):
            for provider in (agent, device):
                provider.channels[CHANNEL].inject(mutated(random.choice(real), random))
            if number % 50 == 0:
                await settle(5)
                alice.view.get_messages()
                alice.view.runs()
        await settle()
        turn = await alice.view.send(say("after"))
        await turn.wait()
        assert turn.messages[-1] == "Hello world."
        assert alice.view.messages[-2:] == ["after", "Hello world."]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [error for error in errors if isinstance(error, SessionSubscriptionError)] == []
    assert unhandled == []
