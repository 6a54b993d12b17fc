"""Steering: a word to a run that is under way, and what became of it (session spec 3.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from ai_transport_codecs.errors import AITransportError, InvalidArgumentError, SessionClosedError
from ai_transport_codecs.wire.headers import transport_headers

from .envelope import read_envelope
from .events import Applied, RunEvent, RunStatus, Unsubscribe
from .sending import plan_steer, send_error

if TYPE_CHECKING:
    from .client import ClientSession


class SteerPublished(NamedTuple):
    """The steering message is on the channel. ``serial`` is None when the run ended before it came back."""

    serial: str | None


class SteerOutcome(NamedTuple):
    """What became of a steering message.

    ``consumed``: the agent answered it. ``run_terminal_reason``: how the run ended, or None when it was suspended after
    it answered. A message that was not consumed is in the conversation all the same, but nobody will answer it.
    """

    consumed: bool
    run_terminal_reason: RunStatus | None = None


class Steer:
    """One steering message. Neither of its futures needs to be awaited."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.published: asyncio.Future[SteerPublished] = loop.create_future()
        """Done once the message came back from the channel. Raises as :meth:`ClientRun.steer` says."""
        self.outcome: asyncio.Future[SteerOutcome] = loop.create_future()
        """Done once the agent answered it and the run was suspended, or the run ended. Raises likewise."""
        for future in (self.published, self.outcome):
            future.add_done_callback(_note_failure)

    def reject(self, error: BaseException) -> None:
        """Neither will happen any more."""
        _fail(self.published, error)
        _fail(self.outcome, error)


class _Sent(NamedTuple):
    run_id: str
    steer: Steer


class Steers:
    """The steering messages of one session that are under way. Costs nothing while there are none."""

    def __init__(self, session: ClientSession[Any]) -> None:
        self._session = session
        self._sent: dict[str, _Sent] = {}
        self._consumed: set[str] = set()
        self._unsubscribe: Unsubscribe | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[Steer] = set()

    def begin(self, value: Any, started: asyncio.Future[str]) -> Steer:
        """Send ``value`` to the run once it has started."""
        steer = Steer()
        self._waiting.add(steer)
        self._spawn(self._send(steer, value, started))
        return steer

    def reject_all(self, error: AITransportError) -> None:
        """What became of them cannot be known any more. What was published is known to be, but not where."""
        for sent in self._sent.values():
            _resolve(sent.steer.published, SteerPublished(None))
            _fail(sent.steer.outcome, error)
        self._sent.clear()
        self._consumed.clear()
        self._rest()

    def close(self) -> None:
        """The session is closed: nothing more will be heard of any of them."""
        error = SessionClosedError("unable to follow the steering message; session closed")
        for steer in [*self._waiting, *(sent.steer for sent in self._sent.values())]:
            steer.reject(error)
        self._sent.clear()
        self._waiting.clear()
        self._rest()
        for task in self._tasks:
            task.cancel()

    # --- sending

    async def _send(self, steer: Steer, value: Any, started: asyncio.Future[str]) -> None:
        message_id: str | None = None
        try:
            run_id = await asyncio.shield(started)
            session = self._session
            await session.connection.ready("steer")
            session.connection.check_writable("steer")
            self._check_running(run_id)
            item = plan_steer(session.codec, value, run_id, session.client_id)
            writes = session.sender.encode([item])
            message_id = item.message_id
            self._sent[message_id] = _Sent(run_id, steer)
            if self._unsubscribe is None:
                self._unsubscribe = session.tree.on("message", self._on_message)
            try:
                await session.sender.publish(writes)
            except Exception as error:
                raise send_error("steer", error) from error
        except Exception as error:
            if message_id is not None:
                self._sent.pop(message_id, None)
                self._rest()
            steer.reject(error if isinstance(error, AITransportError) else _wrapped(error))
        finally:
            self._waiting.discard(steer)

    def _check_running(self, run_id: str) -> None:
        run = self._session.tree.run(run_id)
        if run is not None and run.status.is_terminal:
            raise InvalidArgumentError(
                f"unable to steer; run {run_id!r} has already ended ({run.status}), send a new message instead"
            )

    # --- following

    def _on_message(self, applied: Applied) -> None:
        if applied.run is not None:
            self._on_run(applied.run)
            return
        # Read from the message itself: output of an attempt that is superseded answers steers, too.
        envelope = read_envelope(transport_headers(applied.message.extras))
        sent = self._sent.get(envelope.message_id or "")
        if sent is not None and applied.message.serial:
            _resolve(sent.steer.published, SteerPublished(applied.message.serial))
        for message_id in envelope.steer_message_ids:
            answered = self._sent.get(message_id)
            if answered is not None and answered.run_id == envelope.run_id:
                self._consumed.add(message_id)

    def _on_run(self, event: RunEvent) -> None:
        if event.type not in ("suspend", "end"):
            return
        reason = event.status if event.type == "end" else None
        for message_id, sent in list(self._sent.items()):
            is_consumed = message_id in self._consumed
            if sent.run_id != event.run_id or not (is_consumed or event.type == "end"):
                continue
            del self._sent[message_id]
            _resolve(sent.steer.published, SteerPublished(None))
            _resolve(sent.steer.outcome, SteerOutcome(is_consumed, reason))
            self._consumed.discard(message_id)
        self._rest()

    def _rest(self) -> None:
        """Stop listening when nothing is under way."""
        if not self._sent and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._consumed.clear()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="ai-transport-steer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _wrapped(error: Exception) -> AITransportError:
    return InvalidArgumentError(f"unable to steer; {error}", cause=error)


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _note_failure(future: asyncio.Future[Any]) -> None:
    """A failure that nobody awaits is no news for the event loop."""
    if not future.cancelled():
        future.exception()
