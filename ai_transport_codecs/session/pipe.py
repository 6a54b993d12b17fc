"""One source piped into a run: translate, encode, write, and leave no stream open (session spec 4.6)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ai_transport_codecs.codec.contract import Codec, Encoder, EncoderOptions, MessageHook
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import Headers

from .cancel import CancelToken
from .outbox import Outbox
from .publishing import to_the_end
from .source import Source, discard, iterate
from .step_bracket import StepBracket

Write: TypeAlias = Callable[[Any], Awaitable[None]]
OnCancelled: TypeAlias = Callable[[Write], Awaitable[None]]

_log = logging.getLogger("ai_transport_codecs.session")

_PATIENCE: Final = (2.0, 3.0, 5.0)
"""Seconds a cancelled source gets to close itself each time, before it is asked again, and in the end left behind."""

_ITEMS_PER_TURN: Final = 32


@dataclass(frozen=True, slots=True)
class PipeResult:
    """How a pipe ended: ``complete``, ``cancelled``, or ``error`` with the exception of source or channel."""

    reason: Literal["complete", "cancelled", "error"]
    error: BaseException | None = None


class Pipe:
    """Writes what one source streams as output of one step.

    Each message of the source gets a ``codec-message-id`` and an encoder of its own; all share one outbox, so their
    order is kept. ``headers`` are what every message carries besides. ``on_cancelled`` may write last words, when the
    token cancels the pipe and before open streams are closed; what it raises goes to ``on_fault``.
    """

    def __init__(
        self,
        codec: Codec[Any, Any, Any, Any],
        outbox: Outbox,
        step: StepBracket,
        headers: Headers,
        *,
        hook: MessageHook | None = None,
        on_cancelled: OnCancelled | None = None,
        on_fault: Callable[[Exception], None] | None = None,
        mint_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._codec = codec
        self._outbox = outbox
        self._step = step
        self._headers = headers
        self._hook = hook
        self._on_cancelled = on_cancelled
        self._on_fault = on_fault
        self._mint_id = mint_id
        self._encoders: dict[str, Encoder] = {}
        self._newest = ""
        self._is_abandoned = False
        self._translator = codec.create_translator()

    async def run(self, source: Source, token: CancelToken) -> PipeResult:
        """Write until the source ends, raises, or is cancelled. Never raises for any of these.

        Cancelling the task that awaits this does as the token does, and then goes on as a cancellation.
        """
        if token.is_cancelled:
            await discard(source)
            return await to_the_end(self._finish_cancelled(token))
        work = asyncio.create_task(self._drain(source), name="ai-transport-pipe")
        cancelled = asyncio.create_task(token.wait())
        try:
            await asyncio.wait({work, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await to_the_end(self._abandon(work, token))
            raise
        finally:
            cancelled.cancel()
        if not work.done():
            return await to_the_end(self._abandon(work, token))
        if work.cancelled():
            return await to_the_end(self._finish_cancelled(token))
        error = work.exception()
        return await to_the_end(self._close("complete" if error is None else "error", error))

    async def write_once(self, item: Any) -> None:
        """Write one item, complete by itself, as a message of its own. Raises what the codec or the channel does."""
        try:
            await self._write_item(item)
            await self._write(self._translator.finish())
        finally:
            result = await to_the_end(self._close("complete", None))
        if result.error is not None:
            raise result.error

    async def _drain(self, source: Source) -> None:
        async with contextlib.aclosing(iterate(source)) as items:
            count = 0
            async for item in items:
                if self._is_abandoned:
                    # The source swallowed the cancellation: asyncio.wait_for does, before Python 3.12, when a result
                    # comes at the same moment. Leaving the loop closes it.
                    raise asyncio.CancelledError
                if not self._step.is_open:
                    await self._step.open()
                await self._write(self._translator.translate(item))
                count += 1
                if count % _ITEMS_PER_TURN == 0:
                    await asyncio.sleep(0)  # a source that never waits must not keep what it says from the channel
        await self._write(self._translator.finish())
        await self._outbox.flush()

    async def _write(self, events: Iterable[Any]) -> None:
        for event in events:
            self._newest = self._translator.message_key(event)
            await self._outbox.send(self._encoder(self._newest).encode_output(event))
        if self._outbox.error is not None:
            raise self._outbox.error

    async def _write_item(self, output: Any) -> None:
        """Write an output event of the codec to the newest message, or what an item of the framework translates to."""
        if isinstance(output, Mapping) and isinstance(output.get("type"), str):
            await self._outbox.send(self._encoder(self._newest).encode_output(output))
        else:
            await self._write(self._translator.translate(output))

    def _encoder(self, key: str) -> Encoder:
        encoder = self._encoders.get(key)
        if encoder is None:
            message_id = self._mint_id()
            headers = self._headers | self._step.output_headers | {h.MESSAGE_ID: message_id}
            encoder = self._codec.create_encoder(EncoderOptions(headers, self._hook, message_id))
            self._encoders[key] = encoder
        return encoder

    async def _abandon(self, work: asyncio.Task[None], token: CancelToken) -> PipeResult:
        """Cancel the source and wait until it is closed; asked again when it goes on as if nothing had happened."""
        self._is_abandoned = True
        for patience in _PATIENCE:
            work.cancel()
            done, _ = await asyncio.wait({work}, timeout=patience)
            if done:
                break
        else:
            _log.warning("a cancelled source did not close within %s s; it is left behind", sum(_PATIENCE))
        work.add_done_callback(_note_late_failure)
        return await self._finish_cancelled(token)

    async def _finish_cancelled(self, token: CancelToken) -> PipeResult:
        if token.is_cancelled and self._on_cancelled is not None:
            try:
                await self._on_cancelled(self._write_item)
            except Exception as error:
                if self._on_fault is not None:
                    self._on_fault(error)
        return await self._close("cancelled", None)

    async def _close(
        self, reason: Literal["complete", "cancelled", "error"], error: BaseException | None
    ) -> PipeResult:
        """Give every stream that is still open its terminal; after a complete source there should be none.

        Where the reference leaves the streams of a source that raised ``streaming`` on the wire for ever, ours are
        closed as cancelled (design D4).
        """
        for encoder in self._encoders.values():
            self._outbox.post(encoder.cancel_streams())
            encoder.close()
        try:
            await self._outbox.flush()
        except Exception as failure:
            if reason == "complete":
                return PipeResult("error", failure)
            if failure is not error:
                _log.warning("closing the streams of a pipe that ended as %s failed: %s", reason, failure)
        return PipeResult(reason, error)


def _note_late_failure(work: asyncio.Task[None]) -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        _log.info("a cancelled source raised while closing: %r", error)
