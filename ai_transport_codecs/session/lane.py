"""A lane: the appends of one stream, in order, and their repair."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, Protocol

from ai_transport_codecs.codec.operations import Close, OutboundStream
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation

from .coalesce import CoalescePolicy, split_text
from .retry import RetryPolicy

_log = logging.getLogger("ai_transport_codecs.session")

MAX_PIPELINED: Final = 8
"""Appends of one stream that may be unacknowledged once the policy's bounds let more than its usual number out."""


class Writer(Protocol):
    """The part of a channel that writing needs."""

    @property
    def max_message_size(self) -> int: ...
    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]: ...
    async def append(self, mutation: OutboundMutation) -> str | None: ...
    async def update(self, mutation: OutboundMutation) -> str | None: ...


class Lane:
    """How one stream's text reaches the channel.

    ``broken`` is the failure that is being repaired, ``lost`` one that could not be, until a later write heals it.
    ``on_change`` is called whenever an acknowledgement or a repair lets more happen.
    """

    __slots__ = (
        "_channel", "_last_sent", "_on_change", "_policy", "_retry", "_tasks", "_text_bytes", "_waiting_since",
        "broken", "in_flight", "lost", "stream",
    )  # fmt: skip

    def __init__(
        self,
        stream: OutboundStream,
        channel: Writer,
        policy: CoalescePolicy,
        retry: RetryPolicy,
        overhead: int,
        on_change: Callable[[], None],
    ) -> None:
        self.stream = stream
        self._channel = channel
        self._policy = policy
        self._retry = retry
        self._on_change = on_change
        self._text_bytes = max(1, min(policy.max_bytes, channel.max_message_size - overhead))
        self._last_sent = float("-inf")
        self._waiting_since: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.in_flight = 0
        self.broken: BaseException | None = None
        self.lost: BaseException | None = None

    @property
    def is_settled(self) -> bool:
        """Whether everything handed to the channel is acknowledged or repaired."""
        return not self.in_flight and self.broken is None

    def wait_for(self, waiting: int, now: float) -> float | None:
        """Seconds until ``waiting`` characters may be sent; None while only an acknowledgement can let them."""
        policy = self._policy
        if self.broken is not None:
            return None
        since_last = now - self._last_sent
        if since_last < policy.window:
            return policy.window - since_last
        if self.in_flight < policy.max_in_flight:
            return 0
        if self.in_flight >= MAX_PIPELINED:
            return None
        if waiting >= policy.max_bytes:
            return 0
        if self._waiting_since is None:
            self._waiting_since = now
        return max(0.0, self._waiting_since + policy.max_wait - now)

    def send(self, text: str, now: float) -> None:
        """Append ``text``, in as many appends as its size needs, without waiting for them."""
        self._waiting_since = None
        if not text and self._policy.merge:
            return  # an empty append says nothing; only one append per delta keeps it
        self._last_sent = now
        if self.lost is not None:
            # Readers miss something, so an append would leave a hole: state everything instead.
            self.stream.text.append(text)
            self.broken = self.lost
            self._spawn(self._repair())
            return
        for piece in split_text(text, self._text_bytes):
            self.in_flight += 1
            self._spawn(self._append(self.stream.append(piece)))

    async def close(self, operation: Close) -> None:
        """Append the last text and the terminal status, and wait for it; call when settled.

        On failure everything is restated at once, terminal included; if that fails too, ``lost`` says so.
        """
        stream = self.stream
        *heads, last = split_text(operation.data, self._text_bytes)
        mutations = [stream.append(piece) for piece in heads]
        mutations.append(stream.close(last, operation.transport, operation.codec))
        if self.lost is None:
            try:
                for mutation in mutations:
                    await self._channel.append(mutation)
            except Exception as error:
                _log.info("closing stream %r failed (%s); it will be repaired", stream.stream_id, error)
                self.lost = error
        if self.lost is not None:
            await self._restate(stream.repair(operation.transport, operation.codec))

    async def _append(self, mutation: OutboundMutation) -> None:
        try:
            await self._channel.append(mutation)
        except Exception as error:
            _log.info("an append to stream %r failed (%s); it will be repaired", self.stream.stream_id, error)
            if self.broken is None:
                self.broken = error
        finally:
            self.in_flight -= 1
            self._on_change()
        # Only when nothing of the stream is under way is it known what a repair has to state, and after what.
        if self.broken is not None and self.in_flight == 0:
            await self._repair()

    async def _repair(self) -> None:
        self.lost = self.broken
        try:
            await self._restate(self.stream.repair())
        finally:
            self.broken = None
            self._on_change()

    async def _restate(self, mutation: OutboundMutation) -> None:
        try:
            await self._retry.run(lambda: self._channel.update(mutation))
        except Exception as error:
            _log.warning("stream %r could not be repaired: %s", self.stream.stream_id, error)
        else:
            self.lost = None

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop holds tasks weakly
        task.add_done_callback(self._tasks.discard)
