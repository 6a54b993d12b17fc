"""The older turn vocabulary, on the agent's side: a thin face on a run (session spec 12, design D12)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import InvalidArgumentError

from .cancel import CancelToken
from .opening import OpenableRun
from .pipe import PipeResult
from .run import EndReason
from .sending import Sender, SendItem, SendOptions, plan_send, plan_steer, send_error
from .source import Source, discard
from .trigger import Trigger

if TYPE_CHECKING:
    from .agent import AgentSession

MessageT = TypeVar("MessageT")


class AgentTurn(Generic[MessageT]):
    """One turn of a conversation, made by :meth:`~.agent.AgentSession.new_turn`; a cancel reaches it from then on.

    ``await turn.add_messages(...)``, ``await turn.stream_response(stream)``, ``await turn.end(reason)``. It starts by
    itself: with its messages, or when something else is done to it.
    """

    def __init__(
        self,
        session: AgentSession[MessageT],
        run: OpenableRun[MessageT],
        *,
        client_id: str | None,
        parent: str | None,
        fork_of: str | None,
    ) -> None:
        self._session = session
        self._client_id = client_id or None
        self._parent = parent
        self._fork_of = fork_of
        self._starting = asyncio.Lock()
        self._sender = Sender(session.codec, session.connection.channel, session.retry)
        self.run = run
        """The run that this turn is."""

    @property
    def turn_id(self) -> str:
        """The turn's id: the ``run-id`` of everything it writes."""
        return self.run.run_id

    @property
    def cancel_token(self) -> CancelToken:
        """Whether the turn was cancelled."""
        return self.run.cancel_token

    @property
    def messages(self) -> list[CodecMessage[MessageT]]:
        """What was asked and what was answered, so far."""
        return self.run.messages

    async def start(self) -> None:
        """Publish the start of a turn that has no messages of its own. A second call does nothing.

        Not needed: the other methods do it. Raises OperationCancelledError (40033) when the turn was cancelled before,
        RunLifecycleError (104003) when the start cannot be published.
        """
        async with self._starting:
            if self.run.is_open or self.run.has_ended:
                return
            await self._session.connection.ready("start")
            self.run.expect("")
            anchor = None if self._parent is None and self._fork_of is not None else await self._find_parent()
            self.run.take_trigger(
                Trigger(client_id=self._client_id or "", anchor=anchor, run_parent=anchor, fork_of=self._fork_of)
            )
            await self.run.start()

    async def add_messages(
        self, messages: Any, *, client_id: str | None = None, parent: str | None = None, fork_of: str | None = None
    ) -> list[str]:
        """Publish what the user said, on the user's behalf, and start the turn; the ids of the messages.

        ``messages`` is one message of the codec's framework (or text, or an input event) or a list of them, each
        following the one before. ``client_id``, ``parent`` and ``fork_of`` are the turn's unless given. Once the turn
        has started, messages are added to it as steers.

        Raises InvalidArgumentError for what cannot be sent and after the turn's end, before anything is published;
        InsufficientCapabilityError (40160) and SessionSendError (104005) when the channel refuses; what :meth:`start`
        raises.
        """
        listed: Sequence[Any] = messages if isinstance(messages, list) else [messages]
        await self._session.connection.ready("add messages")
        if not listed:
            raise InvalidArgumentError("unable to add messages; there are none, pass at least one")
        async with self._starting:
            if self.run.has_ended:
                raise InvalidArgumentError(f"unable to add messages; turn {self.turn_id!r} has ended, create a new one")
            self._client_id = client_id or self._client_id
            if self.run.is_open:
                items = [plan_steer(self._session.codec, each, self.turn_id, self._client_id) for each in listed]
                await self._publish(items)
            else:
                self._parent, self._fork_of = parent or self._parent, fork_of or self._fork_of
                self.run.cancel_token.raise_if_cancelled()
                items = await self._plan(listed)
                await self._publish(items)
                self.run.expect(items[-1].event_id)
                await self.run.start()
        return [item.message_id for item in items]

    async def stream_response(self, stream: Source) -> PipeResult:
        """Write what ``stream`` yields as the answer; how it ended, whose ``reason`` is what to end the turn with.

        As :meth:`~.run.Run.pipe`.
        """
        try:
            await self.start()
        except BaseException:
            await discard(stream)
            raise
        return await self.run.pipe(stream)

    async def end(self, reason: EndReason = "complete", error: BaseException | None = None) -> None:
        """Publish the turn's end: ``complete``, ``cancelled`` or ``error``. As :meth:`~.run.Run.end`."""
        if not self.run.has_ended:
            await self.start()
        await self.run.end(reason, error)

    async def _plan(self, messages: Iterable[Any]) -> list[SendItem]:
        """The messages as inputs, in a chain. All are checked before the first is published."""
        items: list[SendItem] = []
        parent = self._parent if self._parent is not None or self._fork_of is not None else await self._find_parent()
        fork_of = self._fork_of
        for message in messages:
            options = SendOptions(parent=parent, fork_of=fork_of)
            items += plan_send(
                self._session.codec, [message], options, tail=None, client_id=self._client_id, operation="add messages"
            )
            parent, fork_of = items[-1].message_id, None
        return items

    async def _publish(self, items: Sequence[SendItem]) -> None:
        writes = self._sender.encode(items)
        for item in items:
            self._session.own_inputs.remember(item.event_id, value=True)  # a server of this session need not answer it
        try:
            await self._sender.publish(writes)
        except Exception as error:
            raise send_error("add messages", error) from error

    async def _find_parent(self) -> str | None:
        """The message that the turn follows: the last visible one."""
        if self._parent is not None:
            return self._parent
        session = self._session
        await session.hydrator.fold_until(lambda: False)
        shown = session.tree.flatten(session.tree.visible_nodes())
        return next((entry.id for entry in reversed(shown) if session.tree.node_of(entry.id)), None)
