"""An agent that streams UI message chunks already, as a turn handler: ``await session.serve(ui_turn(answer))``."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.codec.sse import EventReader
from ai_transport_codecs.errors import InvalidArgumentError, OperationCancelledError, StreamError

from .messages import UIMessage
from .plain import plain_of
from .translator import event_reader

Chunks: TypeAlias = AsyncIterable[Any] | Iterable[Any]
Answer: TypeAlias = Callable[[list[UIMessage]], Chunks | Awaitable[Chunks]]

_NONE: Final = object()


@runtime_checkable
class Suspendable(Protocol):
    """A run that can wait for a client, to be resumed by what it says."""

    def suspend(self) -> Awaitable[Any]: ...


@runtime_checkable
class Endable(Protocol):
    """A run that can be ended for a reason of the handler's."""

    def end(self, reason: Any) -> Awaitable[Any]: ...


def ui_turn(answer: Answer) -> TurnHandler:
    """A handler that answers with the chunks that ``answer(messages)`` streams.

    ``messages`` is the conversation as UI messages, oldest first and ending with what the user said. ``answer`` gives,
    or is awaited for, what streams: an (asynchronous) iterable of chunks as dictionaries or objects with
    ``model_dump``, or of the lines or pieces of a UI message stream.

    How the stream ends is how the run ends: a ``finish`` for tool calls, which nobody here runs, suspends it; an
    ``abort`` ends it as cancelled; an ``error`` is raised as StreamError, with which a session ends it.
    """

    async def handle(run: TurnRun) -> None:
        await run.view.load()
        source = answer([entry.message for entry in run.view.get_messages()])
        watch = ChunkWatch()
        result = await run.pipe(watch.chunks(await source if inspect.isawaitable(source) else source))
        if result.reason != "complete":
            return  # the session knows: it ends the run as the pipe ended
        try:
            reason = watch.finish_reason()
        except OperationCancelledError:
            if not isinstance(run, Endable):
                raise
            await run.end("cancelled")
            return
        if reason == "tool-calls" and isinstance(run, Suspendable):
            await run.suspend()

    return handle


class ChunkWatch:
    """Looks at the chunks of one source on their way into a pipe, for why they end.

    ``result = await run.pipe(watch.chunks(source))``, then ``watch.finish_reason()``.
    """

    def __init__(self) -> None:
        self._reader: EventReader = event_reader()
        self._finish_reason: str | None = None
        self._error: str | None = None
        self._abort: str | None = None

    def chunks(self, source: Chunks) -> Chunks:
        """The chunks of ``source``, which is closed with them; lines of a UI message stream are read.

        Raises InvalidArgumentError for what cannot be iterated, or is a whole and no stream.
        """
        if isinstance(source, AsyncIterable):
            return _WatchedStream(source, self)
        if isinstance(source, Iterable) and not isinstance(source, str | bytes | dict):
            return _WatchedSteps(source, self)
        raise InvalidArgumentError(
            f"unable to answer with a {type(source).__name__}; give what streams: an iterable of UI message chunks, or"
            " of the lines of a UI message stream"
        )

    def finish_reason(self) -> str | None:
        """Why the model stopped, as the last ``finish`` has it; None without one.

        Raises StreamError for a stream with an ``error``, OperationCancelledError for one with an ``abort``.
        """
        if self._error is not None:
            raise StreamError(f"the agent's stream said: {self._error}")
        if self._abort is not None:
            raise OperationCancelledError(f"the agent's stream was aborted{self._abort and f': {self._abort}'}")
        return self._finish_reason

    def look(self, item: Any) -> Iterator[Any]:
        """The chunks that are whole with one item of the source."""
        if isinstance(item, str | bytes | bytearray):
            for chunk in self._reader.feed(item):
                yield self._noted(chunk)
        else:
            yield self._noted(plain_of(item))

    def rest(self) -> Iterator[Any]:
        """The chunks that are whole only because the source is exhausted."""
        for chunk in self._reader.finish():
            yield self._noted(chunk)

    def _noted(self, chunk: Any) -> Any:
        type_ = chunk.get("type") if isinstance(chunk, dict) else None
        if type_ == "start":
            self._finish_reason = self._error = self._abort = None
        elif type_ == "finish":
            reason = chunk.get("finishReason")
            self._finish_reason = reason if isinstance(reason, str) else None
        elif type_ == "error":
            self._error = str(chunk.get("errorText", ""))
        elif type_ == "abort":
            self._abort = str(chunk.get("reason") or "")
        return chunk


class _Watched:
    """The chunks of one item after the other. A class, not a generator, so that a source never begun is closed too."""

    def __init__(self, watch: ChunkWatch) -> None:
        self._watch = watch
        self._ready: Iterator[Any] = iter(())
        self._is_exhausted = False

    def _try_next(self) -> Any:
        return next(self._ready, _NONE)

    def _take(self, item: Any) -> None:
        self._ready = self._watch.look(item)

    def _take_rest(self) -> bool:
        """Whether there may be more although the source is exhausted."""
        if self._is_exhausted:
            return False
        self._is_exhausted = True
        self._ready = self._watch.rest()
        return True


class _WatchedSteps(_Watched, Iterator[Any]):
    def __init__(self, source: Iterable[Any], watch: ChunkWatch) -> None:
        super().__init__(watch)
        self._iterator = iter(source)

    def __next__(self) -> Any:
        while (chunk := self._try_next()) is _NONE:
            item = next(self._iterator, _NONE)
            if item is not _NONE:
                self._take(item)
            elif not self._take_rest():
                raise StopIteration
        return chunk

    def close(self) -> None:
        close = getattr(self._iterator, "close", None)
        if callable(close):
            close()


class _WatchedStream(_Watched, AsyncIterator[Any]):
    def __init__(self, source: AsyncIterable[Any], watch: ChunkWatch) -> None:
        super().__init__(watch)
        self._source = source
        self._iterator = aiter(source)

    async def __anext__(self) -> Any:
        while (chunk := self._try_next()) is _NONE:
            item = await anext(self._iterator, _NONE)
            if item is not _NONE:
                self._take(item)
            elif not self._take_rest():
                raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        for candidate in (self._iterator, self._source):
            close = getattr(candidate, "aclose", None) or getattr(candidate, "close", None)
            if callable(close):
                closing = close()
                if inspect.isawaitable(closing):
                    await closing
                return
