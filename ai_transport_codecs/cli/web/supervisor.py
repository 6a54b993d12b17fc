"""Keeps an agent alive: when one is killed, the next one takes over what it left open."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ai_transport_codecs.adapters.asgi import AgentApp, agent_app
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.cli.demo.sockets import Wire, open_wire
from ai_transport_codecs.errors import AITransportError, InvalidArgumentError
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.events import RunEvent
from ai_transport_codecs.session.handling import conclude, run_handler
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.session.run import Run

Handler = Callable[[Run[Any]], Awaitable[Any]]

CODEC: Final = "vercel"
_BURIAL: Final = 5.0
"""Seconds that what is left of killed agents may take to go away when the demo ends."""

_RETRY: Final = RetryPolicy(attempts=4)
"""Fewer than elsewhere: what cannot be said on this machine is the last words of the dead, and the demo's end waits."""


class Ticket(NamedTuple):
    """A run under way, as another process needs it to take it over."""

    invocation: Invocation
    run_id: str
    invocation_id: str


@dataclass(eq=False, slots=True)
class _Life:
    """One agent, from its start to its end. ``wire`` is all that connects it."""

    wire: Wire
    app: AgentApp
    stack: AsyncExitStack
    takeovers: set[asyncio.Task[None]]
    is_over: bool = False


class Supervisor:
    """An ASGI application that is always the agent which lives now.

    What a workflow engine would keep on disk, the runs under way, is kept here, where it outlives agents.
    """

    def __init__(self, server: LocalServer, handler: Handler) -> None:
        self._server = server
        self._key = str(server.keys[0])
        self._handler = handler
        self._tickets: dict[str, Ticket] = {}
        self._changing = asyncio.Lock()
        self._life: _Life | None = None
        self._graves: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._life = await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._changing:
            life, self._life = self._life, None
            if life is not None:
                await self._end(life)
            for grave in self._graves:
                grave.cancel()
            if self._graves:
                await asyncio.wait(self._graves, timeout=_BURIAL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._changing:  # while one agent follows another, requests wait
            life = self._life
        assert life is not None  # noqa: S101  # nobody is served before the start or after the end
        await life.app(scope, receive, send)

    async def kill(self) -> int:
        """Kill the agent as a crash would, and start another one; how many runs that one takes over.

        Its connection breaks without a word, so nothing that it does afterwards is heard by anybody.
        """
        async with self._changing:
            life = self._life
            assert life is not None  # noqa: S101  # as above
            life.is_over = True
            life.wire.cut()
            grave = asyncio.create_task(self._end(life))
            self._graves.add(grave)
            grave.add_done_callback(self._graves.discard)
            self._life = heir = await self._begin()
            tickets = list(self._tickets.values())
            for ticket in tickets:
                task = asyncio.create_task(self._take_over(heir, ticket))
                heir.takeovers.add(task)
                task.add_done_callback(heir.takeovers.discard)
            return len(tickets)

    # --- parts

    async def _begin(self) -> _Life:
        async with AsyncExitStack() as stack:
            wire, port = await stack.enter_async_context(open_wire(self._server.port))
            life: _Life

            async def handle(run: Run[Any]) -> Any:
                self._note(life, run)
                return await self._handler(run)

            def report(error: AITransportError) -> None:
                if not life.is_over:  # the dead have nothing to say
                    print(f"ai-transport demo: {error}", file=sys.stderr, flush=True)

            source = partial(connect_ably, self._key, url=f"http://127.0.0.1:{port}", client_id="agent")
            app = agent_app(
                source,
                handle,
                codec=CODEC,
                allow=_anybody,
                token_key=self._key,
                grace=0.0,
                orphans="leave",  # they have tickets: the next agent takes them over
                on_error=report,
                session_options={"retry": _RETRY},
            )
            life = _Life(wire, app, stack, set())
            await stack.enter_async_context(app.lifespan())
            life.stack = stack.pop_all()
        return life

    @staticmethod
    async def _end(life: _Life) -> None:
        for task in life.takeovers:
            task.cancel()
        await asyncio.gather(*life.takeovers, return_exceptions=True)
        await life.stack.aclose()

    def _note(self, life: _Life, run: Run[Any]) -> None:
        """Remember the run until readers know that it is over, or waits for somebody."""
        name = run.session.connection.channel.name
        ticket = Ticket(Invocation(run.input_event_id, name), run.run_id, run.invocation_id)
        self._tickets[run.run_id] = ticket

        def forget(event: RunEvent) -> None:
            if event.run_id == run.run_id and event.type in {"suspend", "end"}:
                stop()
                if not life.is_over and self._tickets.get(run.run_id) is ticket:
                    del self._tickets[run.run_id]

        stop = run.session.tree.on("run", forget)

    async def _take_over(self, life: _Life, ticket: Ticket) -> None:
        url = f"http://127.0.0.1:{self._server.port}"
        try:
            async with (
                connect_ably(self._key, url=url, client_id="agent") as ably,
                AgentSession[Any](ably, ticket.invocation.session_name, codec=CODEC) as session,
            ):
                run: Any = session.adopt_run(
                    ticket.invocation, run_id=ticket.run_id, invocation_id=ticket.invocation_id
                )
                await run.load()
                self._note(life, run)
                await conclude(run, await run_handler(run, self._handler))
        except InvalidArgumentError:  # it was over, or suspended, after all
            self._tickets.pop(ticket.run_id, None)
        except AITransportError as error:
            if not life.is_over:
                print(f"ai-transport demo: a run was not taken over; {error}", file=sys.stderr, flush=True)


def _anybody(request: Request, session_name: str, client_id: str | None) -> bool:
    """A demo on one's own machine has no users to tell apart."""
    return True
