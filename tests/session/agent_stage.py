"""Short ways to tell stories about an agent's runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ai_transport_codecs import AgentSession
from ai_transport_codecs.session.handle import ClientRun
from ai_transport_codecs.session.opening import OpenableRun
from ai_transport_codecs.wire import headers as h
from tests.session.stage import CHANNEL, Stage, settle
from tests.session.toy_codec import TOY


def note(text: str) -> dict[str, str]:
    """An output that is complete by itself."""
    return {"type": "note", "text": text}


def result(message_id: str, output: Any, call_id: str | None = None) -> dict[str, Any]:
    """A tool's result, as a device sends it."""
    payload = {"output": output} | ({} if call_id is None else {"toolCallId": call_id})
    return {"kind": "tool-result", "codecMessageId": message_id, "payload": payload}


def texts(entries: list[Any]) -> list[str]:
    return [entry.message for entry in entries]


async def failing(*said: dict[str, str]) -> AsyncIterator[dict[str, str]]:
    """A source that says something, and raises."""
    for event in said:
        yield event
    raise ValueError("the model hung up")


async def answering(agent: AgentSession[str], turn: ClientRun[str], **hooks: Any) -> OpenableRun[str]:
    """A run that answers ``turn``, started."""
    run = agent.create_run(turn.to_invocation(), **hooks)
    await run.start()
    return run


@asynccontextmanager
async def serving(stage: Stage, handler: Any, **options: Any) -> AsyncIterator[AgentSession[str]]:
    """An agent that serves with those options; of a process of its own."""
    async with stage.agent() as agent:
        task = asyncio.create_task(agent.serve(handler, **options))
        await settle(5)
        try:
            yield agent
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def lifecycle(stage: Stage) -> list[str]:
    """The names of what was published, without appends, and without the full updates of a first append."""
    return [m.name for m in stage.seen if m.name is not None and m.action == "message.create"]


async def statuses(stage: Stage) -> list[str | None]:
    """The status of every streamed message, as history has it."""
    page = await stage.hub.client("reader").channel(CHANNEL).history(limit=1000)
    found = [message.extras["ai"]["transport"] for message in page.items]
    return [headers.get(h.STATUS) for headers in reversed(found) if h.STATUS in headers]


def agent_on(stage: Stage, client_id: str | None = "agent", *, client: Any = None, **options: Any) -> AgentSession[str]:
    """An agent session, not connected, on a connection of its own."""
    session: AgentSession[str] = AgentSession(client or stage.hub.client(client_id), CHANNEL, codec=TOY, **options)
    session.on("error", stage.errors.append)
    return session
