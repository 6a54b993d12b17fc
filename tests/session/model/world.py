"""The stage of a scenario: devices and an agent, each behind faults of its own, on one channel."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Final

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub
from ai_transport_codecs.channels.memory import MemoryClient
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.session.handle import ClientRun
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.outcome import RunOutcome
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.testing.faults import Fault, FaultPlan, FaultyProvider, Rates
from tests.session.model.sources import Author
from tests.session.stage import CHANNEL
from tests.session.toy_codec import TOY

PATIENT: Final = RetryPolicy(attempts=40, first_delay=0.01, max_delay=0.5)
QUIET: Final = 200.0
"""Seconds, of the loop's own time, after which everything that was begun is done."""


class Weather(FaultPlan):
    """Faults until it is calm."""

    is_calm = False

    def fault(self, operation: str, number: int, write_number: int | None = None) -> Fault | None:
        return None if self.is_calm else super().fault(operation, number, write_number)


@dataclass
class Device:
    """A client session with its connection, and the sends it made."""

    client: MemoryClient
    provider: FaultyProvider
    session: ClientSession[str]
    turns: list[ClientRun[str]]


class World:
    """One channel, and who is on it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"{seed}:world")
        self.hub = MemoryHub(clock=lambda: 1_700_000_000 + asyncio.get_running_loop().time())
        self.author = Author(Random(f"{seed}:author"))
        self.seed = seed
        self.said: set[str] = set()
        """The texts that devices sent, whether the send succeeded or not."""
        self.devices: list[Device] = []
        self.errors: list[AITransportError] = []
        self._plans: list[Weather] = []
        self._agents = 0
        self._has_crashed = False
        self.agent: AgentSession[str] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._adopted: list[asyncio.Task[None]] = []
        self._waiting: list[asyncio.Task[object]] = []
        quiet = self.random.random() < 0.2  # some scenarios have no faults but those that are acted
        share = 0.0 if quiet else self.random.choice((0.3, 1.0))
        self._rates = Rates(
            refuse=0.05 * share, lose_ack=0.08 * share, hold_ack=0.15 * share, hold=0.15 * share, lag=0.1 * share,
            repeat=0.1 * share, cut=0.02 * share, lose_continuity=0.01 * share, most_turns=12,
        )  # fmt: skip

    def connection(self, name: str) -> tuple[MemoryClient, FaultyProvider]:
        """A new connection in that weather."""
        plan = Weather(f"{self.seed}:{name}", rates=self._rates)
        self._plans.append(plan)
        client = self.hub.client(name.partition("-")[0])
        return client, FaultyProvider(client, plan)

    async def join(self, *, history: bool = True) -> Device:
        """One more device."""
        client, provider = self.connection(f"user{len(self.devices)}")
        session: ClientSession[str] = ClientSession(
            provider, CHANNEL, codec=TOY, history=history, history_page_size=self.random.randint(1, 9), retry=PATIENT
        )
        session.on("error", self.errors.append)
        await session.connect()
        device = Device(client, provider, session, [])
        self.devices.append(device)
        return device

    # --- the agent

    async def start_agent(self) -> None:
        """An agent that serves, as one process of several after each other."""
        self._agents += 1
        _, provider = self.connection(f"agent-{self._agents}")
        self.agent = AgentSession(provider, CHANNEL, codec=TOY, retry=PATIENT, history_page_size=7)
        self.agent.on("error", self.errors.append)
        await self.agent.connect()
        self._serving = asyncio.create_task(self.agent.serve(self.author.answer, orphans="leave"))
        await asyncio.sleep(0)

    async def stop_agent(self, *, crash: bool) -> None:
        """The process ends: in order, or all of a sudden."""
        if self.agent is None or self._serving is None:
            return
        if crash:
            self._has_crashed = True
            await self.agent.detach()
        self._serving.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)
        if not crash:
            await self.agent.end()
        self.agent = None

    async def restart_agent(self, *, crash: bool) -> None:
        """Another process takes the place of this one; the runs of one that crashed are adopted and done anew."""
        await self.stop_agent(crash=crash)
        await self.start_agent()
        orphans, self.author.open = list(self.author.open.values()), {}
        self._adopted += [asyncio.create_task(self._adopt(run)) for run in orphans]

    async def _adopt(self, orphan: Run[str]) -> None:
        agent = self.agent
        assert agent is not None
        run = agent.adopt_run(
            Invocation(orphan.input_event_id, CHANNEL), run_id=orphan.run_id, invocation_id=orphan.invocation_id
        )
        try:
            await run.load()
        except AITransportError as error:  # it was over, or cancelled meanwhile
            self.errors.append(error)
            if run.cancel_token.is_cancelled:
                self.author.open[orphan.run_id] = orphan
                await self._bury(orphan)
            return
        try:
            await self.author.answer(run)
        except AITransportError as error:
            self.errors.append(error)
        if run.is_open and not run.has_ended and not agent.connection.is_closed:
            result = run.last_result
            await run.finish(RunOutcome("complete" if result is None else result.reason))

    async def _end_unknown(self) -> None:
        """A process that crashed as it started a run left it active, and its handler never heard of it."""
        agent = self.agent
        for node in agent.tree.runs() if agent is not None and self._has_crashed else ():
            if agent is not None and node.status == "active" and node.run_id not in self.author.kinds:
                run = agent.adopt_run(Invocation(""), run_id=node.run_id, invocation_id=node.invocation_id)
                await run.load()
                await run.end("cancelled")

    async def _bury(self, orphan: Run[str]) -> None:
        """A run that was cancelled while nobody had it is ended by who looks after it."""
        agent = self.agent
        if agent is None or agent.connection.is_closed:
            return
        self.author.open.pop(orphan.run_id, None)
        run = agent.adopt_run(
            Invocation(orphan.input_event_id, CHANNEL), run_id=orphan.run_id, invocation_id=orphan.invocation_id
        )
        await run.load()
        await run.end("cancelled")

    # --- afterwards

    def later(self, work: object) -> None:
        """Let something go on by itself; failures of devices are part of the game."""
        self._waiting.append(asyncio.ensure_future(work))  # type: ignore[call-overload]

    async def settle(self) -> None:
        """The weather is calm, everybody is connected, and everything that was begun comes to its end."""
        for plan in self._plans:
            plan.is_calm = True
        for device in self.devices:
            await device.provider.settled()
            await device.client.reconnect()
        await asyncio.sleep(QUIET)
        if self.agent is None or self.agent.connection.is_closed or self.author.open:
            await self.restart_agent(crash=True)
            await asyncio.sleep(QUIET)
        await self._end_unknown()
        await asyncio.sleep(QUIET)
        for task in [*self._waiting, *self._adopted]:
            assert task.done(), f"waits for ever: {task}"
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, AITransportError):
                raise error
        assert not self.author.open, "a handler is still at work"

    async def close(self) -> None:
        """Everybody leaves."""
        for device in self.devices:
            await device.session.close()
        await self.stop_agent(crash=True)
