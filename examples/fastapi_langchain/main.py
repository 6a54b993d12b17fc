"""A LangChain chain behind FastAPI: devices say something on a channel, and wake it by HTTP."""  # noqa: INP001

# Runs without a key: a local server stands in for Ably, a recording for the model. Serve create_app(chain, ably_key).
# Needs the extras asgi, ably, server and demo, besides fastapi and uvicorn.
import asyncio
import socket
from functools import partial
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from langchain_openai import ChatOpenAI

from ai_transport_codecs import ClientSession
from ai_transport_codecs.adapters.asgi import agent_app
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.cli.demo.provider import ReplayProvider, Take
from ai_transport_codecs.cli.demo.recording import riddle
from ai_transport_codecs.codecs.langchain import chain_turn
from ai_transport_codecs.server import LocalServer


def may_use(request: Any, session_name: str, client_id: str | None) -> bool:
    """Your users' login decides; here, everybody may use every chat."""
    return session_name.startswith("chat:")


def create_app(chain: Any, key: str, url: str | None = None) -> FastAPI:
    """The whole agent."""
    ably = partial(connect_ably, key, url=url, client_id="agent")
    agents = agent_app(ably, chain_turn(chain), codec="langchain", allow=may_use, token_key=key)
    app = FastAPI(lifespan=agents.lifespan)
    app.mount("/api", agents)
    return app


async def main(port: int = 8000) -> None:
    """Serve, and ask one question as a device would."""
    async with LocalServer() as server, ReplayProvider([Take(riddle(), [0.01] * len(riddle().events))]) as provider:
        model = ChatOpenAI(model="gpt-5.1", base_url=provider.base_url, api_key=lambda: "none")
        web = uvicorn.Server(uvicorn.Config(create_app(model, str(server.keys[0]), server.url)))
        serving = asyncio.create_task(web.serve([listener := socket.create_server(("127.0.0.1", port))]))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as api:
            token = (await api.get("/api/token", params={"sessionName": "chat:1", "clientId": "alice"})).json()
            async with (
                connect_ably(token_callback=lambda _: asyncio.sleep(0, token), url=server.url) as ably,
                ClientSession[Any](ably, "chat:1", codec="langchain") as session,
            ):
                turn = await session.view.send(riddle().question)
                (await api.post("/api/chat", json=turn.to_invocation().to_json())).raise_for_status()
                await turn.wait()
                print(turn.messages[-1].text)  # noqa: T201
        web.should_exit = True
        await serving


if __name__ == "__main__":
    asyncio.run(main())
