"""The web demo in a process of its own, and devices on it that are no browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from ai_transport_codecs import ClientSession
from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from tests.cli.live.terminal import PATIENCE, Command


class Device(NamedTuple):
    """A client as the page is one: told where everything is, with a token, waking the agent by HTTP."""

    demo: Demo
    ably: AblyProvider
    session: ClientSession[Any]

    async def say(self, *said: Any, run_id: str | None = None) -> Any:
        """Send that, and wake the agent for it."""
        turn = await self.session.view.send(list(said) if run_id else said[0], run_id=run_id)
        answer = await self.demo.http.post("/api/chat", json=turn.to_invocation().to_json())
        assert answer.status_code == 202, answer.text
        return turn

    async def until(self, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until the messages are such; these."""
        changed = asyncio.Event()
        stop = self.session.view.on("update", lambda *_: changed.set())
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds(shown := [entry.message for entry in self.session.view.get_messages()]):
                    changed.clear()
                    await changed.wait()
        finally:
            stop()
        return shown


class Demo:
    """``ai-transport demo --web`` with those arguments, on a port of its own choice."""

    def __init__(self, *arguments: str) -> None:
        self.command = Command("demo", "--web", "--port", "0", *arguments)
        self.url = ""
        self.http = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)

    async def __aenter__(self) -> Self:
        await self.command.__aenter__()
        async with asyncio.timeout(60):  # frameworks take seconds to load
            while not self.url:
                try:
                    self.url = await self.command.line()
                except TimeoutError:
                    continue
        assert self.url.startswith("http://127.0.0.1:"), await self.command.ends()
        self.http.base_url = httpx.URL(self.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()
        await self.command.__aexit__(kind, error, trace)

    async def config(self, device: str = "") -> dict[str, Any]:
        """What a page is told first."""
        found: dict[str, Any] = (await self.http.get("/config.json", params={"device": device})).json()
        return found

    async def order(self, path: str, **order: Any) -> httpx.Response:
        """Press one of the demo's buttons."""
        return await self.http.post(f"/demo/{path}", json=order)

    @asynccontextmanager
    async def device(self, name: str, client_id: str = "alice", device: str = "") -> AsyncIterator[Device]:
        """A device on that session."""
        query = {"sessionName": name, "clientId": client_id}

        async def token(_: Any) -> Any:
            return (await self.http.get("/api/token", params=query)).json()

        place = (await self.config(device))["endpoint"]
        async with (
            connect_ably(token_callback=token, url=place, client_id=client_id) as ably,
            ClientSession[Any](ably, name, codec="vercel") as session,
        ):
            yield Device(self, ably, session)


def text_of(message: dict[str, Any]) -> str:
    """What a message says."""
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def part_of(messages: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    """The first part of that kind."""
    return next((part for message in messages for part in message["parts"] if part["type"] == kind), None)
