"""A stage for stories about the agent app: the app, its channel, and a browser's requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ai_transport_codecs.adapters.asgi import AgentApp, agent_app
from ai_transport_codecs.session.handle import ClientRun
from tests.session.stage import CHANNEL, Stage, words
from tests.session.toy_codec import TOY

KEY = "app.key:a-secret-that-nobody-but-the-server-may-ever-see"


def everybody(request: Any, session_name: str, client_id: str | None) -> bool:
    return session_name == CHANNEL


async def speak(run: Any) -> None:
    await run.view.load()
    asked = run.view.get_messages()[-1].message
    await run.pipe(words("to ", asked))


class Web:
    """A browser at the app."""

    def __init__(self, app: Any, stage: Stage, *, base: str = "") -> None:
        self.stage = stage
        self._base = base
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://agent")

    async def chat(self, turn: ClientRun[str] | None = None, **fields: Any) -> httpx.Response:
        body = ({} if turn is None else turn.to_invocation().to_json()) | fields
        return await self.http.post(f"{self._base}/chat", json=body)

    async def token(self, **params: Any) -> httpx.Response:
        return await self.http.get(f"{self._base}/token", params=params)


def app_on(stage: Stage, handler: Any = speak, **options: Any) -> AgentApp:
    """An agent app on the stage's hub; errors go to the stage."""
    settings: dict[str, Any] = {"allow": everybody, "token_key": KEY, "grace": 0, "wait": 5}
    settings |= {"on_error": stage.errors.append} | options
    client = settings.pop("client", None) or stage.hub.client("agent")
    return agent_app(client, handler, codec=TOY, **settings)


@asynccontextmanager
async def serving(stage: Stage, handler: Any = speak, **options: Any) -> AsyncIterator[Web]:
    """A browser at an app that is up."""
    app = app_on(stage, handler, **options)
    web = Web(app, stage)
    async with web.http, app.lifespan():
        yield web


def error_of(response: httpx.Response) -> tuple[int, int, str]:
    """Status, code and text of an answer that is an error."""
    error = response.json()["error"]
    assert set(error) == {"code", "statusCode", "message"}
    assert error["statusCode"] == response.status_code
    return response.status_code, error["code"], error["message"]
