"""An event loop whose clock jumps to the next timer: minutes of pacing pass in no time, and always the same way."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class _JumpingSelector(selectors.SelectSelector):
    """Waits for nothing: where the loop would sleep, its clock goes on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits for something that no timer will bring")
        # Some time always passes, or who waits for less than a float can tell would wait for ever.
        self.now += max(timeout, 1e-9)
        return super().select(0)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_virtually(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """What ``work`` gives; its sleeps take no time. It may use no sockets and no threads."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(work)
