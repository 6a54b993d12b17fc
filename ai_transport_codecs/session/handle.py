"""What a send gives back: the run that answers it, as seen by a client (session spec 3.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import AgentError, SessionClosedError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import Headers

from .events import OutputEvent, RunEvent, RunStatus, Unsubscribe
from .invocation import Invocation
from .nodes import InputNode, RunNode
from .steer import Steer

if TYPE_CHECKING:
    from .client import ClientSession

MessageT = TypeVar("MessageT")


class ClientRun(Generic[MessageT]):
    """The answer to one input: live state, a stream of it, and the means to cancel it.

    ``input_message_id`` and ``input_event_id`` name the input; ``run_id`` is known once the agent started.
    """

    def __init__(self, session: ClientSession[MessageT], headers: Headers, event_id: str, message_id: str) -> None:
        self._session = session
        self.continues = headers.get(h.RUN_ID)
        """The suspended run that the input continues; None for an input that a run of its own answers."""
        self.input_event_id = event_id
        self.input_message_id = message_id
        self._run_id = ""
        self._started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # Nobody needs to await `started`; a failure that nobody awaits is no news for the event loop.
        self._started.add_done_callback(lambda future: future.cancelled() or future.exception())

    @property
    def run_id(self) -> str:
        """The run's id; ``""`` until the agent's start was seen."""
        return self._run_id

    @property
    def started(self) -> asyncio.Future[str]:
        """The run id, once the agent starts, or once the run that the input continues is over without that.

        No deadline; raises SessionClosedError when the session closes.
        """
        return self._started

    @property
    def status(self) -> RunStatus:
        """Where the run stands; ``active`` while it has not started."""
        node = self._node()
        return RunStatus.ACTIVE if node is None else node.status

    @property
    def error(self) -> AgentError | None:
        """What the agent reported, when the status is ``error``."""
        node = self._node()
        return None if node is None else node.error

    @property
    def answered_by(self) -> str | None:
        """The client whose answer resumed the run last: of several that answered, the first one."""
        node = self._node()
        return None if node is None else node.answered_by

    def get_messages(self) -> list[CodecMessage[MessageT]]:
        """The answer's messages so far, oldest first, each with its ``codec-message-id``."""
        node = self._node()
        return [] if node is None else self._session.tree.messages(node)

    @property
    def messages(self) -> list[MessageT]:
        """The answer's messages so far."""
        return [entry.message for entry in self.get_messages()]

    def get_exchange(self) -> list[CodecMessage[MessageT]]:
        """The question and the answer so far: the run's input message, then :meth:`get_messages`, each id once.

        Before the run has started, what this send said; nothing of it when it said no message of its own.
        """
        tree, run = self._session.tree, self._node()
        asked = tree.node_of(self.input_message_id if run is None or run.parent is None else run.parent)
        question = tree.messages(asked) if isinstance(asked, InputNode) else []
        ids = {entry.id for entry in question}
        return [*question, *(entry for entry in self.get_messages() if entry.id not in ids)]

    def to_invocation(self) -> Invocation:
        """What to post to an agent that is woken by HTTP."""
        return Invocation(self.input_event_id, self._session.channel_name)

    async def cancel(self) -> None:
        """Ask the agent to stop; returns once the channel has the request. Works before the run has started, too."""
        await self._session.cancel_input(self.input_message_id, self.continues)

    def steer(self, value: Any) -> Steer:
        """Say something to the run while it is under way. Returns at once: see :class:`~.steer.Steer` for the rest.

        ``value`` is what :meth:`View.send` takes, one message. It is sent once the run has started. Its ``published``
        and ``outcome`` raise InvalidArgumentError when the run has ended already (nothing is sent then) or the codec
        cannot carry the value, SessionClosedError, ChannelNotReadyError (104007), InsufficientCapabilityError (40160)
        or SessionSendError (104005).
        """
        return self._session.steer(value, self)

    async def wait(self) -> RunStatus:
        """Wait until the run is over or suspended; how it stands then. Raises SessionClosedError."""
        await self._started
        changed = asyncio.Event()
        unsubscribe = self._watch(changed.set)
        try:
            while self.status is RunStatus.ACTIVE:
                self._check_open()
                await changed.wait()
                changed.clear()
        finally:
            unsubscribe()
        return self.status

    async def stream(self) -> AsyncIterator[MessageT]:
        """The answer as it grows: each message that changed, in its newest state, until the run is over or suspended.

        A slow reader sees fewer states, never old ones. Raises AgentError when the run ended with an error, after the
        last state; SessionClosedError when the session closes.
        """
        await self._started
        changed = asyncio.Event()
        dirty: set[str | None] = {entry.id for entry in self.get_messages()}

        def note(event: OutputEvent) -> None:
            dirty.add(event.message_id)

        unsubscribe = self._watch(changed.set, note)
        try:
            while True:
                is_over = self.status is not RunStatus.ACTIVE
                changes = set(dirty)
                dirty.clear()
                for entry in self.get_messages():
                    # A change that names no message may be of any of them.
                    if entry.id in changes or None in changes:
                        yield entry.message
                if is_over:
                    break
                if not dirty:
                    self._check_open()
                    await changed.wait()
                changed.clear()
        finally:
            unsubscribe()
        if self.error is not None:
            raise self.error

    async def events(self) -> AsyncIterator[Any]:
        """The codec's output events from now on, one by one, until the run is over or suspended."""
        queue: asyncio.Queue[Any] = asyncio.Queue()
        # Listening begins before the start: the first outputs may come in the same breath.
        unsubscribe = self._watch(lambda: queue.put_nowait(None), lambda event: [*map(queue.put_nowait, event.outputs)])
        try:
            await self._started
            while self.status is RunStatus.ACTIVE or not queue.empty():
                self._check_open()
                event = await queue.get()
                if event is not None:
                    yield event
        finally:
            unsubscribe()

    def is_answered_by(self, serial: str) -> bool:
        """Whether a start of that serial, for this input's message, can be the answer to this send.

        One from before this send cannot: something else may have been sent to the same message.
        """
        if self.continues is None:
            return True
        sent = self._session.tree.find_by_event_id(self.input_event_id)
        return sent is not None and sent.serial is not None and serial > sent.serial

    def begin(self, run_id: str) -> None:
        """The agent's start for this input was seen."""
        if not self._started.done():
            self._run_id = run_id
            self._started.set_result(run_id)

    def abandon(self, reason: str) -> None:
        """No start can come any more."""
        if not self._started.done():
            self._started.set_exception(SessionClosedError(f"unable to await run-start; {reason}"))

    def _node(self) -> RunNode | None:
        return self._session.tree.run(self._run_id) if self._run_id else None

    def _check_open(self) -> None:
        self._session.connection.check_open("follow the run")

    def _watch(self, wake: Callable[[], None], on_output: Callable[[OutputEvent], Any] | None = None) -> Unsubscribe:
        """Call ``wake`` whenever this run changes or the session closes; ``on_output`` with its outputs before."""

        def output(event: OutputEvent) -> None:
            if event.run_id == self._run_id:
                if on_output is not None:
                    on_output(event)
                wake()

        def run(event: RunEvent) -> None:
            if event.run_id == self._run_id:
                wake()

        tree = self._session.tree
        endings = [tree.on("output", output), tree.on("run", run), self._session.connection.on_close(wake)]

        def unsubscribe() -> None:
            for ending in endings:
                ending()

        return unsubscribe
