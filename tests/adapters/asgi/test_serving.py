"""The agent app on real sockets: uvicorn in front, the local server behind, mounted in FastAPI."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

import uvicorn
from fastapi import FastAPI

from ai_transport_codecs import ClientSession
from ai_transport_codecs.adapters.asgi import AgentApp, agent_app
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.session.nodes import RunNode
from tests.adapters.asgi.web import KEY, everybody, speak
from tests.session.stage import CHANNEL, say, words
from tests.session.toy_codec import TOY


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ably")


@asynccontextmanager
async def up(app: Any) -> AsyncIterator[int]:
    """The port on which uvicorn serves ``app``; at the end it is asked to stop, as by a signal."""
    listener = socket.create_server(("127.0.0.1", 0))  # who connects before uvicorn is up has to wait
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def mounted(agents: AgentApp) -> FastAPI:
    app = FastAPI(lifespan=agents.lifespan)
    app.mount("/api", agents)
    return app


def agents_at(server: LocalServer, handler: Any, **options: Any) -> AgentApp:
    def connect() -> Any:
        return connect_ably(KEY, url=server.url, client_id="agent")

    return agent_app(connect, handler, codec=TOY, allow=everybody, token_key=KEY, **options)


@asynccontextmanager
async def device(server: LocalServer, http: httpx.AsyncClient) -> AsyncIterator[ClientSession[str]]:
    """A device that has nothing but the token that the app gave it."""

    async def ask(_: Any) -> Any:
        return (await http.get("/api/token", params={"sessionName": CHANNEL, "clientId": "alice"})).json()

    async with connect_ably(token_callback=ask, url=server.url, client_id="alice") as ably:
        session: ClientSession[str] = ClientSession(ably, CHANNEL, codec=TOY)
        async with session:
            yield session


@asynccontextmanager
async def site(server: LocalServer, handler: Any) -> AsyncIterator[tuple[httpx.AsyncClient, ClientSession[str]]]:
    """The app, mounted and served; a browser, and the device that runs in it."""
    async with (
        up(mounted(agents_at(server, handler))) as port,
        browser(port) as http,
        device(server, http) as alice,
    ):
        yield http, alice


@asynccontextmanager
async def browser(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        yield http


async def test_a_turn_from_token_to_answer() -> None:
    async with LocalServer(keys=[KEY]) as server, site(server, speak) as (http, alice):
        turn = await alice.view.send(say("hello"))
        posts = [http.post("/api/chat", json=turn.to_invocation().to_json()) for _ in range(2)]
        responses = await asyncio.gather(*posts)
        assert sorted(each.status_code for each in responses) == [200, 202]
        assert await turn.wait() == "complete"
        assert turn.messages == ["to hello."]
        assert {each.json()["runId"] for each in responses} == {turn.run_id}


@pytest.mark.parametrize("sent", [b"", b'{"inputEventId":'])
async def test_a_body_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async with LocalServer(keys=[KEY]) as server, up(mounted(agents_at(server, speak, body_timeout=0.05))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /api/chat HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n"
        writer.write(head + sent)
        async with asyncio.timeout(30):
            answer = await reader.readuntil(b"}}")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"the body did not arrive within 0.05 s" in answer


async def test_a_client_that_hangs_up_while_it_posts_has_its_run_or_none() -> None:
    async with LocalServer(keys=[KEY]) as server, site(server, speak) as (http, alice):
        turn = await alice.view.send(say("hello"))
        body = turn.to_invocation().to_json()
        head = b"POST /api/chat HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n"
        _, half = await asyncio.open_connection("127.0.0.1", http.base_url.port)
        half.write(head + b'{"inputEventId":')
        await half.drain()
        half.close()
        whole = asyncio.create_task(http.post("/api/chat", json=body))
        await asyncio.sleep(0)
        whole.cancel()
        await asyncio.gather(whole, return_exceptions=True)
        assert (await http.post("/api/chat", json=body)).status_code in {200, 202}
        assert await turn.wait() == "complete"
        runs = [node for node in alice.tree.nodes() if isinstance(node, RunNode)]
        assert [node.status for node in runs] == ["complete"]


@pytest.mark.parametrize(("hand_off", "status"), [(False, "cancelled"), (True, "suspended")])
async def test_a_server_that_stops_mid_stream_leaves_no_run_streaming(hand_off: bool, status: str) -> None:
    async def for_ever(run: Any) -> None:
        await run.pipe(words("never ending", gate=asyncio.Event()))

    async with (
        LocalServer(keys=[KEY]) as server,
        connect_ably(KEY, url=server.url, client_id="alice") as ably,
        ClientSession[str](ably, CHANNEL, codec=TOY) as alice,
    ):
        agents = agents_at(server, for_ever, grace=0.05, hand_off=hand_off)
        async with up(mounted(agents)) as port, browser(port) as http:
            turn = await alice.view.send(say("hello"))
            await http.post("/api/chat", json=turn.to_invocation().to_json())
            async for message in turn.stream():
                if "never" in message:
                    break
        assert await turn.wait() == status
