"""Everything that a page needs, on this machine: Ably's stand-in, the agent's application, and the page itself."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ai_transport_codecs.adapters.asgi import agent_app
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.session.opening import OpenableRun
from tests.browser.agent import Agent

Handler = Callable[[Any], Awaitable[Any]]

KEY: Final = "app.key:secret"


@dataclass(slots=True)
class House:
    """What serves the stories. ``handlers`` are for sessions whose agent is not one that the story plays."""

    url: str
    agents: defaultdict[str, Agent] = field(default_factory=lambda: defaultdict(Agent))
    handlers: dict[str, Handler] = field(default_factory=dict)

    async def answer(self, run: OpenableRun[Any]) -> Any:
        """Answer with the agent of the run's session."""
        session = run.session.connection.channel.name
        handler = self.handlers.get(session) or self.agents[session].answer
        return await handler(run)


def may_use(request: Any, session_name: str, client_id: str | None) -> bool:
    return session_name.startswith("chat:")


@asynccontextmanager
async def open_house(page: Path) -> AsyncIterator[House]:
    """A house that serves the page of that folder, until the end."""
    # Who connects before it is served has to wait.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        house = House(f"http://127.0.0.1:{listener.getsockname()[1]}")
        async with LocalServer(keys=[KEY]) as ably:
            web = uvicorn.Server(uvicorn.Config(_app(house, ably, page), log_level="warning", ws="none"))
            serving = asyncio.create_task(web.serve(sockets=[listener]))
            try:
                yield house
            finally:
                web.should_exit = True
                await serving


def _app(house: House, ably: LocalServer, page: Path) -> Starlette:
    connect = partial(connect_ably, KEY, url=ably.url, client_id="agent")
    agents = agent_app(connect, house.answer, codec="vercel", allow=may_use, token_key=KEY, grace=0)

    def config(request: Request) -> JSONResponse:
        return JSONResponse({"endpoint": ably.url, "api": "/api"})

    routes = [
        Route("/config.json", config),
        Mount("/api", agents),
        Mount("/", StaticFiles(directory=page, html=True)),
    ]
    return Starlette(routes=routes, lifespan=agents.lifespan)
