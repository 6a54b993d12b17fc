"""What the examples run on: Ably and a model with your keys, or else a local server and recordings."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from .conversation import ConversationProvider
from .options import RealProvider, real_provider
from .recording import weather

_RECORDED: Final = {"chat": "gpt-4o", "responses": "gpt-5.2"}
"""The models of the recordings, since frameworks look up what they know of a model."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An engine and a model. ``ably_url`` is the local server's, None for Ably itself; ``base_url`` is the model's.

    ``question`` is one that the recordings answer.
    """

    ably_key: str
    ably_url: str | None
    api_key: str
    base_url: str
    model: str
    question: str

    def page_config(self, session: str) -> dict[str, Any]:
        """What the page of ``examples/react-chat`` asks for first: where the engine and the agent are."""
        return {
            "endpoint": self.ably_url,
            "apiUrl": "/api/chat",
            "authUrl": "/api/token",
            "sessionName": session,
            "suggestions": [self.question],
        }


@asynccontextmanager
async def weather_scene(
    api: Literal["chat", "responses"] = "chat", environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Scene]:
    """With ABLY_API_KEY, Ably; with OPENAI_API_KEY (and OPENAI_BASE_URL, OPENAI_MODEL), that model.

    For what is not given: a local server, and :func:`~.recording.weather` as the answer to everything.
    """
    async with AsyncExitStack() as stack:
        key, url = environment.get("ABLY_API_KEY", "").strip(), None
        if not key:
            from ai_transport_codecs.server import LocalServer

            server = await stack.enter_async_context(LocalServer())
            key, url = str(server.keys[0]), server.url
        rounds = weather(api)
        real = real_provider(environment)
        if real is None:
            provider = await stack.enter_async_context(ConversationProvider(rounds, api=api))
            real = RealProvider("none", provider.base_url, _RECORDED[api])
        yield Scene(key, url, real.api_key, real.base_url, real.model, rounds[0].question)
