"""The page for production: roles over the memory channel, the rest over a local server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.codecs.vercel import ui_turn
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.session.retry import RetryPolicy
from tests.docs.pages import Played, page_of
from tests.docs.snippets.stage import beside


async def words(messages: list[Any]) -> AsyncIterator[dict[str, Any]]:
    yield {"type": "start"}
    yield {"type": "text-start", "id": "1"}
    for word in ("To ", "Lisbon."):
        yield {"type": "text-delta", "id": "1", "delta": word}
        await asyncio.sleep(0)
    yield {"type": "text-end", "id": "1"}


async def test_every_line_of_the_page_runs() -> None:
    logger = logging.getLogger("ai_transport_codecs")
    before = logger.level
    names = Played(page_of("docs/production.md"))
    logger.setLevel(before)
    async with asyncio.timeout(30):
        assert await names["roles"](ui_turn(words)) == (40160, 2)
        await over_a_server(names)
        await after_a_kill(names)
        async with names["thrifty"](MemoryHub().client("agent"), "chat:1") as session:
            assert session.policy.window == 0.1
            heard: list[Exception] = []
            names["listen"](session, heard.append)()
    assert names.missing() == []


async def after_a_kill(names: Played) -> None:
    """A process is killed in mid-answer; the next one answers anew."""

    async def stuck(messages: list[Any]) -> AsyncIterator[dict[str, Any]]:
        yield {"type": "start"}
        yield {"type": "text-start", "id": "1"}
        yield {"type": "text-delta", "id": "1", "delta": "Half"}
        await asyncio.Event().wait()

    hub = MemoryHub()
    killed = hub.client("agent")
    session = AgentSession[Any](killed, "chat:1", codec="vercel", retry=RetryPolicy(attempts=1))
    await session.connect()
    serving = asyncio.create_task(session.serve(ui_turn(stuck)))
    async with ClientSession[Any](hub.client("alice"), "chat:1", codec="vercel") as device:
        turn = await device.view.send("Where to?")
        await turn.started
        await killed.disconnect()
        async with beside(names["persistent_process"](hub.client("agent"), "chat:1", ui_turn(words))):
            assert await turn.wait() == "complete"
            assert "".join(part.get("text", "") for part in turn.messages[-1]["parts"]) == "To Lisbon."
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await session.detach()


async def over_a_server(names: Played) -> None:
    key = "app.key:secret"
    async with (
        LocalServer(keys=[key]) as server,
        beside(names["process"](key, ["chat:1"], ui_turn(words), server.url)),
        connect_ably(key, url=server.url, client_id="alice") as ably,
        ClientSession[Any](ably, "chat:1", codec="vercel") as device,
    ):
        turn = await device.view.send("Where to?")
        assert await turn.wait() == "complete"


async def test_what_the_page_says_of_the_rule_is_so() -> None:
    hub = MemoryHub(immutable_namespaces=["other"])
    async with (
        AgentSession[Any](hub.client("agent"), "other:1", codec="vercel") as session,
        ClientSession[Any](hub.client("alice"), "other:1", codec="vercel") as device,
        beside(session.serve(ui_turn(words))),
    ):
        turn = await device.view.send("Where to?")
        assert await turn.wait() == "error"
        assert turn.error is not None
