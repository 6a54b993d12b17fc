"""What a handler may pipe: anything that yields a framework's items, awaited, asynchronous or not."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from ai_transport_codecs.errors import InvalidArgumentError

Source: TypeAlias = AsyncIterable[Any] | Iterable[Any] | Awaitable[AsyncIterable[Any] | Iterable[Any]]

_END: Final = object()


async def iterate(source: Source) -> AsyncGenerator[Any, None]:
    """The items of ``source``, which is closed in the end, however that comes about.

    Closing is what stops a provider: an async generator's ``finally`` runs, and with it the HTTP response closes. An
    iterator that is not asynchronous is advanced in a thread, since it may block. Raises InvalidArgumentError for what
    cannot be iterated.
    """
    items = await source if inspect.isawaitable(source) else source
    if isinstance(items, AsyncIterable):
        iterator = aiter(items)
        try:
            async for item in iterator:
                yield item
        finally:
            await _close(iterator, items)
    elif isinstance(items, list | tuple):
        for item in items:
            yield item
    elif isinstance(items, Iterable) and not isinstance(items, str | bytes | dict):
        async for item in _in_thread(iter(items)):
            yield item
    else:
        raise InvalidArgumentError(
            f"unable to pipe a {type(items).__name__}; pass what streams, such as chain.astream(...), not its result"
        )


async def discard(source: Source) -> None:
    """Close a source that nobody will iterate."""
    if inspect.iscoroutine(source):
        source.close()
    else:
        await _close(source)


async def _in_thread(iterator: Iterator[Any]) -> AsyncIterator[Any]:
    try:
        while (item := await asyncio.to_thread(next, iterator, _END)) is not _END:
            yield item
    finally:
        close = getattr(iterator, "close", None)
        if callable(close):
            await asyncio.to_thread(close)


async def _close(*candidates: object) -> None:
    """Close the first of ``candidates`` that knows how to, as a generator, a stream or an HTTP response does."""
    for candidate in candidates:
        for name in ("aclose", "close"):
            close = getattr(candidate, name, None)
            if callable(close):
                closing = close()
                if inspect.isawaitable(closing):
                    await closing
                return
