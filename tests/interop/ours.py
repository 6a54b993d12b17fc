"""Devices and agents of this package, over the same sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, cast

from ai_transport_codecs import AgentSession, ClientSession, StreamError
from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.session.handle import ClientRun
from ai_transport_codecs.session.history import PAGE_SIZE
from ai_transport_codecs.session.opening import OpenableRun
from ai_transport_codecs.session.pipe import PipeResult
from ai_transport_codecs.session.run import EndReason
from ai_transport_codecs.session.steer import Steer
from ai_transport_codecs.session.step import Step as OurStep
from tests.interop.parties import PATIENCE, Agent, AgentRun, Device, Entry, Json, Pipe, Piped, Place, Step, Turn


def plain(value: Any) -> Json:
    """As JSON has it, which is what the other side can tell."""
    return json.loads(json.dumps(value))


def _entries(messages: Sequence[CodecMessage[Any]]) -> list[Entry]:
    return [Entry(each.id, plain(each.message)) for each in messages]


def _error(error: Exception | None) -> dict[str, Json] | None:
    if error is None:
        return None
    return {"code": getattr(error, "code", None), "message": getattr(error, "message", str(error))}


@dataclass(frozen=True, slots=True)
class OurSteered:
    _steer: Steer

    async def published(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._steer.published

    async def outcome(self) -> tuple[bool, str | None]:
        async with asyncio.timeout(PATIENCE):
            outcome = await self._steer.outcome
        return outcome.consumed, None if outcome.run_terminal_reason is None else str(outcome.run_terminal_reason)


@dataclass(frozen=True, slots=True)
class OurTurn:
    _turn: ClientRun[Any]

    @property
    def event_id(self) -> str:
        return self._turn.input_event_id

    @property
    def message_id(self) -> str:
        return self._turn.input_message_id

    async def started(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.shield(self._turn.started)

    async def exchange(self) -> list[Json]:
        return [each.message for each in _entries(self._turn.get_exchange())]

    async def cancel(self) -> None:
        await self._turn.cancel()

    async def steer(self, value: Json) -> OurSteered:
        return OurSteered(self._turn.steer(value))


class OurDevice:
    """A ClientSession with a connection of its own."""

    def __init__(self, session: ClientSession[Any], provider: AblyProvider, stack: AsyncExitStack) -> None:
        self._session = session
        self._provider = provider
        self._stack = stack
        self._errors: list[Exception] = []
        self.changed = asyncio.Event()
        session.on("error", self._note)
        session.tree.on("message", lambda _: self.changed.set())
        session.view.on("update", self.changed.set)

    def _note(self, error: Exception) -> None:
        self._errors.append(error)
        self.changed.set()

    async def send(self, *inputs: Json, run_id: str | None = None) -> Turn:
        return OurTurn(await self._session.view.send(list(inputs), run_id=run_id))

    async def edit(self, message_id: str, value: Json) -> Turn:
        return OurTurn(await self._session.view.edit(message_id, value))

    async def regenerate(self, message_id: str) -> Turn:
        return OurTurn(await self._session.view.regenerate(message_id))

    async def cancel_run(self, run_id: str) -> None:
        await self._session.cancel(run_id)

    async def messages(self) -> list[Entry]:
        return _entries(self._session.view.get_messages())

    async def runs(self) -> list[dict[str, Json]]:
        return [
            {
                "runId": run.run_id,
                "status": str(run.status),
                "clientId": run.client_id,
                "error": _error(run.error),
                "steps": [
                    {"stepId": each.step_id, "status": str(each.status), "attemptCount": each.attempt_count}
                    for each in run.steps
                ],
            }
            for run in self._session.view.runs()
        ]

    async def errors(self) -> list[dict[str, Json]]:
        return [told for error in self._errors if (told := _error(error)) is not None]

    async def has_older(self) -> bool:
        return self._session.view.has_older()

    async def load_older(self, limit: int) -> list[Entry]:
        return _entries(await self._session.view.load_older(limit))

    async def versions(self, message_id: str) -> tuple[int, int]:
        selection = self._session.view.branch_selection(message_id)
        return selection.index, len(selection.siblings)

    async def select(self, message_id: str, index: int) -> None:
        self._session.view.select_sibling(message_id, index)

    async def connection_id(self) -> str:
        return str(self._provider.connection_id)

    async def close(self) -> None:
        await self._session.close()
        await self._stack.aclose()


class OurPipe:
    """A source that the story feeds, on its way into a run."""

    def __init__(self, target: OpenableRun[Any] | OurStep) -> None:
        self._items: asyncio.Queue[Json] = asyncio.Queue()
        self._failure: str | None = None
        self._piping: asyncio.Task[PipeResult] = asyncio.create_task(target.pipe(self._source()))

    async def _source(self) -> AsyncIterator[Json]:
        while (item := await self._items.get()) is not None:
            yield item
        if self._failure is not None:
            raise RuntimeError(self._failure)

    async def feed(self, items: Sequence[Json]) -> None:
        for item in items:
            self._items.put_nowait(item)

    async def finish(self, failure: str | None = None) -> None:
        self._failure = failure
        self._items.put_nowait(None)

    async def result(self) -> Piped:
        async with asyncio.timeout(PATIENCE):
            result = await self._piping
        return Piped(result.reason, None if result.error is None else str(result.error))


class OurStepOfStory:
    """A started step."""

    def __init__(self, step: OurStep) -> None:
        self._step = step
        self.step_id = step.step_id

    async def pipe(self) -> Pipe:
        return OurPipe(self._step)

    async def end(self, reason: str | None = None) -> None:
        await self._step.end(cast("Any", reason))


class OurRun:
    """A run of an AgentSession."""

    def __init__(self, run: OpenableRun[Any]) -> None:
        self._run = run

    async def start(self) -> str:
        async with asyncio.timeout(PATIENCE):
            await self._run.view.load()
            await self._run.start()
        return self._run.run_id

    async def prompt(self) -> list[Json]:
        return [each.message for each in _entries(self._run.view.get_messages())]

    async def messages(self) -> list[Json]:
        return [each.message for each in _entries(self._run.messages)]

    async def has_input(self) -> bool:
        return self._run.has_input()

    async def cancelled(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._run.cancel_token.wait()

    async def pipe(self) -> Pipe:
        return OurPipe(self._run)

    async def step(self, step_id: str | None = None) -> Step:
        step = self._run.create_step(step_id=step_id)
        await step.start()
        return OurStepOfStory(step)

    async def suspend(self) -> None:
        await self._run.suspend()

    async def end(self, reason: str = "complete", error: tuple[int, str] | None = None) -> None:
        told = None if error is None else StreamError(error[1], code=error[0])
        await self._run.end(cast("EndReason", reason), told)


class OurAgent:
    """An AgentSession with a connection of its own."""

    def __init__(self, session: AgentSession[Any], provider: AblyProvider, stack: AsyncExitStack) -> None:
        self._session = session
        self._provider = provider
        self._stack = stack
        self._errors: list[Exception] = []
        session.on("error", self._errors.append)

    async def create_run(self, turn: Turn) -> AgentRun:
        invocation = {"inputEventId": turn.event_id, "sessionName": self._session.connection.channel.name}
        return OurRun(self._session.create_run(invocation))

    async def errors(self) -> list[dict[str, Json]]:
        return [told for error in self._errors if (told := _error(error)) is not None]

    async def connection_id(self) -> str:
        return str(self._provider.connection_id)

    async def close(self) -> None:
        await self._session.detach()
        await self._stack.aclose()


async def _provider(place: Place, client_id: str, stack: AsyncExitStack) -> AblyProvider:
    options: dict[str, Any] = {"use_binary_protocol": place.binary}
    if place.rollup is not None:
        options["transport_params"] = {"appendRollupWindow": str(place.rollup)}
    url = f"http://127.0.0.1:{place.port}"
    return await stack.enter_async_context(connect_ably(place.key, url=url, client_id=client_id, **options))


async def open_device(place: Place, client_id: str, page_size: int | None = None) -> Device:
    """A device of ours, which loads history only when it is asked to, as the official client does."""
    stack = AsyncExitStack()
    provider = await _provider(place, client_id, stack)
    session: ClientSession[Any] = ClientSession(
        provider, place.channel, codec=place.codec, history=False, history_page_size=page_size or PAGE_SIZE
    )
    device = OurDevice(session, provider, stack)
    await session.connect()
    return device


async def open_agent(place: Place, client_id: str) -> Agent:
    """An agent of ours."""
    stack = AsyncExitStack()
    provider = await _provider(place, client_id, stack)
    session: AgentSession[Any] = AgentSession(provider, place.channel, codec=place.codec)
    agent = OurAgent(session, provider, stack)
    await session.connect()
    return agent
