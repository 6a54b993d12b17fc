"""Writing within what the connection may publish per second, where its channel says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ai_transport_codecs.channels.protocol import Budget

from .retry import is_too_fast

ResultT = TypeVar("ResultT")


async def within(
    budget: Budget | None, work: Callable[[], Awaitable[ResultT]], *, cost: int = 1, is_urgent: bool = True
) -> ResultT:
    """The result of ``work``, a write of ``cost`` messages, once the budget grants it; it is told of a 42911."""
    if budget is None:
        return await work()
    await budget.take(cost, is_urgent=is_urgent)
    try:
        return await work()
    except Exception as error:
        if is_too_fast(error):
            budget.refused()
        raise
