"""A lane: the appends of one stream, in order, and their repair."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, Protocol

from ai_transport_codecs.channels.protocol import Ticket, budget_of
from ai_transport_codecs.codec.operations import Close, OutboundStream
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation

from .coalesce import CoalescePolicy, split_text
from .retry import RetryPolicy, is_too_fast

_log = logging.getLogger("ai_transport_codecs.session")

MAX_PIPELINED: Final = 8
"""Appends of one stream that may be unacknowledged once the policy's bounds let more than its usual number out."""

_FIRST_PENALTY: Final = 0.1
_LONGEST_PENALTY: Final = 5.0
"""Seconds by which appends of a stream are set apart, after the channel said that they come too fast."""


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
    ``on_change`` is called whenever an acknowledgement, a repair or the connection's budget lets more happen.

    Where the channel has a budget, each append waits for its turn in it, and what arrives meanwhile is merged: the more
    streams share the budget, the wider their windows. A stream stands in line once, its first append in front.
    """

    __slots__ = (
        "_budget", "_channel", "_last_sent", "_on_change", "_penalty", "_policy", "_retry", "_tasks", "_text_bytes",
        "_ticket", "_waiting_since", "broken", "in_flight", "lost", "stream",
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
        self._budget = budget_of(channel)
        self._ticket: Ticket | None = None
        self._penalty = 0.0
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
        """Seconds until ``waiting`` characters may be sent; None while only a call of ``on_change`` can let them."""
        wait = self._policy_wait(waiting, now)
        return wait if wait is None or wait > 0 or self._has_turn() else None

    def _policy_wait(self, waiting: int, now: float) -> float | None:
        policy = self._policy
        if self.broken is not None:
            return None
        since_last, window = now - self._last_sent, max(policy.window, self._penalty)
        if since_last < window:
            return window - since_last
        if self.in_flight < policy.max_in_flight:
            return 0
        if self.in_flight >= MAX_PIPELINED:
            return None
        if waiting >= policy.max_bytes:
            return 0
        if self._waiting_since is None:
            self._waiting_since = now
        return max(0.0, self._waiting_since + policy.max_wait - now)

    def _has_turn(self) -> bool:
        """Whether the budget grants an append; asks for it, if that has not been done."""
        if self._budget is None:
            return True
        if self._ticket is None:
            self._ticket = self._budget.request(self._on_change, is_urgent=self._last_sent == float("-inf"))
        return self._ticket.is_granted

    def send(self, text: str, now: float) -> str:
        """Append ``text``, without waiting, in as many appends as its size needs; what is left for the next turn."""
        self._waiting_since = None
        if not text and self._policy.merge:
            return ""  # an empty append says nothing; only one append per delta keeps it
        self._last_sent = now
        if self.lost is not None:
            # Readers miss something, so an append would leave a hole: state everything instead.
            self.stream.text.append(text)
            self.broken = self.lost
            self._spawn(self._repair())
            return ""
        pieces = list(split_text(text, self._text_bytes))
        sent = pieces if self._budget is None else pieces[:1]
        self._ticket = None
        for piece in sent:
            self.in_flight += 1
            self._spawn(self._append(self.stream.append(piece)))
        return "".join(pieces[len(sent) :])

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
                    await self._pay(is_urgent=True)
                    await self._channel.append(mutation)
            except Exception as error:
                self._note(error)
                _log.info("closing stream %r failed (%s); it will be repaired", stream.stream_id, error)
                self.lost = error
        if self.lost is not None:
            await self._restate(stream.repair(operation.transport, operation.codec))

    async def _append(self, mutation: OutboundMutation) -> None:
        try:
            await self._channel.append(mutation)
            self._penalty = self._penalty / 2 if self._penalty > _FIRST_PENALTY else 0.0
        except Exception as error:
            self._note(error)
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
            await asyncio.sleep(self._penalty)
            await self._restate(self.stream.repair())
        finally:
            self.broken = None
            self._on_change()

    async def _restate(self, mutation: OutboundMutation) -> None:
        async def update() -> None:
            await self._pay(is_urgent=False)
            try:
                await self._channel.update(mutation)
            except Exception as error:
                self._note(error)
                raise

        try:
            await self._retry.run(update)
        except Exception as error:
            _log.warning("stream %r could not be repaired: %s", self.stream.stream_id, error)
        else:
            self.lost = None

    async def _pay(self, *, is_urgent: bool) -> None:
        """Wait for the budget, unless it has granted a turn already that is not used."""
        ticket, self._ticket = self._ticket, None
        if self._budget is None or (ticket is not None and ticket.is_granted):
            return
        if ticket is not None:
            ticket.cancel()
        await self._budget.take(is_urgent=is_urgent)

    def _note(self, error: BaseException) -> None:
        """Slow down when the channel says so."""
        if is_too_fast(error):
            self._penalty = min(_LONGEST_PENALTY, max(_FIRST_PENALTY, 2 * self._penalty))
            if self._budget is not None:
                self._budget.refused()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop holds tasks weakly
        task.add_done_callback(self._tasks.discard)
