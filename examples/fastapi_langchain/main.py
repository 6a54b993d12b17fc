"""A LangChain agent with a tool, behind FastAPI, for a React page; the README says how to run it."""  # noqa: INP001

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

from ai_transport_codecs.adapters.asgi import agent_app
from ai_transport_codecs.bridges import bridged
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.cli.demo.scene import Scene, weather_scene
from ai_transport_codecs.codecs.langchain import chain_turn


def get_current_weather(location: str, unit: str = "fahrenheit") -> dict[str, Any]:
    """Get the current weather in a given location."""
    return {"location": location, "temperature": "72", "unit": unit, "forecast": ["sunny", "windy"]}


def may_use(request: Any, session_name: str, client_id: str | None) -> bool:
    """Your users' login decides; here, everybody may use every conversation."""
    return session_name.startswith("conversations:")


def create_app(scene: Scene) -> FastAPI:
    """The whole application; a scene is what it runs on, keys and addresses."""
    model = ChatOpenAI(model=scene.model, base_url=scene.base_url, api_key=lambda: scene.api_key)
    agent = create_agent(model, [get_current_weather])
    agents = agent_app(
        partial(connect_ably, scene.ably_key, url=scene.ably_url, client_id="agent"),
        bridged(chain_turn(agent), "langchain"),
        codec="vercel",
        allow=may_use,
        token_key=scene.ably_key,
    )
    app = FastAPI(lifespan=agents.lifespan)
    app.mount("/api", agents)
    app.add_api_route("/config.json", lambda: scene.page_config("conversations:weather"))
    return app


async def main(port: int = 8000) -> None:
    """Serve until a signal."""
    async with weather_scene() as scene:
        await uvicorn.Server(uvicorn.Config(create_app(scene), port=port)).serve()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
