"""Serving: each input on a channel answered by a handler, as a run of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar

from ai_transport_codecs.errors import AITransportError, OperationCancelledError, SessionClosedError, StreamError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import text_header, transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .invocation import Invocation
from .nodes import InputNode
from .run import EndReason, Run
from .trigger import try_event_id

if TYPE_CHECKING:
    from .agent import AgentSession

_log = logging.getLogger("ai_transport_codecs.session")

MessageT = TypeVar("MessageT")
Handler: TypeAlias = Callable[[Run[MessageT]], Awaitable[Any]]

_MAX_SEEN: Final = 10_000
"""Event ids remembered so that a redelivered input is not answered twice; the tree knows the older ones' runs."""


class Server(Generic[MessageT]):
    """Runs a handler for each new input of one session."""

    def __init__(self, session: AgentSession[MessageT], handler: Handler[MessageT]) -> None:
        self._session = session
        self._handler = handler
        self._seen: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    async def run(self, *, backlog: bool) -> None:
        """Serve until cancelled or until the session is closed."""
        ignore = self._session.on_input(self._on_input)
        stop_watching = self._session.connection.on_close(self._stopped.set)
        stop_rescuing = self._session.on_reattached(self._rescue)
        try:
            if backlog:
                await self._answer_backlog()
            await self._stopped.wait()
        finally:
            ignore()
            stop_watching()
            stop_rescuing()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _rescue(self) -> None:
        self._spawn(self._answer_backlog(), "ai-transport-rescue")

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_input(self, message: InboundMessage) -> None:
        event_id = try_event_id(message)
        # An input with a run id is for a run that exists: a steer, or the continuation of a suspended run.
        if event_id is None or text_header(transport_headers(message.extras), h.RUN_ID) is not None:
            return
        self._answer(event_id)

    def _answer(self, event_id: str) -> None:
        if event_id in self._seen:  # the parts of one message share it, and a message may be delivered again
            return
        if len(self._seen) >= _MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[event_id] = None
        self._spawn(self._serve_input(event_id), f"ai-transport-run-{event_id}")

    async def _answer_backlog(self) -> None:
        """Answer the input at the end of the conversation if it came while no agent was there."""
        event_ids: dict[str, str] = {}

        def note(message: InboundMessage) -> None:
            message_id = text_header(transport_headers(message.extras), h.MESSAGE_ID)
            event_id = try_event_id(message)
            if event_id is not None and message_id is not None:
                event_ids[message_id] = event_id

        try:
            await self._session.hydrator.fold_until(lambda: False, on_message=note)
        except AITransportError as error:
            self._session.connection.report(error)
            return
        nodes = self._session.tree.visible_nodes()
        if nodes and isinstance(nodes[-1], InputNode) and nodes[-1].key in event_ids:
            self._answer(event_ids[nodes[-1].key])

    async def _serve_input(self, event_id: str) -> None:
        session = self._session
        try:
            run = session.create_run(Invocation(event_id, session.connection.channel.name))
        except SessionClosedError:
            return
        try:
            await run.start()
            await self._run_handler(run)
        except asyncio.CancelledError:
            await self._end(run, "cancelled", None)
            session.forget(run)
            raise
        except OperationCancelledError as error:
            _log.info("an input was cancelled before its run started: %s", error)
            session.forget(run)
        except AITransportError as error:
            session.forget(run)
            if not session.connection.is_closed:
                session.connection.report(error)

    async def _run_handler(self, run: Run[MessageT]) -> None:
        task: asyncio.Task[Any] = asyncio.ensure_future(self._handler(run))

        # A pipe notices the token itself and closes its streams first; whatever else is waited for is cancelled.
        def stop_waiting() -> None:
            if not run.is_piping:
                task.cancel()

        run.cancel_token.on_cancel(stop_waiting)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            run.cancel_token.cancel()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._end(run, "cancelled", None)
            raise
        reason, error = _outcome(run, task)
        if reason == "error":
            _log.warning("run %r ended with an error: %r", run.run_id, error)
        await self._end(run, reason, error)

    async def _end(self, run: Run[MessageT], reason: EndReason, error: BaseException | None) -> None:
        if run.is_open and not run.has_ended and not self._session.connection.is_closed:
            await asyncio.shield(asyncio.ensure_future(run.end(reason, error)))


def _outcome(run: Run[Any], task: asyncio.Task[Any]) -> tuple[EndReason, BaseException | None]:
    """How a run ends whose handler is done: by what it raised, else as its last pipe ended."""
    if task.cancelled():
        return "cancelled", None
    error = task.exception()
    if error is not None:
        if run.cancel_token.is_cancelled and isinstance(error, OperationCancelledError):
            return "cancelled", None
        return "error", _as_stream_error(error)
    if run.last_result is None:
        return ("cancelled", None) if run.cancel_token.is_cancelled else ("complete", None)
    reason: Literal["complete", "cancelled", "error"] = run.last_result.reason
    return reason, None if run.last_result.error is None else _as_stream_error(run.last_result.error)


def _as_stream_error(error: BaseException) -> AITransportError:
    if isinstance(error, AITransportError):
        return error
    return StreamError(f"{type(error).__name__}: {error}", cause=error)
