"""Conversations of a graph with devices, over the memory channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage

from ai_transport_codecs import ClientSession, MemoryHub
from ai_transport_codecs.codec.handler import TurnHandler
from ai_transport_codecs.codecs.langchain import CODEC
from tests.codecs.people import agent_serving


class Device(ClientSession[BaseMessage]):
    """A device of the user's."""

    def __init__(self, hub: MemoryHub, name: str) -> None:
        super().__init__(hub.client(name), "chat", codec=CODEC)

    async def say(self, text: str, status: str = "complete") -> list[BaseMessage]:
        """What the graph answers."""
        turn = await self.view.send(text)
        await turn.wait()
        assert turn.status == status, turn.error
        return turn.messages

    @property
    def texts(self) -> list[str]:
        """What the user and the graph said."""
        return [each.text for each in self.view.messages if each.text and not isinstance(each, ToolMessage)]

    @property
    def questions(self) -> list[Any]:
        """What the graph asked so far."""
        return [each.message.additional_kwargs["interrupt"] for each in self._asking()]

    async def answer(self, number: int = -1, *, about: str | None = None, **said: Any) -> None:
        """An answer to a question, by default the last one, or ``about`` one of its calls."""
        asked = self._asking()[number]
        call_id = about or asked.message.additional_kwargs["interrupt"]["id"]
        await self.tell(asked.id, CODEC.create_tool_result, {"tool_call_id": call_id, **said})

    async def approve(self, call_id: str, *, approved: bool = True, **said: Any) -> None:
        """Whether a tool may run."""
        payload = {"tool_call_id": call_id, "approved": approved, **said}
        await self.tell(self._asking()[-1].id, CODEC.create_tool_approval_response, payload)

    async def tell(self, message_id: str, create: Any, payload: Any) -> None:
        """An input to the run of a message."""
        run = self.view.run_of(message_id)
        assert run is not None
        await self.view.send(create(message_id, payload), run_id=run.run_id)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it."""
        changed = asyncio.Event()
        endings = [
            self.tree.on("run", lambda _: changed.set()),
            self.tree.on("output", lambda _: changed.set()),
            self.tree.on("update", changed.set),
        ]
        while not is_so():
            await changed.wait()
            changed.clear()
        for ending in endings:
            ending()

    async def until_status(self, *statuses: str) -> None:
        """Wait until the runs stand so."""
        await self.until(lambda: [run.status for run in self.view.runs()] == [*statuses])

    def _asking(self) -> list[Any]:
        return [each for each in self.view.get_messages() if "interrupt" in each.message.additional_kwargs]


serving = partial(agent_serving, CODEC)


@asynccontextmanager
async def conversation(handler: TurnHandler) -> AsyncIterator[Device]:
    """A device in a conversation with an agent that answers with ``handler``."""
    hub = MemoryHub()
    async with serving(hub, handler), Device(hub, "alice") as device:
        yield device
