"""OpenAI responses with a tool that needs a person's approval, for a React page; the README says how to run it."""  # noqa: INP001

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI

from ai_transport_codecs.adapters.asgi import agent_app
from ai_transport_codecs.bridges import bridged
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.cli.demo.scene import Scene, weather_scene
from ai_transport_codecs.codecs.openai.responses import responses_turn


async def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"It's sunny in {location}."


def may_use(request: Any, session_name: str, client_id: str | None) -> bool:
    """Your users' login decides; here, everybody may use every conversation."""
    return session_name.startswith("conversations:")


def create_app(scene: Scene) -> FastAPI:
    """The whole application; a scene is what it runs on, keys and addresses."""
    client = AsyncOpenAI(base_url=scene.base_url, api_key=scene.api_key)
    turn = responses_turn(client, model=scene.model, tools={"get_weather": get_weather}, approve=["get_weather"])
    agents = agent_app(
        partial(connect_ably, scene.ably_key, url=scene.ably_url, client_id="agent"),
        bridged(turn, "openai-responses"),
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
    async with weather_scene("responses") as scene:
        await uvicorn.Server(uvicorn.Config(create_app(scene), port=port)).serve()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
