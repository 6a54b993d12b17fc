"""A framework's stream as UI message chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Self

from ai_transport_codecs.session.source import Source, discard, iterate

from .frameworks import check_framework
from .translator import UiTranslator
from .writer import Chunk


def ui_chunks(source: Source, framework: str, *, dynamic: bool = False) -> UiChunks:
    """The chunks of one UI message that says what ``source`` streams.

    ::

        await run.pipe(ui_chunks(chain.astream(messages), "langchain"))  # in a session with codec="vercel"

    ``source`` is whatever the framework streams: anything that can be piped into a run (an asynchronous or ordinary
    iterable, an SDK's stream, a coroutine that gives one). It is closed when the chunks are closed or exhausted. When
    it raises, an ``error`` chunk comes first, and then what it raised.

    ``framework`` and ``dynamic`` are as for :class:`UiTranslator`. Raises InvalidArgumentError for a framework without
    a bridge.
    """
    check_framework(framework)
    return UiChunks(source, framework, dynamic=dynamic)


class UiChunks(AsyncIterator[Chunk]):
    """The chunks of one source; see :func:`ui_chunks`. A source that nobody began to read is closed too."""

    def __init__(self, source: Source, framework: str, *, dynamic: bool) -> None:
        self._source = source
        self._framework = framework
        self._dynamic = dynamic
        self._chunks: AsyncGenerator[Chunk, None] | None = None
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        if self._is_closed:
            raise StopAsyncIteration
        if self._chunks is None:
            self._chunks = self._told()
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """Close the source. The chunks end here."""
        was_closed, self._is_closed = self._is_closed, True
        if self._chunks is not None:
            await self._chunks.aclose()
        elif not was_closed:
            await discard(self._source)

    async def _told(self) -> AsyncGenerator[Chunk, None]:
        async with aclosing(iterate(self._source)) as items:
            translator = UiTranslator(self._framework, dynamic=self._dynamic)
            try:
                async for item in items:
                    for chunk in translator.translate(item):
                        yield chunk
                for chunk in translator.finish():
                    yield chunk
            except Exception as error:
                for chunk in translator.fail(error):
                    yield chunk
                raise
