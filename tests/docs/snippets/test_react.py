"""The guide to React and HTTP: the bridge over the memory channel, and the routes over a local server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from ai_transport_codecs import ClientSession, MemoryHub
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.server import LocalServer
from tests.docs.pages import Played, page_of
from tests.docs.snippets.stage import answers, beside


def model(*texts: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))


def text(message: Any) -> str:
    return "".join(part.get("text", "") for part in message["parts"])


async def user_of(request: Any) -> str | None:
    """The reader's login."""
    user: str | None = request.headers.get("authorization")
    return user


async def test_every_line_of_the_page_runs() -> None:
    names = Played(page_of("docs/guides/react.md"), user_of=user_of)
    hub = MemoryHub()
    async with (
        beside(names["serve"](hub.client("agent"), model("Alfama."))),
        ClientSession[Any](hub.client("alice"), "chat:1", codec="vercel") as device,
    ):
        turn = await device.view.send("Where to?")
        assert await turn.wait() == "complete"
        assert text(turn.messages[-1]) == "Alfama."
    assert text((await answers(names["own_handler"](model("Belém.")), "Where to?", codec="vercel"))[-1]) == "Belém."
    await woken_by_http(names, {"formal": model("Good day."), "friendly": model("Hi.")})
    assert names.missing() == []


async def woken_by_http(names: Played, chains: dict[str, Any]) -> None:
    async with LocalServer(keys=["app.key:secret"]) as server, asyncio.timeout(30):
        app = names["create_app"](
            "app.key:secret", names["tone_handler"](chains.__getitem__), names["may_use"], server.url
        )
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://agent", headers={"authorization": "alice"}) as http,
        ):
            who = {"sessionName": "chat:alice:1", "clientId": "alice"}
            token = (await http.get("/api/token", params=who)).json()
            async with (
                connect_ably(token_callback=lambda _: asyncio.sleep(0, token), url=server.url) as ably,
                ClientSession[Any](ably, "chat:alice:1", codec="vercel") as device,
            ):
                turn = await device.view.send("Hello?")
                body = turn.to_invocation().to_json()
                answers = [(await http.post("/api/chat", json=body | {"tone": "formal"})).status_code for _ in range(2)]
                assert answers == [202, 200]
                assert await turn.wait() == "complete"
                assert text(turn.messages[-1]) == "Good day."
            await refusals(http, body)


async def refusals(http: httpx.AsyncClient, body: dict[str, str]) -> None:
    """The table of answers, as far as one request shows it."""
    assert await refused(http.post("/api/chat", json=[])) == [400, 40000]
    assert await refused(http.post("/api/chat", json={})) == [400, 40003]
    assert await refused(http.post("/api/chat", json=body, headers={"authorization": "eve"})) == [403, 40160]
    assert await refused(http.post("/api/chat", content=b"[" * 70_000, headers=JSON)) == [413, 40009]
    assert await refused(http.post("/api/chat", content=b"hello")) == [415, 40003]


JSON = {"content-type": "application/json"}


async def refused(request: Any) -> Sequence[int]:
    response = await request
    error = response.json()["error"]
    assert error["statusCode"] == response.status_code
    return [response.status_code, error["code"]]
