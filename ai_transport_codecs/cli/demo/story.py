"""The story: two turns, two devices, one of them late, one of them cut off, and a change of mind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage

from ai_transport_codecs.codecs.langchain import chain_turn
from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.events import RunStatus
from ai_transport_codecs.session.handle import ClientRun

from .backend import Backend
from .chain import build_chain
from .device import CuttableClient, Device
from .evidence import Arrival, Cancel, Evidence, Sighting
from .meter import Meter
from .pane import Pane
from .screen import Screen
from .witness import Witness

CHANNEL: Final = "conversations:demo"

Turn: TypeAlias = ClientRun[BaseMessage]


class Hub(Protocol):
    """Gives out connections."""

    def client(self, client_id: str | None = None, /) -> CuttableClient: ...


class TurnFailedError(Exception):
    """A turn ended with an error; ``cause`` is what the chain's model raised, if it did."""

    def __init__(self, message: str, cause: BaseException | None) -> None:
        super().__init__(message)
        self.cause = cause


class StuckError(Exception):
    """Something that should have happened did not."""


class Story:
    """One telling. ``panes`` are the laptop's and the phone's."""

    def __init__(self, backend: Backend, hub: Hub, screen: Screen, panes: Sequence[Pane]) -> None:
        self._backend = backend
        self._hub = hub
        self._screen = screen
        self._laptop, self._phone = (Device(pane.name, hub.client("alice"), CHANNEL, pane) for pane in panes)
        self._witness = Witness()
        self._meter = Meter()
        self._step = "the agent to connect"
        self._agent_errors: list[str] = []

    async def play(self) -> Evidence:
        """Tell it. Raises TurnFailedError when the chain fails, StuckError when nothing happens for too long."""
        patience = self._backend.patience
        try:
            async with asyncio.timeout(patience):
                return await self._play()
        except TimeoutError as error:
            heard = f"; the agent reported: {'; '.join(self._agent_errors)}" if self._agent_errors else ""
            raise StuckError(f"gave up after {patience:.0f} s, waiting for {self._step}{heard}") from error

    async def _play(self) -> Evidence:
        began = self._now()
        await self._meter.attach(self._hub.client("meter").channel(CHANNEL))
        chain = build_chain(self._backend).with_config(callbacks=[self._witness])
        async with AgentSession[BaseMessage](self._hub.client("agent"), CHANNEL, codec="langchain") as agent:
            agent.on("error", lambda error: self._agent_errors.append(str(error)))
            serving = asyncio.create_task(agent.serve(chain_turn(chain)))
            try:
                first, opening = await self._tell_first_turn()
                second, cancel = await self._tell_second_turn()
                return await self._evidence([first, second], opening, cancel, self._now() - began)
            finally:
                await self._laptop.close()
                await self._phone.close()
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    # -- the first turn ------------------------------------------------------------------------------------------------

    async def _tell_first_turn(self) -> tuple[Turn, _Opening]:
        """The phone joins in the middle of the answer; the laptop misses a part of it."""
        backend, laptop, phone, produced = self._backend, self._laptop, self._phone, self._witness.turn(0)
        await laptop.join()
        turn, sent = await self._ask(0)
        await self._until_shown(laptop, 1, turn)
        first_token = (laptop.first_text_at or self._now()) - sent
        self._say(laptop.name, f"sees the first words after {first_token * 1000:.0f} ms")

        await self._until_shown(laptop, backend.marks.join, turn)
        joined = await self._join_phone(turn)

        await self._until_shown(laptop, backend.marks.drop, turn)
        left_at = produced.tokens
        await laptop.drop()
        self._say(laptop.name, f"loses its network, {left_at} tokens into the answer")

        await self._until_shown(phone, backend.marks.back, turn)
        back = await self._bring_laptop_back(turn)

        backend.let_answer_end()
        await self._until_over(turn)
        self._say("agent", f"turn 1 is {turn.status}: {produced.tokens} tokens, {len(produced.text):,} characters")
        return turn, _Opening(first_token, joined, back, back.tokens - left_at)

    async def _join_phone(self, turn: Turn) -> Arrival:
        tokens, shown = self._witness.turn(0).tokens, self._laptop.answer
        had = await self._phone.join()
        self._say(self._phone.name, f"joins {tokens} tokens into the answer, and has {len(had):,} characters at once")
        return Arrival(tokens, shown, had, self._is_growing(self._phone, turn))

    async def _bring_laptop_back(self, turn: Turn) -> Arrival:
        tokens, shown = self._witness.turn(0).tokens, self._phone.answer
        before = len(self._laptop.answer)
        had = await self._laptop.come_back()
        self._say(
            self._laptop.name,
            f"is back {tokens} tokens into the answer, and has the {len(had) - before:,} characters it missed",
        )
        return Arrival(tokens, shown, had, self._is_growing(self._laptop, turn))

    # -- the second turn -----------------------------------------------------------------------------------------------

    async def _tell_second_turn(self) -> tuple[Turn, Cancel]:
        """The laptop asks, and the phone cancels in the middle of the answer."""
        phone, produced = self._phone, self._witness.turn(1)
        turn, _ = await self._ask(1)
        await self._until_shown(phone, self._backend.marks.cancel, turn)
        tokens, shown, asked = produced.tokens, phone.answer, self._now()
        self._say(phone.name, f"cancels, {tokens} tokens into the answer")
        self._step = "the cancelled turn to end"
        await phone.session.cancel(turn.run_id)
        await phone.over(turn.run_id)
        latency = self._now() - asked
        await self._until_over(turn)
        closed = await self._backend.noticed_cancel()
        self._say("agent", f"turn 2 is {turn.status}, {latency * 1000:.0f} ms after the cancel")
        if closed:
            self._say("provider", "noticed that its stream was closed, and stopped")
        return turn, Cancel(tokens, shown, latency, closed)

    # -- both ----------------------------------------------------------------------------------------------------------

    async def _ask(self, index: int) -> tuple[Turn, float]:
        """Send a question from the laptop; the turn once the agent has taken it up, and when it was sent."""
        question, sent = self._backend.questions[index], self._now()
        self._say(self._laptop.name, f"asks: {question}")
        self._step = f"the agent to take up question {index + 1}"
        turn = await self._laptop.session.view.send(HumanMessage(question))
        await turn.started
        return turn, sent

    async def _until_shown(self, device: Device, characters: int, turn: Turn) -> None:
        self._step = f"{characters} characters on the {device.name}"
        await device.shows(characters, turn.run_id)
        self._check(device, turn)

    async def _until_over(self, turn: Turn) -> None:
        for device in (self._laptop, self._phone):
            self._step = f"the turn to end on the {device.name}"
            await device.over(turn.run_id)
            self._check(device, turn)

    def _check(self, device: Device, turn: Turn) -> None:
        if device.status(turn.run_id) is RunStatus.ERROR:
            raise TurnFailedError(device.error(turn.run_id), next((p.error for p in self._witness.turns[::-1]), None))

    def _is_growing(self, device: Device, turn: Turn) -> bool:
        return device.status(turn.run_id) is RunStatus.ACTIVE

    async def _evidence(self, turns: list[Turn], opening: _Opening, cancel: Cancel, duration: float) -> Evidence:
        ids = [turn.run_id for turn in turns]
        reader = Device("history", self._hub.client("alice"), CHANNEL, Pane("history"))
        self._step = "the conversation to load from history"
        await reader.join()
        evidence = Evidence(
            questions=self._backend.questions,
            produced=self._witness.turns,
            laptop=_sighting(self._laptop, ids, opening.back, opening.tokens_away),
            phone=_sighting(self._phone, ids, opening.joined),
            history=_sighting(reader, ids),
            cancel=cancel,
            meter=self._meter,
            first_token=opening.first_token,
            duration=duration,
        )
        await reader.close()
        return evidence

    def _say(self, who: str, text: str) -> None:
        self._screen.say(who, text)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _Opening(NamedTuple):
    """What is worth knowing of the first turn."""

    first_token: float
    joined: Arrival
    back: Arrival
    tokens_away: int


def _sighting(device: Device, run_ids: list[str], arrival: Arrival | None = None, tokens_away: int = 0) -> Sighting:
    return Sighting(
        name=device.name,
        messages=device.messages,
        statuses=[device.status(run_id) for run_id in run_ids],
        updates=device.updates,
        faults=list(device.growth.faults),
        errors=list(device.errors),
        arrival=arrival,
        tokens_while_away=tokens_away,
    )
