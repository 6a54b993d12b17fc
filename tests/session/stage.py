"""A stage for session stories: one agent, devices, and what the channel saw, over the memory channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.toy_codec import TOY

CHANNEL = "conversation"


def say(text: str) -> dict[str, Any]:
    """A user's message of one part."""
    return {"kind": "user-message", "message": {"parts": [{"type": "text", "text": text}]}}


def text_events(*words: str, id: str = "t", ends: bool = True) -> list[dict[str, str]]:
    """The events of one streamed text."""
    deltas = [{"type": "text-delta", "id": id, "delta": word} for word in words]
    return [{"type": "text-start", "id": id}, *deltas, *([{"type": "text-end", "id": id}] if ends else [])]


async def words(
    *said: str, gate: asyncio.Event | None = None, pause: Callable[[], Awaitable[None]] | None = None
) -> Any:
    """A source that says ``said`` and, before it ends, waits for the gate."""
    for event in text_events(*said, ends=False):
        yield event
        await (pause() if pause else asyncio.sleep(0))
    if gate is not None:
        await gate.wait()
    yield {"type": "text-end", "id": "t"}


class Stage:
    """A hub with a spectator that keeps every delivery."""

    def __init__(self, **hub: Any) -> None:
        self.hub = MemoryHub(**hub)
        self.seen: list[InboundMessage] = []
        self.errors: list[BaseException] = []

    async def open(self) -> None:
        """Begin to watch."""
        spectator = self.hub.client("spectator").channel(CHANNEL)
        spectator.subscribe(self.seen.append)
        await spectator.attach()

    @asynccontextmanager
    async def agent(
        self, handler: Callable[[Run[str]], Awaitable[Any]] | None = None
    ) -> AsyncIterator[AgentSession[str]]:
        """An agent session, serving ``handler`` if given."""
        session: AgentSession[str] = AgentSession(self.hub.client("agent"), CHANNEL, codec=TOY)
        session.on("error", self.errors.append)
        async with session:
            serving = asyncio.create_task(session.serve(handler)) if handler else None
            await asyncio.sleep(0)
            yield session
            if serving is not None:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    @asynccontextmanager
    async def device(self, client_id: str | None = "alice", **options: Any) -> AsyncIterator[ClientSession[str]]:
        """A client session."""
        session: ClientSession[str] = ClientSession(self.hub.client(client_id), CHANNEL, codec=TOY, **options)
        session.on("error", self.errors.append)
        async with session:
            yield session

    def headers(self, name: str) -> list[dict[str, str]]:
        """The transport headers of every delivery of that name."""
        return [message.extras["ai"]["transport"] for message in self.seen if message.name == name]


@asynccontextmanager
async def staged(**hub: Any) -> AsyncIterator[Stage]:
    """An open stage; afterwards nothing of ours may still be running."""
    stage = Stage(**hub)
    await stage.open()
    yield stage
    await settle()
    left = {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("ai-transport")}
    assert not left, f"still running: {left}"


async def settle(turns: int = 60) -> None:
    """Let everything that is ready run."""
    for _ in range(turns):
        await asyncio.sleep(0)
