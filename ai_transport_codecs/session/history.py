"""Reading a channel's past into a tree, page by page (session spec 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from ai_transport_codecs.channels.protocol import Channel, HistoryPage
from ai_transport_codecs.errors import AITransportError, HistoryFetchError
from ai_transport_codecs.wire.messages import InboundMessage

from .events import Signal
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
        self.is_folding = False
        """Whether a page is being folded right now: what the tree tells meanwhile is old news."""
        self.is_loading_older = False
        """Whether somebody is loading older history (see ``older`` of :meth:`fold_until`)."""
        self.folded: Signal[None] = Signal()
        """Emitted once at the end of each call that folded anything."""

    @property
    def has_next(self) -> bool:
        """Whether there may be older messages; true before the first page was fetched."""
        return not self.is_exhausted

    async def fold_until(
        self,
        stop: Callable[[], bool],
        *,
        on_message: Callable[[InboundMessage], None] | None = None,
        older: bool = False,
    ) -> None:
        """Fold pages until ``stop()``, asked before each, or until there are none.

        ``older`` says that a view asked for them: other views do not show them on their own account.
        Raises HistoryFetchError (104011) when a page cannot be fetched after three retries.
        """
        async with self._turn:
            count = 0
            self.is_loading_older = older
            try:
                while not self.is_exhausted and not stop():
                    page = await self._fetch()
                    count += 1
                    if page is None:
                        self.is_exhausted = True
                        break
                    self._page = page
                    self._fold(reversed(page.items), lambda _: older, on_message)
                    self.is_exhausted = not page.has_next
            finally:
                if count:
                    self.folded.emit(None)
                self.is_loading_older = False

    async def fold_since(self, since: str, newest: str) -> None:
        """Fold what was published, or may have changed, since a message: all pages down to it, oldest page first.

        ``newest`` is the serial of the newest message seen before the gap. The cursor of :meth:`fold_until` stays where
        it is. Raises HistoryFetchError (104011), having folded nothing.
        """
        async with self._turn:
            pages: list[list[InboundMessage]] = []
            page: HistoryPage | None = await self._first_page()
            while page is not None:
                pages.append(list(page.items))
                if not page.has_next or _reaches(page.items, since):
                    break
                page = await self._retrying(page.next)
            for items in reversed(pages):
                self._fold(reversed(items), lambda message: not _is_after(message, newest))
            self.folded.emit(None)

    def restart(self) -> None:
        """Begin again at the newest page: the channel was attached anew, and something may have been missed."""
        self._page = None
        self.is_exhausted = False

    def _fold(
        self,
        messages: Iterable[InboundMessage],
        is_older: Callable[[InboundMessage], bool],
        on_message: Callable[[InboundMessage], None] | None = None,
    ) -> None:
        self.is_folding = True
        try:
            for message in messages:
                self._tree.mark_older(older=is_older(message))
                self._tree.apply(message, live=False)
                if on_message is not None:
                    on_message(message)
        finally:
            self.is_folding = False
            self._tree.mark_older(older=False)

    async def _fetch(self) -> HistoryPage | None:
        page = self._page
        return await (self._first_page() if page is None else self._retrying(page.next))

    async def _first_page(self) -> HistoryPage | None:
        return await self._retrying(lambda: self._channel.history(limit=self._page_size, until_attach=True))

    async def _retrying(self, fetch: Callable[[], Awaitable[HistoryPage | None]]) -> HistoryPage | None:
        for delay in (*_RETRY_DELAYS, None):
            try:
                return await fetch()
            except Exception as error:
                if delay is None:
                    raise _fetch_error(error) from error
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")


def _reaches(messages: Iterable[InboundMessage], serial: str) -> bool:
    return any(isinstance(message.serial, str) and message.serial <= serial for message in messages)


def _is_after(message: InboundMessage, serial: str) -> bool:
    return isinstance(message.serial, str) and message.serial > serial


def _fetch_error(cause: Exception) -> AITransportError:
    message = f"unable to fetch channel history; {cause}. Try again, and check the client's history capability"
    if isinstance(cause, AITransportError):
        return HistoryFetchError(message, code=cause.code, status_code=cause.status_code, cause=cause)
    return HistoryFetchError(message, cause=cause)
