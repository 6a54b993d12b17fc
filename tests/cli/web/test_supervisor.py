"""A killed agent's answers are given anew by the next one, in the same run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ai_transport_codecs import ClientSession
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.cli.web.supervisor import Supervisor
from ai_transport_codecs.server import LocalServer
from tests.cli.web.demo import text_of

Chunk = dict[str, Any]
PATIENCE = 20.0


class Mortal:
    """An agent that says half of its answer and then waits for a word; its second life says all of it."""

    def __init__(self) -> None:
        self.lives = 0
        self.told = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, run: Any) -> None:
        self.lives += 1
        async with run.create_step(step_id=f"answer-{run.invocation_id}") as step:
            await step.pipe(self._says(self.lives))

    async def _says(self, life: int) -> AsyncIterator[Chunk]:
        yield {"type": "start"}
        yield {"type": "text-start", "id": "t"}
        yield {"type": "text-delta", "id": "t", "delta": f"life {life}"}
        if life == 1:
            self.told.set()
            await self.go_on.wait()
        yield {"type": "text-delta", "id": "t", "delta": " and its end"}
        yield {"type": "text-end", "id": "t"}
        yield {"type": "finish"}


async def test_the_next_agent_takes_over_what_a_killed_one_left_open() -> None:
    agent = Mortal()
    async with LocalServer() as server, Supervisor(server, agent) as supervisor, asyncio.timeout(PATIENCE):
        transport = httpx.ASGITransport(app=supervisor)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://agent") as http,
            connect_ably(str(server.keys[0]), url=server.url, client_id="alice") as ably,
            ClientSession[Any](ably, "chat:1", codec="vercel") as session,
        ):
            turn = await session.view.send("Tell me")
            receipt = await http.post("/chat", json=turn.to_invocation().to_json())
            await agent.told.wait()
            async for messages in until_said(session, "life 1"):
                assert text_of(messages[-1]) == "life 1"
            assert await supervisor.kill() == 1
            agent.go_on.set()  # the dead one would say more now, if anybody still heard it
            assert await turn.wait() == "complete"
            assert turn.run_id == receipt.json()["runId"]
            assert [text_of(message) for message in turn.messages] == ["life 2 and its end"]
            assert await supervisor.kill() == 0


async def until_said(session: Any, text: str) -> AsyncIterator[list[Chunk]]:
    """Once, when the last message says that."""
    changed = asyncio.Event()
    stop = session.view.on("update", lambda *_: changed.set())
    while text not in text_of((messages := [entry.message for entry in session.view.get_messages()])[-1]):
        changed.clear()
        await changed.wait()
    stop()
    yield messages


async def test_a_run_that_was_over_is_not_taken_up_again() -> None:
    agent = Mortal()
    agent.go_on.set()
    async with LocalServer() as server, Supervisor(server, agent) as supervisor, asyncio.timeout(PATIENCE):
        transport = httpx.ASGITransport(app=supervisor)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://agent") as http,
            connect_ably(str(server.keys[0]), url=server.url, client_id="alice") as ably,
            ClientSession[Any](ably, "chat:1", codec="vercel") as session,
        ):
            for life in (1, 2):
                turn = await session.view.send("Tell me")
                await http.post("/chat", json=turn.to_invocation().to_json())
                assert await turn.wait() == "complete"
                await supervisor.kill()
                assert agent.lives == life


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What a dead agent logs is not part of these stories."""
    caplog.set_level("CRITICAL", "ai_transport_codecs")
