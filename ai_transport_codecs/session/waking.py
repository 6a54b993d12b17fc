"""An agent that is woken for one invocation, as by an HTTP request, and leaves again (session spec 4.1)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, NamedTuple, TypeVar

from ai_transport_codecs.channels.protocol import ChannelProvider
from ai_transport_codecs.codec.contract import Codec

from .agent import AgentSession
from .invocation import Invocation

_log = logging.getLogger("ai_transport_codecs.session")

MessageT = TypeVar("MessageT")


class Woken(NamedTuple, Generic[MessageT]):
    """A connected session, and what it was woken for."""

    session: AgentSession[MessageT]
    invocation: Invocation


@asynccontextmanager
async def with_agent_session(
    client: ChannelProvider,
    invocation: Invocation | Mapping[str, Any],
    *,
    codec: str | Codec[Any, Any, Any, MessageT],
    **options: Any,
) -> AsyncIterator[Woken[MessageT]]:
    """A connected session on the channel that ``invocation`` names: ``async with ... as (session, invocation)``.

    ``invocation`` may be the untrusted JSON body that a client posted; ``options`` are those of
    :class:`~.agent.AgentSession`. Afterwards the session is always detached, never ended: a run that the body left open
    stays open, for another invocation to go on with. Raises InvalidArgumentError for a malformed invocation,
    SessionSubscriptionError (104001), and whatever the body raises.
    """
    parsed = invocation if isinstance(invocation, Invocation) else Invocation.parse(invocation)
    session: AgentSession[MessageT] = AgentSession(client, parsed.session_name, codec=codec, **options)
    try:
        await session.connect()
        yield Woken(session, parsed)
    finally:
        await session.detach()
