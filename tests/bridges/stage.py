"""Conversations of a bridged agent with devices that read UI messages, over the memory channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub
from ai_transport_codecs.bridges import bridged
from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.codecs.vercel import UIMessage


class Conversation(NamedTuple):
    """A device of the user's, and the hub for others."""

    hub: MemoryHub
    device: ClientSession[UIMessage]

    async def say(self, text: str) -> list[UIMessage]:
        """What the agent answers."""
        turn = await self.device.view.send(text)
        await turn.wait()
        assert turn.status == "complete", turn.error
        return turn.messages

    async def history(self) -> list[UIMessage]:
        """The conversation as a device has it that comes when all is over."""
        async with self.join("carol") as other:
            await other.view.load_older()
            return other.view.messages

    def join(self, name: str) -> ClientSession[UIMessage]:
        """Another device."""
        return ClientSession(self.hub.client(name), "chat", codec="vercel")


@asynccontextmanager
async def conversation(handler: TurnHandler) -> AsyncIterator[Conversation]:
    """A conversation with an agent that answers with ``handler``."""
    hub = MemoryHub()
    async with AgentSession[UIMessage](hub.client("agent"), "chat", codec="vercel") as session:
        serving = asyncio.create_task(session.serve(handler))
        async with ClientSession[UIMessage](hub.client("alice"), "chat", codec="vercel") as device:
            yield Conversation(hub, device)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def seen_from_everywhere(items: Sequence[Any], framework: str) -> tuple[UIMessage, list[UIMessage]]:
    """The answer that pipes ``items``, as a device saw it live, and as others did: each joined before another item."""
    message: UIMessage | None = None
    others: list[UIMessage] = []
    for place in range(len(items) + 1):
        live, joined, later = await _seen(items, framework, place)
        message = message or live
        others += [live, joined, later]
    assert message is not None
    for other in others:
        other["id"] = message["id"]  # a name of the run's
    return message, others


async def _seen(items: Sequence[Any], framework: str, place: int) -> tuple[UIMessage, UIMessage, UIMessage]:
    here, go_on = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncIterator[Any]:
        for number, item in enumerate([*items, None]):
            await asyncio.sleep(0)
            if number == place:
                here.set()
                await go_on.wait()
            if number < len(items):
                yield item

    async def answer(run: TurnRun) -> None:
        await run.pipe(source())

    async with conversation(bridged(answer, framework)) as talk:
        turn = await talk.device.view.send("Hello")
        await here.wait()
        async with talk.join("bob") as joiner:
            await joiner.view.load_older()
            go_on.set()
            await turn.wait()
            assert turn.status == "complete", turn.error
            for _ in range(60):
                await asyncio.sleep(0)
            joined = joiner.view.messages
        later = await talk.history()
        return _answer(turn.messages), _answer(joined), _answer(later)


def _answer(messages: Iterable[UIMessage]) -> UIMessage:
    (found,) = [message for message in messages if message["role"] == "assistant"]
    return found
