"""A channel on a bad day: a wrapper for any engine's client that fails as planned, the same way each time.

A plan is a script, chance with a seed, or both::

    plan = FaultPlan().on("append", 3, Refuse()).on("append", 5, LoseAck()).on("delivery", 2, Cut())
    plan = FaultPlan(seed=7, rates=Rates(refuse=0.1, lose_ack=0.1, hold=0.3, cut=0.02))
    client = FaultyProvider(hub.client("agent"), plan)

What happens depends on the plan and on the number of the operation only, not on when it comes, so a failing seed fails
again. The order of each publisher is kept: its deliveries may come late or twice, but never overtake each other, and
only a :class:`Lag` lets those of others overtake them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar, runtime_checkable

from ai_transport_codecs.channels.memory.json_values import copied
from ai_transport_codecs.channels.memory.listeners import Listeners
from ai_transport_codecs.channels.protocol import (
    Channel,
    ChannelProvider,
    ChannelState,
    ChannelStateChange,
    HistoryPage,
    MessageListener,
    Presence,
    StateListener,
    Unsubscribe,
)
from ai_transport_codecs.errors import ChannelError, InvalidArgumentError
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

from .fault_plan import DELIVERY, WRITE, WRITES, Cut, Fault, FaultPlan, Hold, Lag, LoseAck, Rates, Refuse, Repeat

__all__ = [
    "Cut", "Fault", "FaultPlan", "FaultyChannel", "FaultyProvider", "Fired", "Hold", "Lag", "LoseAck", "Rates",
    "Reconnectable", "Refuse", "Repeat",
]  # fmt: skip

_log = logging.getLogger("ai_transport_codecs.testing")

ResultT = TypeVar("ResultT")

_LISTENABLE: Final = frozenset({ChannelState.ATTACHING, ChannelState.ATTACHED})


class Fired(NamedTuple):
    """A fault that happened."""

    operation: str
    number: int
    fault: Fault


@runtime_checkable
class Reconnectable(Protocol):
    """A client whose connection can be cut and taken up again."""

    async def disconnect(self) -> None: ...
    async def reconnect(self, *, resume: bool = True) -> None: ...


class FaultyProvider:
    """``provider`` with the faults of ``plan``; operations are counted over all its channels.

    Raises InvalidArgumentError when the plan cuts the connection and the provider has no ``disconnect`` and
    ``reconnect(resume=...)``.
    """

    def __init__(self, provider: ChannelProvider, plan: FaultPlan) -> None:
        self.connection = provider if isinstance(provider, Reconnectable) else None
        if plan.cuts and self.connection is None:
            raise InvalidArgumentError(
                f"the plan cuts the connection, which a {type(provider).__name__} cannot: it needs the methods"
                " disconnect() and reconnect(resume=...)"
            )
        self.fired: list[Fired] = []
        """The faults that happened, in their order."""
        self._provider = provider
        self._plan = plan
        self._counts: Counter[str] = Counter()
        self._channels: dict[str, FaultyChannel] = {}
        self._cutting: asyncio.Task[None] | None = None

    def channel(
        self, name: str, *, params: Mapping[str, str] | None = None, modes: Sequence[str] | None = None
    ) -> FaultyChannel:
        """The channel of that name; the same object each time."""
        inner = self._provider.channel(name, params=params, modes=modes)
        if name not in self._channels:
            self._channels[name] = FaultyChannel(inner, self)
        return self._channels[name]

    async def settled(self) -> None:
        """Wait until no cut is under way."""
        while self._cutting is not None:
            await asyncio.shield(self._cutting)

    def next_fault(self, operation: str) -> Fault | None:
        """Count an operation, and say what happens to it."""
        self._counts[operation] += 1
        number, write_number = self._counts[operation], None
        if operation in WRITES:
            self._counts[WRITE] += 1
            write_number = self._counts[WRITE]
        fault = self._plan.fault(operation, number, write_number)
        if fault is not None:
            self.fired.append(Fired(operation, number, fault))
        return fault

    def cut(self, cut: Cut) -> None:
        """Cut the connection, and mend it later. While it is cut already, nothing more happens to it."""
        if self._cutting is None:
            self._cutting = asyncio.ensure_future(self._cut(cut))

    async def _cut(self, cut: Cut) -> None:
        assert self.connection is not None  # checked when the plan was given
        try:
            await self.connection.disconnect()
            await Hold(cut.turns).wait()
            await self.connection.reconnect(resume=cut.resume)
        except ChannelError as error:
            _log.info("the connection that was cut is not mended: %s", error)  # the test closed it meanwhile
        finally:
            self._cutting = None


class FaultyChannel:
    """One channel of a :class:`FaultyProvider`. What the plan leaves alone goes straight through."""

    def __init__(self, inner: Channel, provider: FaultyProvider) -> None:
        self._inner = inner
        self._provider = provider
        self._messages: Listeners[InboundMessage] = Listeners("message")
        self._states: Listeners[ChannelStateChange] = Listeners("state")
        self._unsubscribe: Unsubscribe | None = None
        # Deliveries and changes of state that wait behind a held delivery, and the task that waits for it.
        self._queue: deque[tuple[InboundMessage | ChannelStateChange, Fault | None]] = deque()
        self._holding: asyncio.Task[None] | None = None
        # By publisher: the deliveries of those that lag, and the tasks that wait for them.
        self._late: dict[str | None, deque[tuple[InboundMessage, Fault | None]]] = {}
        self._lagging: set[asyncio.Task[None]] = set()
        inner.on_state_change(self._on_state)

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def state(self) -> ChannelState:
        return self._inner.state

    @property
    def client_id(self) -> str | None:
        return self._inner.client_id

    @property
    def max_message_size(self) -> int:
        return self._inner.max_message_size

    @property
    def presence(self) -> Presence:
        """Presence, which works."""
        return self._inner.presence

    async def attach(self) -> None:
        await self._call("attach", self._inner.attach)

    async def detach(self) -> None:
        await self._inner.detach()

    def subscribe(self, listener: MessageListener) -> Unsubscribe:
        """Call ``listener`` for each message from now on, with the plan's faults."""
        if self._unsubscribe is None:
            self._unsubscribe = self._inner.subscribe(self._on_message)
        remove = self._messages.add(listener)

        def unsubscribe() -> None:
            remove()
            if not self._messages and self._unsubscribe is not None:
                self._unsubscribe()
                self._unsubscribe = None

        return unsubscribe

    def on_state_change(self, listener: StateListener) -> Unsubscribe:
        """Call ``listener`` for each change of state, in order with the deliveries."""
        return self._states.add(listener)

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        return await self._call("publish", lambda: self._inner.publish(messages))

    async def append(self, mutation: OutboundMutation) -> str | None:
        return await self._call("append", lambda: self._inner.append(mutation))

    async def update(self, mutation: OutboundMutation) -> str | None:
        return await self._call("update", lambda: self._inner.update(mutation))

    async def delete(self, serial: str) -> str | None:
        return await self._call("delete", lambda: self._inner.delete(serial))

    async def history(self, *, limit: int = 100, until_attach: bool = False) -> HistoryPage:
        return await self._call("history", lambda: self._inner.history(limit=limit, until_attach=until_attach))

    # -- calls ---------------------------------------------------------------------------------------------------------

    async def _call(self, operation: str, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        fault = self._provider.next_fault(operation)
        if isinstance(fault, Refuse):
            await asyncio.sleep(0)
            raise _simulated(fault, operation, "nothing was done")
        if isinstance(fault, Cut):
            return await self._call_and_cut(call, fault)
        result = await call()
        if isinstance(fault, LoseAck):
            raise _simulated(fault, operation, "it was done, but its acknowledgement was lost")
        if isinstance(fault, Hold):
            await fault.wait()
        return result

    async def _call_and_cut(self, call: Callable[[], Awaitable[ResultT]], cut: Cut) -> ResultT:
        calling = asyncio.ensure_future(call())
        try:
            self._provider.cut(cut)  # begins in the next loop turn, when the call was sent and is not answered
            return await calling
        finally:
            calling.cancel()

    # -- deliveries ----------------------------------------------------------------------------------------------------

    def _on_message(self, message: InboundMessage) -> None:
        fault, late = self._provider.next_fault(DELIVERY), self._late.get(message.client_id)
        if late is not None:
            late.append((message, fault))
        elif isinstance(fault, Lag):
            self._late[message.client_id] = deque([(message, None)])
            task = asyncio.ensure_future(self._catch_up_later(message.client_id, fault))
            self._lagging.add(task)
            task.add_done_callback(self._lagging.discard)
        else:
            self._take(message, fault)

    def _on_state(self, change: ChannelStateChange) -> None:
        if change.current not in _LISTENABLE:
            # A client drops what arrives for a channel that it is not attached to.
            self._queue = deque((item, fault) for item, fault in self._queue if isinstance(item, ChannelStateChange))
            self._late.clear()
        for publisher in list(self._late):
            self._catch_up(publisher)
        self._take(change, None)

    async def _catch_up_later(self, publisher: str | None, lag: Lag) -> None:
        late = self._late[publisher]
        await Hold(lag.turns).wait()
        if self._late.get(publisher) is late:  # unless a change of state came before
            self._catch_up(publisher)

    def _catch_up(self, publisher: str | None) -> None:
        for message, fault in self._late.pop(publisher):
            self._take(message, None if isinstance(fault, Lag) else fault)

    def _take(self, item: InboundMessage | ChannelStateChange, fault: Fault | None) -> None:
        if self._holding is None and not isinstance(fault, Hold):
            self._pass_on(item, fault)
            return
        self._queue.append((item, fault))
        if self._holding is None:
            self._holding = asyncio.ensure_future(self._pass_on_later())

    async def _pass_on_later(self) -> None:
        try:
            while self._queue:
                item, fault = head = self._queue[0]
                if isinstance(fault, Hold):
                    await fault.wait()
                if self._queue and self._queue[0] is head:  # unless the channel was detached meanwhile
                    self._queue.popleft()
                    self._pass_on(item, fault)
        finally:
            self._holding = None

    def _pass_on(self, item: InboundMessage | ChannelStateChange, fault: Fault | None) -> None:
        if isinstance(item, ChannelStateChange):
            self._states.tell(lambda: item)
            return
        for _ in range(1 + (fault.times if isinstance(fault, Repeat) else 0)):
            self._messages.tell(lambda: item._replace(data=copied(item.data), extras=copied(item.extras)))
        if isinstance(fault, Cut):
            self._provider.cut(fault)


def _simulated(fault: Refuse | LoseAck, operation: str, what: str) -> ChannelError:
    return ChannelError(
        f"simulated failure of {operation}; {what}. It is part of the test's fault plan",
        code=fault.code,
        status_code=fault.status_code,
    )
