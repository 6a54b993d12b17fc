"""Looking on a channel for what an invocation names, for a bounded time and without making a run of it.

A run that waits for its input takes over the cancels of the run that the input turns out to continue; before anybody
knows whether that run is under way here, there must be no such run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ai_transport_codecs.errors import InputEventNotFoundError
from ai_transport_codecs.session.agent import AgentSession
from ai_transport_codecs.session.answers import open_answers
from ai_transport_codecs.session.events import RunStatus
from ai_transport_codecs.session.nodes import RunNode
from ai_transport_codecs.wire.messages import InboundMessage


async def find_input(session: AgentSession[Any], event_id: str, wait: float) -> InboundMessage:
    """The input with that event id: among what is known, else in history, else as soon as it arrives.

    Raises InputEventNotFoundError (104010, status 504) after ``wait`` seconds, HistoryFetchError (104011).
    """
    await _until(session, lambda: session.tree.find_by_event_id(event_id) is not None, wait, reads=True)
    found = session.tree.find_by_event_id(event_id)
    if found is None:
        session.connection.check_open("find the input")
        raise InputEventNotFoundError(
            f"the input {event_id!r} is not on the channel {session.connection.channel.name!r}, and did not arrive"
            f" within {wait:g} s. Publish it before the invocation is posted; if it was, post it again"
        )
    return found


async def find_run(session: AgentSession[Any], run_id: str, wait: float) -> RunNode | None:
    """The run with that id, once it is known how it stands; None when it is not on the channel.

    One that is active, though not here, is given ``wait`` seconds: its process may be about to suspend it.
    """

    def started() -> RunNode | None:
        node = session.tree.run(run_id)
        return node if node is not None and node.is_started else None

    def is_settled() -> bool:
        node = started()
        return node is not None and node.status is not RunStatus.ACTIVE

    await _until(session, lambda: started() is not None, wait, reads=True)
    if started() is not None:
        await _until(session, is_settled, wait)
    return started()


def is_open_answer(run: RunNode, event_id: str) -> bool:
    """Whether the suspended run has yet to be resumed for that input."""
    return any(entry.envelope.event_id == event_id for entry in open_answers(run))


async def _until(session: AgentSession[Any], is_so: Callable[[], bool], wait: float, *, reads: bool = False) -> None:
    """Return when it is so, after ``wait`` seconds, or when the session closes; ``reads`` history meanwhile."""
    if is_so():
        return
    changed = asyncio.Event()
    endings = [session.tree.on("message", lambda _: changed.set()), session.connection.on_close(changed.set)]
    try:
        async with asyncio.timeout(wait):
            if reads:
                await session.hydrator.fold_until(is_so)
            while not is_so() and not session.connection.is_closed:
                changed.clear()
                await changed.wait()
    except TimeoutError:
        return
    finally:
        for ending in endings:
            ending()
