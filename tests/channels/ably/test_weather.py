"""Agents speak while sockets are cut, acknowledgements held, and the server is stopped or killed and comes back.

Whatever happens, every reader has every character once and in its place, and every call comes back. A seed that fails
says so in its name; many seeds, or others::

    AI_TRANSPORT_CODECS_SEEDS=0-99 pytest -q tests/channels/ably/test_weather.py
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from ai_transport_codecs import AgentSession, ClientSession
from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from ai_transport_codecs.errors import AITransportError, ChannelError, SessionSubscriptionError
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.session.run import Run
from tests.channels.ably.engine import QUICK
from tests.channels.ably.proxy import Proxy
from tests.channels.ably.weather import Weather, weather
from tests.server.wire import KEY
from tests.session.stage import say
from tests.session.toy_codec import TOY

FIRST, _, LAST = os.environ.get("AI_TRANSPORT_CODECS_SEEDS", "0-5").partition("-")
SEEDS: Final = range(int(FIRST), int(LAST or FIRST) + 1)
CONVERSATIONS: Final = ("conversations:1", "conversations:2")
PATIENCE: Final = 60.0
"""Seconds; only what hangs takes so long."""


class Speech:
    """What an agent says in one conversation: it goes on until the weather is over, and a little longer."""

    def __init__(self, seed: int, over: asyncio.Event) -> None:
        self.said: list[str] = []
        self._random = random.Random(seed)
        self._over = over

    @property
    def text(self) -> str:
        return "".join(self.said)

    async def stream(self) -> AsyncIterator[dict[str, str]]:
        yield {"type": "text-start", "id": "t"}
        left = 5
        while left:
            left -= self._over.is_set()
            self.said.append(f"{len(self.said)}{self._random.choice(['', 'ä', '🎉'])} ")
            yield {"type": "text-delta", "id": "t", "delta": self.said[-1]}
            await asyncio.sleep(self._random.choice([0.0, 0.002, 0.02]))
        yield {"type": "text-end", "id": "t"}

    async def answer(self, run: Run[str]) -> None:
        await run.pipe(self.stream())


class Reader:
    """A device that never shows anything but a beginning of what is said."""

    def __init__(self, session: ClientSession[str], speech: Speech) -> None:
        self.session = session
        self.wrong: list[str] = []
        self._speech = speech
        self._errors: list[AITransportError] = []
        session.on("error", self._errors.append)
        session.view.on("update", self._check)

    def _check(self) -> None:
        # The text's end is a full stop, which the toy codec writes.
        self.wrong += [text for text in self.session.view.messages[1:] if not self._is_beginning(text)]

    def _is_beginning(self, text: str) -> bool:
        return f"{self._speech.text}.".startswith(text)

    async def shows_all(self) -> None:
        wanted = ["hi", f"{self._speech.text}."]
        try:
            async with asyncio.timeout(PATIENCE):
                while self.session.view.messages != wanted:  # noqa: ASYNC110 - an update may have come before
                    await asyncio.sleep(0.01)
        except TimeoutError:
            assert [self.session.view.messages, *map(str, self._errors)] == [wanted]
        assert self.wrong == []


class Scene:
    """An agent and readers, each behind a wire of its own, in every conversation."""

    def __init__(self, seed: int, stack: AsyncExitStack, over: asyncio.Event) -> None:
        self.speeches = [Speech(seed + index, over) for index in range(len(CONVERSATIONS))]
        self._binary = seed % 2 == 0
        self._stack = stack

    async def connected(self, wire: Proxy, client_id: str) -> AblyProvider:
        return await self._stack.enter_async_context(
            connect_ably(
                KEY,
                url=f"http://127.0.0.1:{wire.port}",
                client_id=client_id,
                use_binary_protocol=self._binary,
                # What makes as many writes as there can be, so that faults find some under way.
                messages_per_second=None,
                **QUICK,
            )
        )

    async def agents(self, wire: Proxy) -> None:
        provider = await self.connected(wire, "agent")
        for name, speech in zip(CONVERSATIONS, self.speeches, strict=True):
            # However slowly this machine starts a server again, the agent waits for it.
            retry = RetryPolicy(attempts=200)
            session: AgentSession[str] = AgentSession(provider, name, codec=TOY, retry=retry)
            await self._stack.enter_async_context(session)
            serving = asyncio.create_task(session.serve(speech.answer))
            self._stack.push_async_callback(_ended, serving)

    async def readers(self, wire: Proxy, client_id: str) -> list[Reader]:
        provider = await self.connected(wire, client_id)
        readers = []
        for name, speech in zip(CONVERSATIONS, self.speeches, strict=True):
            readers.append(Reader(ClientSession(provider, name, codec=TOY), speech))
            await self._stack.enter_async_context(readers[-1].session)
        return readers


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _late(scene: Scene, wire: Proxy, sky: Weather) -> list[Reader]:
    """Readers that come in the middle. Who cannot connect in such weather is told so, and tries again."""
    while len(sky.log) < 2:  # noqa: ASYNC110 - it is a moment of the weather, which has no event
        await asyncio.sleep(0.005)
    while True:
        try:
            return await scene.readers(wire, "late")
        except (ChannelError, SessionSubscriptionError):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_weather_costs_a_character_or_gives_one_twice(seed: int, tmp_path: Path) -> None:
    async with (
        asyncio.timeout(3 * PATIENCE),
        weather(seed, tmp_path / "log.db", wires=2) as (sky, wires),
        AsyncExitStack() as stack,
    ):
        scene = Scene(seed, stack, sky.is_over)
        await scene.agents(wires[0])
        live = await scene.readers(wires[1], "live")
        turns = [await reader.session.view.send(say("hi")) for reader in live]
        for turn in turns:
            await turn.started
        blowing = asyncio.create_task(sky.blow())
        try:
            late = await _late(scene, wires[1], sky)
        finally:
            await blowing
        assert [await asyncio.wait_for(turn.wait(), PATIENCE) for turn in turns] == ["complete"] * len(turns), sky.log
        for reader in live + late:
            await reader.shows_all()
        for reader in await scene.readers(wires[0], "historian"):
            await reader.shows_all()
