"""Agent sessions by channel: opened when needed, shared while in use, closed when nobody used them for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from ai_transport_codecs.channels.protocol import ChannelState
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.events import RunEvent
from ai_transport_codecs.session.orphans import GRACE, OrphanPolicy, Orphans
from ai_transport_codecs.session.recent import Recent
from ai_transport_codecs.session.stopping import Stops
from ai_transport_codecs.wire.messages import InboundMessage

from .receipt import Receipt

_MAX_ANSWERED: Final = 10_000
_USABLE: Final = frozenset({ChannelState.ATTACHED, ChannelState.ATTACHING})
_END_TIMEOUT: Final = 5.0


class Held:
    """A session in use, and which run answers which of its inputs, live or in history."""

    __slots__ = ("_answered", "_orphans", "_settling", "_tasks", "closing", "session", "stops", "timer", "users")

    def __init__(self, session: AgentSession[Any], orphans: OrphanPolicy) -> None:
        self.session = session
        self._orphans = Orphans(session, orphans, lambda event_id, run: None)  # none is answered anew
        self.stops = Stops(
            session,
            self._orphans,
            on_cancel=None,
            hand_on=self._hand_on_cancel,
            on_kept=lambda run_id: None,  # who posts an answer waits for that
            spawn=self._spawn,
        )
        """What ends runs that wait for an answer when they are cancelled."""
        self._settling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] | None = None
        self._answered: Recent[tuple[str, Receipt]] = Recent(_MAX_ANSWERED)
        self.users = 0
        self.timer: asyncio.TimerHandle | None = None
        self.closing: asyncio.Task[None] | None = None
        session.tree.on("run", self._note)

    @property
    def is_sound(self) -> bool:
        """Whether its channel is as a session needs it."""
        return not self.session.connection.is_closed and self.session.connection.channel.state in _USABLE

    async def settle_in(self) -> None:
        """Connect; the first time, tell other processes of this one, and look for runs that one left as it was killed.

        Raises SessionSubscriptionError (104001).
        """
        async with self._settling:
            await self.session.connect()
            if self._tasks is None:
                self._tasks = set()
                self._orphans.watch(lambda: self._look(GRACE))
                self.stops.watch()
                await self._orphans.announce()
                self._look(0)

    async def end(self) -> None:
        """End the session, and with it what still runs on it."""
        for task in self._tasks or ():
            task.cancel()
        await self.session.end()

    def _look(self, patience: float) -> None:
        if self.closing is None:
            self._spawn(self._orphans.look(patience=patience), "ai-transport-orphans")

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        assert self._tasks is not None  # noqa: S101  # nothing is spawned before it has settled in
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_on_cancel(self, run_id: str, message: InboundMessage) -> bool:
        run = self.session.cancels.find(run_id)
        if run is None or not run.is_open:
            return False
        await run.request_cancel(message)
        return True

    def answer_to(self, message_id: str) -> Receipt | None:
        """The run that answers the input with that message id, and its first invocation, so far as is known."""
        found = self._answered.get(message_id)
        return None if found is None else found[1]

    def _note(self, event: RunEvent) -> None:
        # A start that has no serial is our own, before it came back: the run may yet turn out to be another process's.
        if event.input_message_id is None or event.serial is None:
            return
        earliest = self._answered.get(event.input_message_id)
        if earliest is None or event.serial < earliest[0]:
            receipt = Receipt(event.run_id, event.invocation_id, is_new=False)
            self._answered.pop(event.input_message_id)
            self._answered.remember(event.input_message_id, (event.serial, receipt))


class Pool:
    """At most ``max_idle`` sessions that nobody uses, each for at most ``idle_timeout`` seconds.

    ``open_session(name)`` makes a session that is not connected yet.
    """

    def __init__(
        self,
        open_session: Callable[[str], AgentSession[Any]],
        *,
        idle_timeout: float,
        max_idle: int,
        orphans: OrphanPolicy,
        on_error: Callable[[AITransportError], None],
    ) -> None:
        self._open_session = open_session
        self._orphans: OrphanPolicy = orphans
        self._idle_timeout = idle_timeout
        self._max_idle = max_idle
        self._on_error = on_error
        self._held: dict[str, Held] = {}

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Held]:
        """The connected session on that channel. Raises SessionSubscriptionError (104001) when it cannot be had."""
        held = await self._take(name)
        try:
            await held.settle_in()
            yield held
        finally:
            held.users -= 1
            if not held.users:
                self._rest(name, held)

    async def close(self) -> None:
        """End all sessions, and with them what still runs on them."""
        for name, held in list(self._held.items()):
            self._close(name, held)
        await asyncio.gather(*(held.closing for held in self._held.values() if held.closing is not None))

    async def _take(self, name: str) -> Held:
        while (held := self._held.get(name)) is not None:
            if not held.users and held.closing is None and not held.is_sound:
                self._close(name, held)
            if held.closing is None:
                break
            # Closing a session detaches the channel, under the next one's feet if that did not wait.
            await asyncio.shield(held.closing)
        if held is None:
            session = self._open_session(name)
            session.on("error", self._on_error)
            held = self._held[name] = Held(session, self._orphans)
        self._wake(held)
        held.users += 1
        return held

    def _rest(self, name: str, held: Held) -> None:
        # The one that rested longest comes first.
        self._held.pop(name, None)
        self._held[name] = held
        if not held.is_sound:
            self._close(name, held)
            return
        held.timer = asyncio.get_running_loop().call_later(self._idle_timeout, self._close, name, held)
        idle = [each for each in self._held.items() if not each[1].users and each[1].closing is None]
        for longest in idle[: max(0, len(idle) - self._max_idle)]:
            self._close(*longest)

    def _close(self, name: str, held: Held) -> None:
        self._wake(held)
        if held.closing is None:
            held.closing = asyncio.get_running_loop().create_task(self._end(name, held), name="ai-transport-close")

    async def _end(self, name: str, held: Held) -> None:
        try:
            async with asyncio.timeout(_END_TIMEOUT):
                await held.end()
        except Exception as error:
            self._on_error(AITransportError(f"unable to close the session {name!r}; {error!r}", cause=error))
        finally:
            if self._held.get(name) is held:
                del self._held[name]

    @staticmethod
    def _wake(held: Held) -> None:
        if held.timer is not None:
            held.timer.cancel()
            held.timer = None
