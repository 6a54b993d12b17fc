"""The outbox: the one place that waits for the channel. Ordered, coalescing, and repairing what failed.

Guarantees, for the operations of one outbox:

* text of one stream reaches the channel in order, and once; failed appends are repaired by one update that states the
  whole text so far with the stream going on, before anything more of that stream, so that live readers see a prefix
  update and miss nothing;
* a start, a close or a discrete message waits until all text before it is acknowledged or repaired, and text after it
  waits for it: nothing overtakes;
* text may be merged with text of the same stream between two such points, as the policy says.

Operations are independent: one that fails for good is reported by :meth:`Outbox.flush`, and the next ones are still
tried; only what belongs to a stream that never opened is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

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
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from ai_transport_codecs.wire.size import message_size

from .coalesce import ADAPTIVE, CoalescePolicy, split_text
from .retry import RetryPolicy

_log = logging.getLogger("ai_transport_codecs.session")

Barrier: TypeAlias = Publish | PublishBatch | Start | Close

HIGH_WATER: Final = 262_144
"""Characters that may wait unsent before :meth:`Outbox.send` makes its caller wait."""

MAX_PIPELINED: Final = 8
"""Appends of one stream that may be unacknowledged once the policy's bounds let more than its usual number out."""

_GROUP_BYTES: Final = 16_384


class Writer(Protocol):
    """The part of a channel that the outbox uses."""

    @property
    def max_message_size(self) -> int: ...
    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]: ...
    async def append(self, mutation: OutboundMutation) -> str | None: ...
    async def update(self, mutation: OutboundMutation) -> str | None: ...


class _Lane:
    """The appends of one stream: how many are unacknowledged, and whether the stream needs repair.

    ``broken`` is the failure that is being repaired; ``lost`` the one that could not be, until a later write heals it.
    """

    __slots__ = ("broken", "in_flight", "last_sent", "lost", "stream", "text_bytes", "waiting_since")

    def __init__(self, stream: OutboundStream, text_bytes: int) -> None:
        self.stream = stream
        self.text_bytes = text_bytes
        self.in_flight = 0
        self.last_sent = float("-inf")
        self.waiting_since: float | None = None
        self.broken: BaseException | None = None
        self.lost: BaseException | None = None


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
        self._segments: deque[_Segment] = deque([_Segment()])
        self._lanes: dict[OutboundStream, _Lane] = {}
        self._backlog = 0
        self._errors: list[BaseException] = []
        self._lost: dict[OutboundStream, BaseException] = {}
        self._pump: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def error(self) -> BaseException | None:
        """The first failure not yet raised by :meth:`flush`."""
        return self._errors[0] if self._errors else next(iter(self._lost.values()), None)

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
        """Queue operations; waits only while more than :data:`HIGH_WATER` characters are unsent."""
        self.post(operations)
        while self._backlog > HIGH_WATER and self._pump is not None:
            await self._wait_for_progress()

    async def flush(self) -> None:
        """Wait until everything queued is acknowledged or repaired; raises the first failure since the last flush.

        Raises EncoderRecoveryError (104000) when streams could not be repaired, else the failed operation's own error.
        """
        while self._pump is not None:
            await self._wait_for_progress()
        errors, self._errors = self._errors, []
        lost, self._lost = self._lost, {}
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
        parts = segment.texts.get(stream)
        if parts is None or not self._policy.merge:
            if segment.texts and not self._policy.merge:
                segment = _Segment()
                self._segments.append(segment)
            parts = segment.texts[stream] = []
        parts.append(data)
        self._backlog += len(data)

    def _post_barrier(self, operation: Barrier) -> None:
        segment = self._segments[-1]
        if isinstance(operation, Close) and self._policy.merge:
            # The closing append can carry the text that still waits: one message less.
            parts = segment.texts.pop(operation.stream, None)
            if parts:
                operation = operation._replace(data="".join(parts) + operation.data)
        segment.barrier = operation
        self._segments.append(_Segment())

    async def _run(self) -> None:
        """Write until nothing is left, then end; :meth:`post` starts the next one."""
        try:
            while True:
                self._wake.clear()
                deadline = self._send_texts(self._segments[0])
                if await self._advance():
                    continue
                if self._is_idle():
                    return
                await self._sleep(deadline)
        except Exception as error:  # noqa: BLE001 - a defect here must reach whoever flushes, not the event loop
            self._errors.append(
                InternalError(f"the outbox failed: {error!r}; this is a defect, report it", cause=error)
            )
            self._segments = deque([_Segment()])
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
        if any(lane.in_flight or lane.broken for lane in self._lanes.values()):
            return False
        await self._perform(segment.barrier)
        return True

    def _is_idle(self) -> bool:
        head = self._segments[0]
        return (
            len(self._segments) == 1
            and not head.texts
            and not any(lane.in_flight or lane.broken for lane in self._lanes.values())
        )

    async def _sleep(self, deadline: float | None) -> None:
        loop = asyncio.get_running_loop()
        timer = None if deadline is None else loop.call_at(deadline, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    # -- text ------------------------------------------------------------------------------------------------------

    def _send_texts(self, segment: _Segment) -> float | None:
        """Send the text whose turn it is; the loop time at which more will be due, if only time is missing."""
        now = asyncio.get_running_loop().time()
        due: float | None = None
        for stream, parts in list(segment.texts.items()):
            lane = self._lane(stream)
            if lane is None:
                self._backlog -= sum(map(len, parts))
                del segment.texts[stream]
                continue
            wait = self._wait_for(lane, parts, now)
            if wait == 0:
                del segment.texts[stream]
                self._send_text(lane, parts, now)
            elif wait is not None:
                due = now + wait if due is None else min(due, now + wait)
        return due

    def _wait_for(self, lane: _Lane, parts: list[str], now: float) -> float | None:
        """Seconds until the lane's text may go; None while only an acknowledgement can let it."""
        policy = self._policy
        if lane.broken is not None:
            return None
        since_last = now - lane.last_sent
        if since_last < policy.window:
            return policy.window - since_last
        if lane.in_flight < policy.max_in_flight:
            return 0
        if lane.in_flight >= MAX_PIPELINED:
            return None
        if sum(map(len, parts)) >= policy.max_bytes:
            return 0
        if lane.waiting_since is None:
            lane.waiting_since = now
        return max(0.0, lane.waiting_since + policy.max_wait - now)

    def _send_text(self, lane: _Lane, parts: list[str], now: float) -> None:
        text = "".join(parts)
        self._backlog -= len(text)
        lane.waiting_since = None
        if not text and self._policy.merge:
            return  # an empty append says nothing; only `immediate` keeps one message per delta
        lane.last_sent = now
        if lane.lost is not None:
            # Readers miss something, so an append would leave a hole: state everything instead.
            lane.stream.text.append(text)
            lane.broken = lane.lost
            self._spawn(self._repair(lane, lane.lost))
            return
        for piece in split_text(text, lane.text_bytes):
            lane.in_flight += 1
            self._spawn(self._append(lane, lane.stream.append(piece)))
        self._progress.set()

    async def _append(self, lane: _Lane, mutation: OutboundMutation) -> None:
        try:
            await self._channel.append(mutation)
        except Exception as error:
            _log.info("an append to stream %r failed (%s); it will be repaired", lane.stream.stream_id, error)
            if lane.broken is None:
                lane.broken = error
        finally:
            lane.in_flight -= 1
            self._wake.set()
        # Only when nothing of the stream is under way is it known what a repair has to state, and in which order.
        if lane.broken is not None and lane.in_flight == 0:
            await self._repair(lane, lane.broken)

    async def _repair(self, lane: _Lane, cause: BaseException) -> None:
        try:
            await self._retry.run(lambda: self._channel.update(lane.stream.repair()))
        except Exception as error:
            _log.warning("stream %r could not be repaired: %s", lane.stream.stream_id, error)
            lane.lost = cause
            self._lost.setdefault(lane.stream, cause)
        else:
            self._healed(lane)
        finally:
            lane.broken = None
            self._wake.set()

    def _healed(self, lane: _Lane) -> None:
        lane.lost = None
        self._lost.pop(lane.stream, None)

    # -- starts, closes and discrete messages -------------------------------------------------------------------------

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
            serials = await self._retry.run(lambda: self._channel.publish(messages))
        except Exception as error:  # noqa: BLE001 - reported by flush
            self._errors.append(error)
            serials = []
        for index, operation in enumerate(group):
            if isinstance(operation, Start):
                self._opened(operation, serials[index] if index < len(serials) else None)

    def _opened(self, operation: Start, serial: str | None) -> None:
        stream = operation.stream
        stream.serial = serial
        if serial:
            limit = self._channel.max_message_size - _size(operation.message) - 64
            self._lanes[stream] = _Lane(stream, max(1, min(self._policy.max_bytes, limit)))
            return
        stream.failed = True
        if not self._errors:
            self._errors.append(
                InternalError(
                    f"unable to start stream {stream.stream_id!r}; the channel acknowledged it without a serial"
                )
            )

    async def _close(self, operation: Close) -> None:
        lane = self._lane(operation.stream)
        if lane is None:
            return
        stream = operation.stream
        *heads, last = split_text(operation.data, lane.text_bytes)
        mutations = [stream.append(piece) for piece in heads]
        mutations.append(stream.close(last, operation.transport, operation.codec))
        cause = lane.lost
        if cause is None:
            try:
                for mutation in mutations:
                    await self._channel.append(mutation)
            except Exception as error:
                _log.info("closing stream %r failed (%s); it will be repaired", stream.stream_id, error)
                cause = error
        if cause is not None:
            stated = stream.repair(operation.transport, operation.codec)
            try:
                await self._retry.run(lambda: self._channel.update(stated))
            except Exception as error:
                _log.warning("stream %r could not be closed: %s", stream.stream_id, error)
                self._lost.setdefault(stream, cause)
            else:
                self._healed(lane)
        del self._lanes[stream]

    def _lane(self, stream: OutboundStream) -> _Lane | None:
        """The lane of an open stream; None for one that never opened, whose failure is already kept for flush."""
        lane = self._lanes.get(stream)
        if lane is None and stream.serial is not None:
            lane = self._lanes[stream] = _Lane(stream, self._policy.max_bytes)
        return lane

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop holds tasks weakly
        task.add_done_callback(self._tasks.discard)


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
