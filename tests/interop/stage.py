"""A conversation over the local server, between the official JavaScript packages and this one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import pytest

from ai_transport_codecs.server import LocalServer
from tests.interop import official, ours
from tests.interop.dialects import Dialect
from tests.interop.official import Driver
from tests.interop.parties import (
    Agent,
    AgentRun,
    Device,
    Entry,
    Json,
    Piped,
    Place,
    Side,
    Turn,
    load_all,
    until,
    until_run,
)

BOTH_FORMATS: Final = pytest.mark.parametrize("binary", [False, True], ids=["json", "msgpack"])
SIDES: Final[tuple[Side, ...]] = ("python", "javascript")


class Stage:
    """Opens devices and agents, and ends them; ``client_side`` says who the devices are, and the agent is the other."""

    def __init__(self, server: LocalServer, driver: Driver, place: Place, dialect: Dialect, client_side: Side) -> None:
        self.server = server
        self.place = place
        self.dialect = dialect
        self.client_side: Side = client_side
        self.agent_side: Side = "python" if client_side == "javascript" else "javascript"
        self._driver = driver
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def device(self, name: str = "alice", *, side: Side | None = None, page_size: int | None = None) -> Device:
        """A device on the conversation; of the client's side, unless told otherwise."""
        if (side or self.client_side) == "python":
            made = await ours.open_device(self.place, name, page_size)
        else:
            made = await official.open_device(self._driver, self.place, name, page_size)
        self._stack.push_async_callback(made.close)
        return made

    async def agent(self) -> Agent:
        """An agent on the conversation."""
        if self.agent_side == "python":
            made = await ours.open_agent(self.place, "agent")
        else:
            made = await official.open_agent(self._driver, self.place, "agent")
        self._stack.push_async_callback(made.close)
        return made

    async def answer(self, run: AgentRun, *words: str) -> None:
        """Have the run, which was started, answer with those words and end."""
        await self.pipe_whole(run, self.dialect.answer(f"t-{''.join(words)}", *words))
        await run.end()

    async def pipe_whole(self, run: AgentRun, items: Sequence[Json]) -> None:
        """Have the run say all that."""
        pipe = await run.pipe()
        await pipe.feed(items)
        await pipe.finish()
        assert await pipe.result() == Piped("complete", None)

    async def converse(self, device: Device, agent: Agent, question: str, *words: str) -> tuple[Turn, AgentRun]:
        """A question and its whole answer."""
        turn = await device.send(self.dialect.says(question))
        run = await agent.create_run(turn)
        await run.start()
        await self.answer(run, *words)
        await until_run(device, await turn.started(), "complete")
        return turn, run

    async def shows(self, device: Device, *texts: str) -> list[Entry]:
        """Wait until the device shows messages that say just this."""
        return await until(device, lambda shown: [self.dialect.text(each.message) for each in shown] == list(texts))

    async def agree(self, device: Device, run: AgentRun, turn: Turn, status: str = "complete") -> list[Entry]:
        """Both sides have the same: the device, the agent, and whoever comes later, of either side. What they have.

        ``turn`` is the device's last one, and ``run`` the agent's run that answered it and now has that status.
        """
        await until_run(device, await turn.started(), status)
        dialect = self.dialect
        assert [dialect.common(each) for each in await turn.exchange()] == [
            dialect.common(each) for each in await run.messages()
        ]
        return await self.readers_agree(device)

    async def readers_agree(self, device: Device) -> list[Entry]:
        """Whoever comes now, of either side, reads from history what the device shows. What that is."""
        shown, runs = self.common(await load_all(device)), await device.runs()
        for side in SIDES:
            reader = await self.device("reader", side=side)
            assert self.common(await load_all(reader)) == shown
            assert await reader.runs() == runs
            assert await reader.errors() == []
        return shown

    def common(self, entries: list[Entry]) -> list[Entry]:
        """The messages without what the official codec has no word for."""
        return [Entry(each.id, self.dialect.common(each.message)) for each in entries]
