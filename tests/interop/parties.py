"""What a story needs of a device and of an agent, whoever wrote them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

Json: TypeAlias = Any
Side: TypeAlias = Literal["python", "javascript"]

PATIENCE: Final = 20.0
"""Seconds after which a story is stuck."""


class Entry(NamedTuple):
    """A message as a device shows it, as JSON."""

    id: str
    message: Json


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation is, and how its parties connect. ``rollup`` None leaves the server's own."""

    key: str
    port: int
    channel: str
    codec: str
    binary: bool
    rollup: int | None


class Steered(Protocol):
    """A word to a run in progress."""

    async def published(self) -> None: ...
    async def outcome(self) -> tuple[bool, str | None]:
        """Whether it was answered, and how the run ended."""
        ...


class Turn(Protocol):
    """What a send gave."""

    @property
    def event_id(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    async def started(self) -> str:
        """The run's id, once an agent took it up."""
        ...

    async def exchange(self) -> list[Json]:
        """Question and answer."""
        ...

    async def cancel(self) -> None: ...
    async def steer(self, value: Json) -> Steered: ...


class Device(Protocol):
    """A client of the conversation."""

    @property
    def changed(self) -> asyncio.Event:
        """Set when something changed."""
        ...

    async def send(self, *inputs: Json, run_id: str | None = None) -> Turn: ...
    async def edit(self, message_id: str, value: Json) -> Turn: ...
    async def regenerate(self, message_id: str) -> Turn: ...
    async def cancel_run(self, run_id: str) -> None: ...
    async def messages(self) -> list[Entry]: ...
    async def runs(self) -> list[dict[str, Json]]: ...
    async def errors(self) -> list[dict[str, Json]]: ...
    async def has_older(self) -> bool: ...
    async def load_older(self, limit: int) -> list[Entry]: ...
    async def versions(self, message_id: str) -> tuple[int, int]:
        """Which version of a message is shown, and of how many."""
        ...

    async def select(self, message_id: str, index: int) -> None: ...
    async def connection_id(self) -> str: ...
    async def close(self) -> None: ...


class Piped(NamedTuple):
    """How a pipe ended."""

    reason: str
    error: str | None


class Pipe(Protocol):
    """An answer under way; the story is the model."""

    async def feed(self, items: Sequence[Json]) -> None: ...
    async def finish(self, failure: str | None = None) -> None: ...
    async def result(self) -> Piped: ...


class Step(Protocol):
    """A step of a run."""

    @property
    def step_id(self) -> str: ...
    async def pipe(self) -> Pipe: ...
    async def end(self, reason: str | None = None) -> None: ...


class AgentRun(Protocol):
    """A run, on the agent's side."""

    async def start(self) -> str: ...
    async def prompt(self) -> list[Json]:
        """The messages for the model."""
        ...

    async def messages(self) -> list[Json]:
        """Question and answer."""
        ...

    async def has_input(self) -> bool: ...
    async def cancelled(self) -> None:
        """Wait for a cancel."""
        ...

    async def pipe(self) -> Pipe: ...
    async def step(self, step_id: str | None = None) -> Step: ...
    async def suspend(self) -> None: ...
    async def end(self, reason: str = "complete", error: tuple[int, str] | None = None) -> None: ...


class Agent(Protocol):
    """An agent of the conversation."""

    async def create_run(self, turn: Turn) -> AgentRun: ...
    async def errors(self) -> list[dict[str, Json]]: ...
    async def connection_id(self) -> str: ...
    async def close(self) -> None: ...


async def until(device: Device, condition: Callable[[list[Entry]], bool]) -> list[Entry]:
    """Wait until what the device shows fulfils the condition; what it shows then."""
    shown: list[Entry] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                device.changed.clear()
                shown = await device.messages()
                if condition(shown):
                    return shown
                await device.changed.wait()
    except TimeoutError:
        raise AssertionError(f"the device shows {shown}, and nothing changes any more") from None


async def until_run(device: Device, run_id: str, status: str) -> dict[str, Json]:
    """Wait until the device sees the run stand like that."""
    runs: list[dict[str, Json]] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                device.changed.clear()
                runs = await device.runs()
                for run in runs:
                    if run["runId"] == run_id and run["status"] == status:
                        return run
                await device.changed.wait()
    except TimeoutError:
        raise AssertionError(f"the device sees the runs {runs}, and nothing changes any more") from None


async def load_all(device: Device) -> list[Entry]:
    """Everything there is, in the device's view."""
    while await device.has_older():
        await device.load_older(100)
    return await device.messages()
