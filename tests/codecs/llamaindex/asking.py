"""Workflows that ask people, as modules have them: a context is read again by the names of their classes."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Final, Literal

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.workflow import (
    Context,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

from tests.codecs.llamaindex.models import Piece, ScriptedLLM, dynamic


class AskDay(InputRequiredEvent):
    """A question with fields of its own."""

    days: list[str]


class Chosen(HumanResponseEvent):
    """The only answer that fits it."""

    day: Literal["Friday", "Monday"]


class Trip(Workflow):
    """Asks where to and when, one after the other."""

    @step
    async def plan(self, ctx: Context, ev: StartEvent) -> StopEvent:
        where = dynamic(InputRequiredEvent, prefix="Where to?")
        city = await ctx.wait_for_event(HumanResponseEvent, waiter_event=where)
        when = AskDay(days=["Friday", "Monday"])
        chosen = await ctx.wait_for_event(Chosen, waiter_event=when)
        return StopEvent(result=f"To {city.response} on {chosen.day}.")


class Name(Workflow):
    """Asks as a step's result, until the answer is short enough."""

    @step
    async def begin(self, ev: StartEvent) -> InputRequiredEvent:
        return dynamic(InputRequiredEvent, prefix="Your name?")

    @step
    async def end(self, ev: HumanResponseEvent) -> InputRequiredEvent | StopEvent:
        if len(ev.response) > 5:
            return dynamic(InputRequiredEvent, prefix="Your name?")
        return StopEvent(result=f"Hello {ev.response}")


class Twice(Workflow):
    """Says its question by itself, and so again when the step begins again after the wait."""

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(dynamic(InputRequiredEvent, prefix="Sure?"))
        said = await ctx.wait_for_event(HumanResponseEvent)
        more = await ctx.wait_for_event(
            HumanResponseEvent, waiter_id="more", waiter_event=dynamic(InputRequiredEvent, prefix="Quite?")
        )
        return StopEvent(result=f"{said.response}, {more.response}")


class Deaf(Workflow):
    """Waits for an answer of somebody whom its question does not name."""

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        asked = dynamic(InputRequiredEvent, prefix="Eve?")
        await ctx.wait_for_event(HumanResponseEvent, waiter_event=asked, requirements={"user_name": "eve"})
        return StopEvent(result="so")


class Unwritable(Workflow):
    """Keeps what no store can."""

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.store.set("lock", asyncio.Lock())
        await ctx.wait_for_event(HumanResponseEvent, waiter_event=dynamic(InputRequiredEvent, prefix="Sure?"))
        return StopEvent(result="so")


async def mail(ctx: Context, to: str) -> str:
    """Send a mail."""
    asked = dynamic(InputRequiredEvent, prefix=f"Mail {to}?", to=to)
    said = await ctx.wait_for_event(HumanResponseEvent, waiter_id=to, waiter_event=asked, requirements={"to": to})
    return f"{said.response} to {to}"


async def careless_mail(ctx: Context, to: str) -> str:
    """Send a mail, and take the answer about any for that about this one."""
    asked = dynamic(InputRequiredEvent, prefix=f"Mail {to}?")
    said = await ctx.wait_for_event(HumanResponseEvent, waiter_id=to, waiter_event=asked)
    return f"{said.response} to {to}"


CALLS: Final = (Piece(call="mail-1", args='{"to": "bob"}'), Piece(call="mail-2", args='{"to": "eve"}'))


def agent(llm: ScriptedLLM) -> FunctionAgent:
    """An agent whose tool asks."""
    return FunctionAgent(tools=[mail], llm=llm)


class SqliteContexts:
    """A store that outlives the agent."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("CREATE TABLE IF NOT EXISTS contexts (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    async def get(self, key: str) -> str | None:
        row = self.connection.execute("SELECT value FROM contexts WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    async def put(self, key: str, value: str) -> None:
        with self.connection:
            self.connection.execute("INSERT OR REPLACE INTO contexts VALUES (?, ?)", (key, value))

    async def delete(self, key: str) -> None:
        with self.connection:
            self.connection.execute("DELETE FROM contexts WHERE key = ?", (key,))

    def __len__(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM contexts").fetchone()[0])
