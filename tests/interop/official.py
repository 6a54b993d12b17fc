"""Devices and agents of the official JavaScript packages, in a process of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.interop.parties import PATIENCE, Agent, AgentRun, Device, Entry, Json, Pipe, Piped, Place, Step, Turn


class DriverError(Exception):
    """A command of a story failed on the other side; ``code`` is the official SDK's."""

    def __init__(self, error: dict[str, Json]) -> None:
        super().__init__(f"{error['message']} ({error['code']})")
        self.code = error["code"]


class Driver:
    """A Node process that runs one of our driver scripts. Use it with ``async with``."""

    def __init__(self, node: str, script: Path) -> None:
        self._command = (node, str(script))
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._changes: dict[int, asyncio.Event] = {}
        self._count = 0

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, limit=16 * 1024 * 1024
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert self._reading is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            raise
        finally:
            await self._reading

    async def ask(self, name: str, **details: Json) -> Json:
        """Have a command done; what came of it. Raises DriverError."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._count += 1
        number = self._count
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._process.stdin.write(json.dumps({"id": number, "do": name, **details}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            return await answer

    def changed(self, device: int) -> asyncio.Event:
        """What is set when that device tells of a change."""
        return self._changes.setdefault(device, asyncio.Event())

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                self.changed(said["device"]).set()
                continue
            answer = self._answers.pop(said["id"])
            if answer.done():
                continue
            if "error" in said:
                answer.set_exception(DriverError(said["error"]))
            else:
                answer.set_result(said["ok"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(DriverError({"code": None, "message": "the process ended"}))


def _place(place: Place, client_id: str, page_size: int | None) -> dict[str, Json]:
    return {
        "key": place.key,
        "port": place.port,
        "channel": place.channel,
        "codec": place.codec,
        "binary": place.binary,
        "rollup": place.rollup,
        "clientId": client_id,
        "historyPageSize": page_size,
    }


def _entries(answer: Json) -> list[Entry]:
    return [Entry(each["id"], each["message"]) for each in answer]


@dataclass(frozen=True, slots=True)
class OfficialSteered:
    _driver: Driver
    _steer: int

    async def published(self) -> None:
        error = await self._driver.ask("client.published", steer=self._steer)
        if error is not None:
            raise DriverError(error)

    async def outcome(self) -> tuple[bool, str | None]:
        answer = await self._driver.ask("client.outcome", steer=self._steer)
        if "error" in answer:
            raise DriverError(answer["error"])
        return answer["value"]["consumed"], answer["value"].get("runTerminalReason")


@dataclass(frozen=True, slots=True)
class OfficialTurn:
    _driver: Driver
    _turn: int
    event_id: str
    message_id: str

    async def started(self) -> str:
        return str(await self._driver.ask("client.started", turn=self._turn))

    async def exchange(self) -> list[Json]:
        return list(await self._driver.ask("client.exchange", turn=self._turn))

    async def cancel(self) -> None:
        await self._driver.ask("client.cancel", turn=self._turn)

    async def steer(self, value: Json) -> OfficialSteered:
        return OfficialSteered(self._driver, await self._driver.ask("client.steer", turn=self._turn, input=value))


@dataclass(frozen=True, slots=True)
class OfficialDevice:
    _driver: Driver
    _device: int

    @property
    def changed(self) -> asyncio.Event:
        return self._driver.changed(self._device)

    async def _ask(self, command: str, **details: Json) -> Json:
        return await self._driver.ask(f"client.{command}", device=self._device, **details)

    async def _turn(self, command: str, **details: Json) -> Turn:
        answer = await self._ask(command, **details)
        return OfficialTurn(self._driver, answer["turn"], answer["eventId"], answer["messageId"])

    async def send(self, *inputs: Json, run_id: str | None = None) -> Turn:
        return await self._turn("send", inputs=inputs, options={} if run_id is None else {"runId": run_id})

    async def edit(self, message_id: str, value: Json) -> Turn:
        return await self._turn("edit", message=message_id, inputs=[value])

    async def regenerate(self, message_id: str) -> Turn:
        return await self._turn("regenerate", message=message_id)

    async def cancel_run(self, run_id: str) -> None:
        await self._ask("cancelRun", runId=run_id)

    async def messages(self) -> list[Entry]:
        return _entries(await self._ask("messages"))

    async def runs(self) -> list[dict[str, Json]]:
        return list(await self._ask("runs"))

    async def errors(self) -> list[dict[str, Json]]:
        return list(await self._ask("errors"))

    async def has_older(self) -> bool:
        return bool(await self._ask("hasOlder"))

    async def load_older(self, limit: int) -> list[Entry]:
        return _entries(await self._ask("loadOlder", limit=limit))

    async def versions(self, message_id: str) -> tuple[int, int]:
        answer = await self._ask("versions", message=message_id)
        return answer["index"], answer["count"]

    async def select(self, message_id: str, index: int) -> None:
        await self._ask("select", message=message_id, index=index)

    async def connection_id(self) -> str:
        return str(await self._ask("connectionId"))

    async def close(self) -> None:
        await self._ask("close")


@dataclass(frozen=True, slots=True)
class OfficialPipe:
    _driver: Driver
    _pipe: int

    async def feed(self, items: Sequence[Json]) -> None:
        await self._driver.ask("agent.feed", pipe=self._pipe, items=list(items))

    async def finish(self, failure: str | None = None) -> None:
        await self._driver.ask("agent.finish", pipe=self._pipe, failure=failure)

    async def result(self) -> Piped:
        answer = await self._driver.ask("agent.piped", pipe=self._pipe)
        return Piped(answer["reason"], answer["error"] and answer["error"]["message"])


@dataclass(frozen=True, slots=True)
class OfficialStep:
    _driver: Driver
    _run: int
    _step: int
    step_id: str

    async def pipe(self) -> Pipe:
        return OfficialPipe(self._driver, await self._driver.ask("agent.pipe", run=self._run, step=self._step))

    async def end(self, reason: str | None = None) -> None:
        await self._driver.ask("agent.endStep", step=self._step, reason=reason)


@dataclass(frozen=True, slots=True)
class OfficialRun:
    _driver: Driver
    _run: int

    async def _ask(self, command: str, **details: Json) -> Json:
        return await self._driver.ask(f"agent.{command}", run=self._run, **details)

    async def start(self) -> str:
        return str(await self._ask("start"))

    async def prompt(self) -> list[Json]:
        return list(await self._ask("prompt"))

    async def messages(self) -> list[Json]:
        return list(await self._ask("messages"))

    async def has_input(self) -> bool:
        return bool(await self._ask("hasInput"))

    async def cancelled(self) -> None:
        await self._ask("cancelled")

    async def pipe(self) -> Pipe:
        return OfficialPipe(self._driver, await self._ask("pipe", step=None))

    async def step(self, step_id: str | None = None) -> Step:
        answer = await self._ask("step", stepId=step_id)
        return OfficialStep(self._driver, self._run, answer["step"], answer["stepId"])

    async def suspend(self) -> None:
        await self._ask("suspend")

    async def end(self, reason: str = "complete", error: tuple[int, str] | None = None) -> None:
        told = None if error is None else {"code": error[0], "message": error[1]}
        await self._ask("end", reason=reason, error=told)


@dataclass(frozen=True, slots=True)
class OfficialAgent:
    _driver: Driver
    _agent: int
    _channel: str

    async def create_run(self, turn: Turn) -> AgentRun:
        invocation = {"inputEventId": turn.event_id, "sessionName": self._channel}
        run = await self._driver.ask("agent.createRun", agent=self._agent, invocation=invocation, identity={})
        return OfficialRun(self._driver, run)

    async def errors(self) -> list[dict[str, Json]]:
        return list(await self._driver.ask("agent.errors", agent=self._agent))

    async def connection_id(self) -> str:
        return str(await self._driver.ask("agent.connectionId", agent=self._agent))

    async def close(self) -> None:
        await self._driver.ask("agent.close", agent=self._agent)


async def open_device(driver: Driver, place: Place, client_id: str, page_size: int | None = None) -> Device:
    """A device of the official client."""
    return OfficialDevice(driver, await driver.ask("client.open", **_place(place, client_id, page_size)))


async def open_agent(driver: Driver, place: Place, client_id: str) -> Agent:
    """An agent of the official SDK."""
    return OfficialAgent(driver, await driver.ask("agent.open", **_place(place, client_id, None)), place.channel)
