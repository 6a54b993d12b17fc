"""What happens in a scenario: a few actions of devices, agent and network, drawn from a seed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from ai_transport_codecs.errors import AITransportError, ChannelError
from ai_transport_codecs.session.nodes import InputNode, RunNode
from tests.session.model.world import Device, World
from tests.session.stage import CHANNEL, say


class Scenario:
    """The actions of one seed. ``log`` says what was done, for who looks into a failure."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"{seed}:actions")
        self.world = World(seed)
        self.log: list[str] = []
        self._texts = 0

    async def play(self) -> None:
        """Do everything, and wait until it is quiet."""
        world, random = self.world, self._random
        await world.start_agent()
        await world.join()
        await world.join()
        for _ in range(random.randint(3, 15)):
            name = random.choice(_CHOICES)
            device = random.choice(world.devices)
            self.log.append(f"{world.devices.index(device)} {name} at {asyncio.get_running_loop().time():.2f}")
            await ACTIONS[name](self, device)
            if random.random() < 0.7:
                await asyncio.sleep(random.random() * random.choice((0.0, 0.5, 5.0)))
        self.log.append("calm")
        await world.settle()

    # --- what devices do

    def _text(self) -> dict[str, object]:
        self._texts += 1
        text = f"u{self._texts}"
        self.world.said.add(text)
        return say(text)

    def _pick(self, device: Device, *, of_agent: bool) -> str | None:
        tree = device.session.tree
        kind = RunNode if of_agent else InputNode
        ids = [each.id for each in device.session.view.get_messages() if isinstance(tree.node_of(each.id), kind)]
        return self._random.choice(ids) if ids else None

    async def send(self, device: Device, *, cancel: bool = False) -> None:
        """A message of its own."""

        async def send() -> None:
            turn = await device.session.view.send(text)
            device.turns.append(turn)
            if cancel:
                await turn.cancel()

        text = self._text()
        await self._do(send())

    async def send_and_cancel(self, device: Device) -> None:
        """A message, and a cancel before anybody can have answered."""
        await self.send(device, cancel=True)

    async def edit(self, device: Device) -> None:
        """Something else in place of a message of a user."""
        target, text = self._pick(device, of_agent=False), self._text()
        if target is not None:
            await self._do(device.session.view.edit(target, text))

    async def regenerate(self, device: Device) -> None:
        """Another version of an answer."""
        target = self._pick(device, of_agent=True)
        if target is not None:
            await self._do(device.session.view.regenerate(target))

    async def steer(self, device: Device) -> None:
        """Something to a run in progress."""

        async def steer() -> None:
            await turn.steer(self._text()).published

        if device.turns:
            turn = device.turns[-1]
            if turn.run_id and not turn.status.is_terminal:
                self.world.later(steer())

    async def cancel(self, device: Device) -> None:
        """Any run that is not over."""
        active = [run.run_id for run in device.session.tree.runs() if not run.status.is_terminal]
        if active:
            await self._do(device.session.cancel(self._random.choice(active)))

    async def cancel_all(self, device: Device) -> None:
        """All that this device knows of."""
        await self._do(device.session.cancel(all=True))

    async def answer(self, device: Device) -> None:
        """The answer to the question that a suspended run has; perhaps another device has answered it already."""
        tree = device.session.tree
        waiting = [run for run in tree.runs() if run.status == "suspended" and tree.messages(run)]
        if waiting:
            run = self._random.choice(waiting)
            target = tree.messages(run)[-1].id
            self._texts += 1
            value = {"kind": "tool-result", "codecMessageId": target, "payload": {"output": f"r{self._texts}"}}
            await self._do(device.session.view.send(value, run_id=run.run_id))

    async def select(self, device: Device) -> None:
        """Another branch."""
        view = device.session.view
        branching = [each.id for each in view.get_messages() if view.branch_selection(each.id).has_siblings]
        if branching:
            chosen = self._random.choice(branching)
            view.select_sibling(chosen, self._random.randrange(len(view.branch_selection(chosen).siblings)))

    async def page(self, device: Device) -> None:
        """Some older messages."""
        await self._do(device.session.view.load_older(self._random.randint(1, 4)))

    async def join(self, _: Device) -> None:
        """One more device."""
        if len(self.world.devices) < 4:
            await self.world.join(history=self._random.random() < 0.5)

    async def delete(self, device: Device) -> None:
        """Whoever may, deletes a message of a user's, or what an agent said in a run that is over."""
        page = await self.world.hub.client("moderator").channel(CHANNEL).history(limit=1000)
        over = {each.extras["ai"]["transport"]["run-id"] for each in page.items if each.name == "ai-run-end"}
        said = [each for each in page.items if each.name == "ai-input" and each.data in self.world.said]
        said += [
            each
            for each in page.items
            if each.name == "ai-output" and each.data and each.extras["ai"]["transport"]["run-id"] in over
        ]
        if said and self._random.random() < 0.3:
            await self.world.hub.client("moderator").channel(CHANNEL).delete(str(self._random.choice(said).serial))

    # --- what happens to them

    async def drop(self, device: Device) -> None:
        """The connection is gone."""
        await device.client.disconnect()

    async def come_back(self, device: Device) -> None:
        """It is back, with what was missed or without."""
        await self._reconnect(device, resume=self._random.random() < 0.6)

    async def lose_continuity(self, device: Device) -> None:
        """The connection is gone for long."""
        if device.client.is_connected:
            await device.client.suspend()
        await self._reconnect(device)

    @staticmethod
    async def _reconnect(device: Device, *, resume: bool = True) -> None:
        with contextlib.suppress(ChannelError):  # the weather may cut it at once again, and mends what it cuts
            await device.client.reconnect(resume=resume)

    async def restart(self, _: Device) -> None:
        """Another agent process takes over."""
        await self.world.restart_agent(crash=self._random.random() < 0.6)

    async def wait(self, _: Device) -> None:
        """Time goes by."""
        await asyncio.sleep(self._random.random() * 20)

    async def _do(self, work: Awaitable[object]) -> None:
        """Begin it; it may take until the connection is back."""

        async def quietly() -> None:
            try:
                await work
            except AITransportError as error:
                self.log.append(f"  failed: {error}")

        self.world.later(quietly())
        await asyncio.sleep(0)


ACTIONS: Final[dict[str, Callable[[Scenario, Device], Awaitable[None]]]] = {
    "send": Scenario.send,
    "send and cancel": Scenario.send_and_cancel,
    "edit": Scenario.edit,
    "regenerate": Scenario.regenerate,
    "steer": Scenario.steer,
    "cancel": Scenario.cancel,
    "cancel all": Scenario.cancel_all,
    "answer": Scenario.answer,
    "select": Scenario.select,
    "page": Scenario.page,
    "join": Scenario.join,
    "delete": Scenario.delete,
    "drop": Scenario.drop,
    "return": Scenario.come_back,
    "lose continuity": Scenario.lose_continuity,
    "restart": Scenario.restart,
    "wait": Scenario.wait,
}
_WEIGHTS: Final = {"send": 8, "wait": 4, "edit": 2, "regenerate": 2, "steer": 3, "answer": 4, "cancel": 2, "return": 2}
_CHOICES: Final = [name for name in ACTIONS for _ in range(_WEIGHTS.get(name, 1))]
