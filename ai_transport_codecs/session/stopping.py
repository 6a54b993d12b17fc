"""Cancels of runs that wait for an answer: nobody works on them, so whoever serves the channel ends them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from ai_transport_codecs.errors import AITransportError, RunLifecycleError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import Headers, text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .events import RunEvent, RunStatus, Unsubscribe
from .hooks import CancelRequest, OnCancel, listener_error
from .nodes import RunNode
from .publishing import publish_headers, to_the_end
from .recent import Recent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .agent import AgentSession
    from .orphans import Orphans

PATIENCE: Final = 5.0
"""Seconds within which a run that is being suspended shows as such, and another process ends what it is to end."""

_MAX_ENDED: Final = 10_000


class Stops:
    """Ends the suspended runs of this session's client id that a live cancel names, unless ``on_cancel`` says no.

    ``hand_on(run_id, message)`` is asked first: whether a run that is under way here takes the cancel. While one is
    looked into, ``holds`` says so: an answer that comes after it waits, and when the run is not ended after all,
    ``on_kept(run_id)`` is called. Of several processes the first one ends the run; the others see to it that it does.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        orphans: Orphans,
        *,
        on_cancel: OnCancel | None,
        hand_on: Callable[[str, InboundMessage], Awaitable[bool]],
        on_kept: Callable[[str], None],
        spawn: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        self._session = session
        self._orphans = orphans
        self._on_cancel = on_cancel
        self._hand_on = hand_on
        self._on_kept = on_kept
        self._spawn = spawn
        self._held: Counter[str] = Counter()
        self._ended: Recent[bool] = Recent(_MAX_ENDED)
        self._released = asyncio.Event()
        self._open: list[InboundMessage] = []

    def watch(self) -> Unsubscribe:
        """Begin; the returned function ends it."""
        return self._session.on_unclaimed_cancel(self.take)

    def take(self, message: InboundMessage) -> None:
        """Look into a cancel that no run under way here answers to. Again while that is done, it changes nothing."""
        if any(each is message for each in self._open):
            return
        self._open.append(message)
        known = frozenset(self._named(message))
        self._held.update(known)  # at once: what is on the channel after it is too late
        self._spawn(self._look_into(message, known), "ai-transport-stop")

    def holds(self, run_id: str) -> bool:
        """Whether that run is not to be resumed: it was ended, or is about to be."""
        return self._held[run_id] > 0 or self._ended.get(run_id) is not None

    async def decided(self, run_id: str) -> None:
        """Return once no cancel of that run is looked into."""
        while self._held[run_id] > 0:
            await self._released.wait()

    # --- which runs

    def _named(self, message: InboundMessage) -> list[str]:
        """The runs that a cancel is for, so far as they are known (session spec 4.8)."""
        headers = transport_headers(message.extras)
        run_id, input_id = text_header(headers, h.RUN_ID), text_header(headers, h.INPUT_MESSAGE_ID)
        if run_id is not None:
            return [] if self._session.tree.run(run_id) is None else [run_id]
        if input_id is None:
            return []
        return [run.run_id for run in self._session.tree.runs() if run.progress.has_answered(input_id)]

    async def _look_into(self, message: InboundMessage, known: frozenset[str]) -> None:
        try:
            with self._reporting():
                await self._session.hydrator.fold_until(lambda: any(self._is_started(each) for each in known))
            for run_id in {*known, *self._named(message)}:
                with self._holding(run_id), self._reporting():
                    if not await self._hand_on(run_id, message):
                        await self._end(run_id, message)
        finally:
            self._open.remove(message)
            for run_id in known:
                self._release(run_id)

    def _is_started(self, run_id: str) -> bool:
        node = self._session.tree.run(run_id)
        return node is not None and node.is_started

    # --- ending one

    async def _end(self, run_id: str, message: InboundMessage) -> None:
        await self._until(run_id, lambda status: status is not RunStatus.ACTIVE)
        node = self._session.tree.run(run_id)
        if not self._waits(node) or not await self._is_granted(run_id, message):
            return
        if not await self._orphans.is_first():
            await self._until(run_id, lambda status: status is not RunStatus.SUSPENDED)
        if not self._waits(node) or self._ended.get(run_id):
            return
        self._ended.remember(run_id, value=True)
        try:
            await to_the_end(self._publish(node))
        except BaseException:
            self._ended.pop(run_id)
            raise
        await self._until(run_id, lambda status: status.is_terminal)

    def _waits(self, node: RunNode | None) -> TypeGuard[RunNode]:
        """Whether it is a run that an agent of this client id suspended."""
        agent = None if node is None else node.agent
        if node is None or agent is None or node.status is not RunStatus.SUSPENDED:
            return False
        return agent.client_id == self._session.connection.client_id

    async def _is_granted(self, run_id: str, message: InboundMessage) -> bool:
        if self._on_cancel is None:
            return True
        try:
            return await self._on_cancel(CancelRequest(run_id, message))
        except Exception as error:
            self._session.connection.report(listener_error("on_cancel", run_id, error))
            return False

    async def _publish(self, node: RunNode) -> None:
        headers: Headers = {h.RUN_ID: node.run_id, **_stamps(node.progress.state.latest), h.RUN_REASON: "cancelled"}
        try:
            await publish_headers(self._session.connection.channel, names.RUN_END, headers, self._session.retry)
        except Exception as error:
            raise RunLifecycleError(
                f"unable to end run {node.run_id!r}, which waits and was cancelled; {error}. It goes on waiting: cancel"
                " it again",
                cause=error,
            ) from error

    async def _until(self, run_id: str, is_so: Callable[[RunStatus], bool]) -> None:
        """Return when the run stands so, when there is none, or after some seconds."""
        changed = asyncio.Event()
        ending = self._session.tree.on("run", lambda _: changed.set())
        try:
            async with asyncio.timeout(PATIENCE):
                while (node := self._session.tree.run(run_id)) is not None and not is_so(node.status):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return
        finally:
            ending()

    # --- parts

    @contextmanager
    def _holding(self, run_id: str) -> Iterator[None]:
        self._held[run_id] += 1
        try:
            yield
        finally:
            self._release(run_id)

    def _release(self, run_id: str) -> None:
        self._held[run_id] -= 1
        if self._held[run_id] <= 0:
            del self._held[run_id]
            self._released.set()
            self._released = asyncio.Event()
            if not self.holds(run_id):
                self._on_kept(run_id)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except AITransportError as error:
            if not self._session.connection.is_closed:
                self._session.connection.report(error)


def _stamps(latest: RunEvent | None) -> Headers:
    """What the run's newest message said of it, for its end to say the same (session spec 2.4)."""
    if latest is None:
        return {}
    headers = {h.RUN_CLIENT_ID: latest.client_id, h.INVOCATION_ID: latest.invocation_id}
    optional = {h.INPUT_CLIENT_ID: latest.input_client_id, h.INPUT_MESSAGE_ID: latest.input_message_id}
    return headers | {key: value for key, value in optional.items() if value is not None}
