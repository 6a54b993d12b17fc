"""A device of the demo: a client session, and what it showed when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langchain_core.messages import AIMessage, BaseMessage

from ai_transport_codecs.channels.protocol import ChannelProvider
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.session.client import ClientSession
from ai_transport_codecs.session.events import RunStatus

from .pane import Pane


class CuttableClient(ChannelProvider, Protocol):
    """A connection that can be cut and taken up again."""

    async def disconnect(self) -> None: ...
    async def reconnect(self) -> None: ...


@dataclass(slots=True)
class Growth:
    """Watches a device's messages: text may only grow at its end, and nothing shown may vanish or show twice."""

    faults: list[str] = field(default_factory=list)
    _seen: dict[str, tuple[BaseMessage, str]] = field(default_factory=dict)

    def note(self, messages: Sequence[CodecMessage[BaseMessage]]) -> None:
        """The messages as the device shows them now."""
        ids = [entry.id for entry in messages]
        if len(set(ids)) != len(ids):
            self.faults.append(f"a message is shown twice: {ids}")
        self.faults.extend(f"message {gone} vanished" for gone in self._seen.keys() - set(ids))
        for entry in messages:
            self._note_text(entry)

    def _note_text(self, entry: CodecMessage[BaseMessage]) -> None:
        before = self._seen.get(entry.id)
        if before is not None and before[0] is entry.message:
            return
        text = text_of(entry.message)
        if before is not None and not text.startswith(before[1]):
            self.faults.append(f"{before[1][-40:]!r} became {text[-40:]!r}")
        self._seen[entry.id] = (entry.message, text)


class Device:
    """One device of a user; ``name`` is what it is called on screen. Nothing is connected before :meth:`join`."""

    def __init__(self, name: str, client: CuttableClient, channel_name: str, pane: Pane) -> None:
        self.name = name
        self.pane = pane
        self.session: ClientSession[BaseMessage] = ClientSession(client, channel_name, codec="langchain")
        self.updates = 0
        self.growth = Growth()
        self.errors: list[str] = []
        self.first_text_at: float | None = None
        self._client = client
        self._changed = asyncio.Event()

    async def join(self) -> str:
        """Connect and load the conversation so far; the text of the newest answer that is there at once."""
        self.session.on("error", lambda error: self.errors.append(str(error)))
        self.session.view.on("update", self._on_update)
        self.session.view.on("run", lambda _: self._changed.set())
        self.pane.status = "joining"
        await self.session.connect()
        self.pane.status = "online"
        self._show()
        return self.answer

    async def drop(self) -> None:
        """Lose the network."""
        self.pane.status = "offline"
        await self._client.disconnect()

    async def come_back(self) -> str:
        """Have the network again; the text of the newest answer that is there at once."""
        await self._client.reconnect()
        self.pane.status = "online"
        return self.answer

    async def shows(self, characters: int, run_id: str) -> bool:
        """Wait until the newest answer, that run's, is at least that long here; False when it ends shorter."""
        while len(self.answer) < characters:
            if self.status(run_id).is_terminal:
                return False
            await self._next_change()
        return True

    async def over(self, run_id: str) -> RunStatus:
        """Wait until this device sees that the run is over; how it ended."""
        while not (status := self.status(run_id)).is_terminal:
            await self._next_change()
        return status

    def status(self, run_id: str) -> RunStatus:
        """How this device sees the run; active while it does not know it."""
        return next((run.status for run in self.session.view.runs() if run.run_id == run_id), RunStatus.ACTIVE)

    def error(self, run_id: str) -> str:
        """What the agent reported about a run that failed."""
        errors = (str(run.error) for run in self.session.view.runs() if run.run_id == run_id and run.error is not None)
        return next(errors, "the agent gave no reason")

    @property
    def messages(self) -> list[CodecMessage[BaseMessage]]:
        """What the device shows."""
        return self.session.view.get_messages()

    @property
    def answers(self) -> list[BaseMessage]:
        """The agent's messages that the device shows, oldest first."""
        return [entry.message for entry in self.messages if isinstance(entry.message, AIMessage)]

    @property
    def answer(self) -> str:
        """The text of the answer to the newest question; empty while there is none."""
        messages = self.messages
        return text_of(messages[-1].message) if messages and isinstance(messages[-1].message, AIMessage) else ""

    async def close(self) -> None:
        """Leave."""
        await self.session.close()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _on_update(self) -> None:
        self.updates += 1
        self._show()
        self._changed.set()

    def _show(self) -> None:
        self.growth.note(self.messages)
        answer = self.answer
        if answer and self.first_text_at is None:
            self.first_text_at = asyncio.get_running_loop().time()
        self.pane.text = answer


def text_of(message: BaseMessage) -> str:
    """What a message says, as plain text."""
    return str(message.text)


def described(entry: CodecMessage[Any]) -> str:
    """A message for a report."""
    return f"{type(entry.message).__name__}({text_of(entry.message)!r})"
