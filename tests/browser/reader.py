"""A device without a page: what a Python client reads from the channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ai_transport_codecs import ClientSession
from ai_transport_codecs.channels.ably import connect_ably
from tests.browser.device import Shown


@asynccontextmanager
async def reading(url: str, session_name: str, client: str = "reader") -> AsyncIterator[ClientSession[Any]]:
    """A session of that name, with everything that was said in it; it knows the page's address and nothing else."""
    async with httpx.AsyncClient(base_url=url) as http:
        config = (await http.get("/config.json")).raise_for_status().json()

        async def ask(_: Any) -> Any:
            asked = {"sessionName": session_name, "clientId": client}
            return (await http.get(f"{config['api']}/token", params=asked)).raise_for_status().json()

        async with (
            connect_ably(token_callback=ask, url=config["endpoint"], client_id=client) as ably,
            ClientSession[Any](ably, session_name, codec="vercel") as session,
        ):
            yield session


def shown_by(session: ClientSession[Any]) -> list[Shown]:
    """The messages as a page would have to show them."""
    return [_shown(session, each.id, each.message) for each in session.view.get_messages()]


def _shown(session: ClientSession[Any], id_: str, message: dict[str, Any]) -> Shown:
    run = session.view.run_of(id_)
    status = "sent" if message["role"] == "user" else "none" if run is None else str(run.status)
    parts = message["parts"]

    def said(kind: str) -> str:
        return "".join(part["text"] for part in parts if part["type"] == kind)

    tools = tuple((_tool_name(part), part["state"]) for part in parts if "toolCallId" in part)
    shown_status = "streaming" if status == "active" else status
    return Shown(message["role"], id_, shown_status, said("text"), said("reasoning"), tools)


def _tool_name(part: dict[str, Any]) -> str:
    return str(part.get("toolName") or part["type"].removeprefix("tool-"))
