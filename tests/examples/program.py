"""An example as its reader runs it: a process of its own, and a device that knows nothing but its address."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from ai_transport_codecs import ClientSession
from ai_transport_codecs.channels.ably import connect_ably

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0
"""Seconds after which something is wrong; importing a framework takes most of it on a slow machine."""

_KEYS = ("ABLY_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL")
_RUN = "import asyncio, runpy, sys; asyncio.run(runpy.run_path(sys.argv[1])['main'](port=0))"


@asynccontextmanager
async def running(name: str) -> AsyncIterator[str]:
    """The address of a running example; at the end it is interrupted, and has to end well."""
    environment = {key: value for key, value in os.environ.items() if key not in _KEYS}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUN, str(EXAMPLES / name / "main.py"),
        stderr=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    assert process.stderr is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := re.search(r"running on (http://127\.0\.0\.1:\d+)", said[-1] if said else "")) is None:
                said.append((await process.stderr.readline()).decode())
                assert said[-1], f"{name} ended: {''.join(said)}"
        reading = asyncio.create_task(process.stderr.read())
        yield found[1]
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            rest = (await reading).decode()
            await process.wait()
        assert "Application shutdown complete" in rest
        assert "ERROR" not in rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def device(http: httpx.AsyncClient) -> AsyncIterator[ClientSession[Any]]:
    """A device that asks the example where everything is, as the page of react-chat does."""
    config = (await http.get("/config.json")).json()

    async def ask(_: Any) -> Any:
        asked = {"sessionName": config["sessionName"], "clientId": "alice"}
        return (await http.get(config["authUrl"], params=asked)).json()

    async with (
        connect_ably(token_callback=ask, url=config["endpoint"], client_id="alice") as ably,
        ClientSession[Any](ably, config["sessionName"], codec="vercel") as session,
    ):
        yield session


@asynccontextmanager
async def visiting(name: str) -> AsyncIterator[tuple[httpx.AsyncClient, ClientSession[Any]]]:
    """A browser and a device at a running example."""
    async with (
        running(name) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE) as http,
        device(http) as session,
    ):
        yield http, session


async def said_by(turn: Any, http: httpx.AsyncClient) -> tuple[str, list[dict[str, Any]]]:
    """Wake the agent for the turn: its answer's text, and the parts that are calls of tools."""
    (await http.post("/api/chat", json=turn.to_invocation().to_json())).raise_for_status()
    async with asyncio.timeout(PATIENCE):
        await turn.wait()
    parts = [part for message in turn.messages for part in message["parts"]]
    return "".join(part["text"] for part in parts if part["type"] == "text"), [
        part for part in parts if "toolCallId" in part
    ]
