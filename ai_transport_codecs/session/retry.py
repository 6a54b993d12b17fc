"""Trying a failed write again: when it may help, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from ai_transport_codecs.errors import AITransportError

ResultT = TypeVar("ResultT")

_RATE_LIMIT_STATUS: Final = 429
_RATE_LIMIT_CODES: Final = range(42900, 43000)
_SERVER_ERROR_STATUS: Final = 500
_CONNECTION_CODES: Final = range(80000, 80100)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed write is tried: ``attempts`` in all, after ``first_delay`` s, doubling to ``max_delay``."""

    attempts: int = 12
    first_delay: float = 0.05
    max_delay: float = 2.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after that many failures (1 or more)."""
        return min(self.max_delay, self.first_delay * 2.0 ** min(failures - 1, 32))

    async def run(self, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """The result of ``work``, tried again while its failure may pass; else raises its last failure."""
        failures = 0
        while True:
            try:
                return await work()
            except Exception as error:
                failures += 1
                if failures >= self.attempts or not is_passing(error):
                    raise
                await asyncio.sleep(self.delay(failures))


NO_RETRY: Final = RetryPolicy(attempts=1)


def is_too_fast(error: BaseException) -> bool:
    """Whether the channel was published to faster than it allows."""
    return isinstance(error, AITransportError) and (
        error.status_code == _RATE_LIMIT_STATUS or error.code in _RATE_LIMIT_CODES
    )


def is_passing(error: BaseException) -> bool:
    """Whether trying again may help: rate limits, lost connections, failures of the server; not refusals."""
    if isinstance(error, AITransportError):
        return error.status_code >= _SERVER_ERROR_STATUS or is_too_fast(error) or error.code in _CONNECTION_CODES
    return isinstance(error, OSError | TimeoutError)
