"""A LlamaIndex agent workflow with a tool, behind Starlette, for a React page; the README says how to run it."""  # noqa: INP001

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.llms.openai import OpenAI  # type: ignore[import-not-found,import-untyped,unused-ignore]
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from ai_transport_codecs.adapters.asgi import agent_app
from ai_transport_codecs.bridges import bridged
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.cli.demo.scene import Scene, weather_scene
from ai_transport_codecs.codecs.llamaindex import agent_turn


async def get_current_weather(location: str, unit: str = "fahrenheit") -> dict[str, Any]:
    """Get the current weather in a given location."""
    return {"location": location, "temperature": "72", "unit": unit, "forecast": ["sunny", "windy"]}


def may_use(request: Any, session_name: str, client_id: str | None) -> bool:
    """Your users' login decides; here, everybody may use every conversation."""
    return session_name.startswith("conversations:")


def create_app(scene: Scene) -> Starlette:
    """The whole application; a scene is what it runs on, keys and addresses."""
    llm = OpenAI(scene.model, api_base=scene.base_url, api_key=scene.api_key)
    forecaster = FunctionAgent(name="forecaster", tools=[get_current_weather], llm=llm)
    agents = agent_app(
        partial(connect_ably, scene.ably_key, url=scene.ably_url, client_id="agent"),
        bridged(agent_turn(lambda: AgentWorkflow([forecaster])), "llamaindex"),
        codec="vercel",
        allow=may_use,
        token_key=scene.ably_key,
    )
    config = JSONResponse(scene.page_config("conversations:weather"))
    routes = [Mount("/api", agents), Route("/config.json", lambda _: config)]
    return Starlette(routes=routes, lifespan=agents.lifespan)


async def main(port: int = 8000) -> None:
    """Serve until a signal."""
    async with weather_scene() as scene:
        await uvicorn.Server(uvicorn.Config(create_app(scene), port=port)).serve()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
