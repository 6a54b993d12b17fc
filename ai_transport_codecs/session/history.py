"""Reading a channel's past into a tree, page by page (session spec 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ai_transport_codecs.channels.protocol import Channel, HistoryPage
from ai_transport_codecs.errors import AITransportError, HistoryFetchError
from ai_transport_codecs.wire.messages import InboundMessage

from .tree import Tree

PAGE_SIZE: Final = 100
"""Channel messages per page, unless the session says otherwise."""

_RETRY_DELAYS: Final = (0.1, 0.2, 0.4)


class Hydrator:
    """Folds history up to this attachment into ``tree``, newest page first, each page oldest message first.

    Calls queue behind each other; a failed fetch leaves the cursor where it was.
    """

    def __init__(self, channel: Channel, tree: Tree[Any], *, page_size: int = PAGE_SIZE) -> None:
        self._channel = channel
        self._tree = tree
        self._page_size = page_size
        self._page: HistoryPage | None = None
        self._turn = asyncio.Lock()
        self.is_exhausted = False

    async def fold_until(
        self, stop: Callable[[], bool], *, on_message: Callable[[InboundMessage], None] | None = None
    ) -> None:
        """Fold pages until ``stop()``, asked before each, or until there are none.

        Raises HistoryFetchError (104011) when a page cannot be fetched after three retries.
        """
        async with self._turn:
            while not self.is_exhausted and not stop():
                page = await self._fetch()
                if page is None:
                    self.is_exhausted = True
                    return
                self._page = page
                for message in reversed(page.items):
                    self._tree.apply(message, live=False)
                    if on_message is not None:
                        on_message(message)
                self.is_exhausted = not page.has_next

    def restart(self) -> None:
        """Begin again at the newest page: the channel was attached anew, and something may have been missed."""
        self._page = None
        self.is_exhausted = False

    async def _fetch(self) -> HistoryPage | None:
        page = self._page
        if page is None:
            return await self._retrying(lambda: self._channel.history(limit=self._page_size, until_attach=True))
        return await self._retrying(page.next)

    async def _retrying(self, fetch: Callable[[], Awaitable[HistoryPage | None]]) -> HistoryPage | None:
        for delay in (*_RETRY_DELAYS, None):
            try:
                return await fetch()
            except Exception as error:
                if delay is None:
                    raise _fetch_error(error) from error
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")


def _fetch_error(cause: Exception) -> AITransportError:
    message = f"unable to fetch channel history; {cause}. Try again, and check the client's history capability"
    if isinstance(cause, AITransportError):
        return HistoryFetchError(message, code=cause.code, status_code=cause.status_code, cause=cause)
    return HistoryFetchError(message, cause=cause)
