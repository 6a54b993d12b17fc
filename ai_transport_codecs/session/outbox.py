"""The outbox: the one place that waits for the channel. Ordered, coalescing, and repairing what failed.

Guarantees, for the operations of one outbox:

* text of one stream reaches the channel in order, and once; failed appends are repaired by one update that states the
  whole text so far with the stream going on, before anything more of that stream, so that live readers see a prefix
  update and miss nothing;
* a start, a close or a discrete message waits until all text before it is acknowledged or repaired, and text after it
  waits for it: nothing overtakes;
* text may be merged with text of the same stream between two such points, as the policy says;
* where the channel has a budget, nothing is written that is not in it: starts, first words, closes and discrete
  messages go first, and streams that have to wait for their turn merge what arrives.

Operations are independent: one that fails for good is reported by :meth:`Outbox.flush`, and the next ones are still
tried; only what belongs to a stream that never opened is dropped.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from ai_transport_codecs.channels.protocol import budget_of
from ai_transport_codecs.codec.operations import (
    Append,
    Close,
    Operation,
    OutboundStream,
    Publish,
    PublishBatch,
    Start,
)
from ai_transport_codecs.errors import EncoderRecoveryError, InternalError
from ai_transport_codecs.wire.messages import OutboundMessage
from ai_transport_codecs.wire.size import message_size

from .coalesce import ADAPTIVE, CoalescePolicy
from .lane import Lane, Writer
from .retry import RetryPolicy
from .spending import within

Barrier: TypeAlias = Publish | PublishBatch | Start | Close

HIGH_WATER: Final = 262_144
"""Characters that may wait unsent before :meth:`Outbox.send` makes its caller wait."""

MAX_QUEUED: Final = 10_000
"""Starts, closes and discrete messages that may wait, likewise."""

_GROUP_BYTES: Final = 16_384
_EXTRA_CLOSING_BYTES: Final = 512


class _Segment:
    """Text that may still be merged, by stream, and the operation that has to wait for all of it."""

    __slots__ = ("barrier", "texts")

    def __init__(self) -> None:
        self.texts: dict[OutboundStream, list[str]] = {}
        self.barrier: Barrier | None = None


class Outbox:
    """Writes the operations of one encoder, or of several that share an order, to a channel.

    Not safe for use from several threads. Needs no closing: it holds no task while it has nothing to write.
    """

    def __init__(self, channel: Writer, *, policy: CoalescePolicy = ADAPTIVE, retry: RetryPolicy | None = None) -> None:
        self._channel = channel
        self._policy = policy
        self._retry = retry or RetryPolicy()
        self._budget = budget_of(channel)
        self._segments: deque[_Segment] = deque([_Segment()])
        self._lanes: dict[OutboundStream, Lane] = {}
        self._backlog = 0
        self._errors: list[BaseException] = []
        self._lost: dict[OutboundStream, BaseException] = {}
        self._pump: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()

    @property
    def error(self) -> BaseException | None:
        """The first failure not yet raised by :meth:`flush`."""
        if self._errors:
            return self._errors[0]
        lost = [*self._lost.values(), *(lane.lost for lane in self._lanes.values() if lane.broken is None)]
        return next((error for error in lost if error is not None), None)

    def post(self, operations: Iterable[Operation]) -> None:
        """Queue operations, in order, without waiting. Needs a running event loop."""
        for operation in operations:
            if isinstance(operation, Append):
                self._post_text(operation.stream, operation.data)
            else:
                self._post_barrier(operation)
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._run(), name="ai-transport-outbox")
        else:
            self._wake.set()

    async def send(self, operations: Iterable[Operation]) -> None:
        """Queue operations; waits only while too much is unsent (:data:`HIGH_WATER`, :data:`MAX_QUEUED`)."""
        self.post(operations)
        while (self._backlog > HIGH_WATER or len(self._segments) > MAX_QUEUED) and self._pump is not None:
            await self._wait_for_progress()

    async def flush(self) -> None:
        """Wait until everything queued is acknowledged or repaired; raises the first failure since the last flush.

        Raises EncoderRecoveryError (104000) when streams could not be repaired, else the failed operation's own error.
        """
        while self._pump is not None:
            await self._wait_for_progress()
        errors, self._errors = self._errors, []
        lost, self._lost = self._lost, {}
        lost |= {stream: lane.lost for stream, lane in self._lanes.items() if lane.lost is not None}
        if lost:
            names = ", ".join(dict.fromkeys(stream.stream_id for stream in lost))
            raise EncoderRecoveryError(
                f"unable to recover stream(s) {names}; appends failed and so did the updates that should repair them."
                " What readers have of them is incomplete: end the run with an error and try again",
                cause=next(iter(lost.values())),
            )
        if errors:
            raise errors[0]

    async def _wait_for_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _post_text(self, stream: OutboundStream, data: str) -> None:
        segment = self._segments[-1]
        if segment.texts and not self._policy.merge:
            segment = _Segment()
            self._segments.append(segment)
        parts = segment.texts.get(stream)
        if parts is None:
            parts = segment.texts[stream] = []
        parts.append(data)
        self._backlog += len(data)

    def _post_barrier(self, operation: Barrier) -> None:
        segment = self._segments[-1]
        if isinstance(operation, Close) and self._policy.merge:
            # The closing append can carry the text that still waits: one message less.
            parts = segment.texts.pop(operation.stream, ())
            text = "".join(parts)
            self._backlog -= len(text)
            operation = operation._replace(data=text + operation.data)
        segment.barrier = operation
        self._segments.append(_Segment())

    async def _run(self) -> None:
        """Write until nothing is left, then end; :meth:`post` starts the next one."""
        try:
            while True:
                self._wake.clear()
                due = self._send_texts(self._segments[0])
                if await self._advance():
                    continue
                if self._is_idle():
                    return
                await self._sleep(due)
        except Exception as error:
            # A defect here must reach whoever flushes, not only the event loop's log.
            self._errors.append(
                InternalError(f"the outbox failed: {error!r}; this is a defect, report it", cause=error)
            )
            self._segments = deque([_Segment()])
            self._backlog = 0
        finally:
            self._pump = None
            self._progress.set()

    async def _advance(self) -> bool:
        """Perform the next barrier if its turn has come; whether anything changed."""
        segment = self._segments[0]
        if segment.texts:
            return False
        if segment.barrier is None:
            if len(self._segments) == 1:
                return False
            self._segments.popleft()
            return True
        if not self._is_settled():
            return False
        await self._perform(segment.barrier)
        return True

    def _is_settled(self) -> bool:
        return all(lane.is_settled for lane in self._lanes.values())

    def _is_idle(self) -> bool:
        return len(self._segments) == 1 and not self._segments[0].texts and self._is_settled()

    async def _sleep(self, due: float | None) -> None:
        timer = None if due is None else asyncio.get_running_loop().call_at(due, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _send_texts(self, segment: _Segment) -> float | None:
        """Send the text whose turn it is; the loop time at which more will be due, if only time is missing."""
        now = asyncio.get_running_loop().time()
        due: float | None = None
        for stream, parts in list(segment.texts.items()):
            waiting = sum(map(len, parts))
            lane = self._lane(stream)
            wait = 0.0 if lane is None else lane.wait_for(waiting, now)
            if wait is not None and wait <= 0:
                del segment.texts[stream]
                self._backlog -= waiting
                rest = "" if lane is None else lane.send("".join(parts), now)
                if rest:
                    segment.texts[stream] = [rest]
                    self._backlog += len(rest)
                    self._wake.set()
                self._progress.set()
            elif wait is not None:
                due = now + wait if due is None else min(due, now + wait)
        return due

    async def _perform(self, barrier: Barrier) -> None:
        if isinstance(barrier, Close):
            self._segments.popleft()
            await self._close(barrier)
        elif isinstance(barrier, PublishBatch):
            self._segments.popleft()
            await self._publish(barrier.messages, ())
        else:
            await self._publish_group(self._take_group())
        self._progress.set()

    async def _close(self, operation: Close) -> None:
        lane = self._lane(operation.stream)
        if lane is None:
            return
        await lane.close(operation)
        if lane.lost is not None:
            self._lost.setdefault(operation.stream, lane.lost)
        del self._lanes[operation.stream]

    def _take_group(self) -> list[Publish | Start]:
        """The publishes and starts that directly follow each other, small enough for one atomic publish."""
        group: list[Publish | Start] = []
        size = 0
        while True:
            segment = self._segments[0]
            barrier = segment.barrier
            if segment.texts or not isinstance(barrier, Publish | Start):
                return group
            size += _size(barrier.message)
            if group and size > min(_GROUP_BYTES, self._channel.max_message_size):
                return group
            group.append(barrier)
            self._segments.popleft()

    async def _publish_group(self, group: list[Publish | Start]) -> None:
        messages = group[0].message if len(group) == 1 else tuple(operation.message for operation in group)
        await self._publish(messages, group)

    async def _publish(
        self, messages: OutboundMessage | tuple[OutboundMessage, ...], group: Sequence[Publish | Start]
    ) -> None:
        if self._retry.attempts > 1:
            _make_idempotent(messages)
        try:
            cost = len(messages) if isinstance(messages, tuple) else 1
            serials = await self._retry.run(
                lambda: within(self._budget, lambda: self._channel.publish(messages), cost=cost)
            )
        except Exception as error:
            self._errors.append(error)
            serials = []
        for index, operation in enumerate(group):
            if isinstance(operation, Start):
                self._opened(operation, serials[index] if index < len(serials) else None)

    def _opened(self, operation: Start, serial: str | None) -> None:
        stream = operation.stream
        if serial:
            stream.serial = serial
            self._lanes[stream] = self._new_lane(stream, _size(operation.message) + _EXTRA_CLOSING_BYTES)
            return
        stream.failed = True
        if not self._errors:
            self._errors.append(
                InternalError(
                    f"unable to start stream {stream.stream_id!r}; the channel acknowledged it without a serial"
                )
            )

    def _lane(self, stream: OutboundStream) -> Lane | None:
        """The lane of a stream, closed ones too; None for one that never opened, whose failure flush tells."""
        lane = self._lanes.get(stream)
        if lane is None and stream.serial is not None:
            lane = self._lanes[stream] = self._new_lane(stream, _EXTRA_CLOSING_BYTES)
        return lane

    def _new_lane(self, stream: OutboundStream, overhead: int) -> Lane:
        return Lane(stream, self._channel, self._policy, self._retry, overhead, self._wake.set)


def _make_idempotent(messages: OutboundMessage | tuple[OutboundMessage, ...]) -> None:
    """Ids by which the channel knows a message that is published again because its acknowledgement was lost."""
    base = uuid.uuid4().hex
    for index, message in enumerate(messages if isinstance(messages, tuple) else (messages,)):
        message.id = f"{base}:{index}"


def _size(message: OutboundMessage) -> int:
    try:
        return message_size(message)
    except (TypeError, ValueError):
        return _GROUP_BYTES + 1  # what cannot be carried goes alone, so that the channel refuses nothing else
