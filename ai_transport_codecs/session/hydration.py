"""Looking for an input in a bounded part of history (session spec 4.3, 7.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ai_transport_codecs.errors import InputEventNotFoundError

from .run import Run

MAX_PAGES: Final = 20
WAIT: Final = 5.0


async def page_until_located(
    run: Run[Any], *, max_pages: int = MAX_PAGES, wait: float = WAIT, on_page: Callable[[], None] | None = None
) -> None:
    """Fetch history until the input that ``run`` answers was seen: at most ``max_pages`` pages of the session's size.

    Then waits ``wait`` seconds more for it to arrive live. ``on_page()`` is called after each page, for heartbeats.
    ``run.start()`` looks without bounds; this is for agents that must give up in time. Raises InputEventNotFoundError
    (104010, status 504: worth another try), HistoryFetchError (104011), and what ``run.located`` raises.
    """
    await run.ready("page until located")
    pages = 0

    def stop() -> bool:
        nonlocal pages
        if pages and on_page is not None:
            on_page()
        pages += 1
        return run.located.is_settled or pages > max_pages

    await run.session.hydrator.fold_until(stop)
    try:
        async with asyncio.timeout(wait):
            await run.located
    except TimeoutError:
        raise InputEventNotFoundError(
            f"unable to locate the input {run.input_event_id!r} of run {run.run_id!r}; it is neither in the history"
            f" that was fetched nor did it arrive within {wait} s. Try again, or raise max_pages"
        ) from None
