"""The web application: the page, what it has to know, the agent's routes, and the demo's own buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ai_transport_codecs.cli.demo.sockets import Wire

from .supervisor import Supervisor

SESSION: Final = "chat:demo"
_HOSTS: Final = ("127.0.0.1", "localhost")
"""Another name for this machine would be some other site's, which may not use what is served here."""


class Network:
    """What leads each device to the server, so that it can be cut; ``url`` is the server's own, for everybody else."""

    def __init__(self, url: str, wires: Mapping[str, tuple[Wire, int]]) -> None:
        self._url = url
        self._wires = wires

    def url_for(self, device: str | None) -> str:
        """Where that device finds the server."""
        wire = self._wires.get(device or "")
        return self._url if wire is None else f"http://127.0.0.1:{wire[1]}"

    def switch(self, device: str, *, up: bool) -> bool:
        """Cut a device's network or mend it; whether there is such a device."""
        if device not in self._wires:
            return False
        wire, _ = self._wires[device]
        if up:
            wire.mend()
        else:
            wire.cut()
        return True


def make_site(page: Path, network: Network, supervisor: Supervisor, suggestions: Sequence[str]) -> ASGIApp:
    """The whole application; ``page`` is the folder of the built page."""

    async def front(request: Request) -> Response:
        is_one_device = not request.query_params.keys().isdisjoint({"client", "session"})
        return FileResponse(page / ("index.html" if is_one_device else "demo.html"))

    async def config(request: Request) -> Response:
        known = {
            "endpoint": network.url_for(request.query_params.get("device")),
            "api": "/api",
            "session": SESSION,
            "suggestions": list(suggestions),
            "admin": "/demo",
        }
        return JSONResponse(known, headers={"Cache-Control": "no-store"})

    async def switch(request: Request) -> Response:
        order = await _order(request)
        device, up = order.get("device"), order.get("up")
        if not isinstance(device, str) or not isinstance(up, bool) or not network.switch(device, up=up):
            return _refusal(400, 'name a device, "a" or "b", and whether its network is "up", true or false')
        return JSONResponse({"device": device, "up": up})

    async def kill(request: Request) -> Response:
        await _order(request)
        return JSONResponse({"takenOver": await supervisor.kill()})

    return Starlette(
        routes=[
            Route("/", front),
            Route("/config.json", config),
            Route("/demo/network", _for_us(switch), methods=["POST"]),
            Route("/demo/kill", _for_us(kill), methods=["POST"]),
            Mount("/api", supervisor),
            Mount("/", StaticFiles(directory=page)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(_HOSTS))],
    )


def _for_us(endpoint: Any) -> Any:
    """Only pages of ours can send JSON here: a browser asks before it does so for another site's, and gets no yes."""

    async def checked(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refusal(415, "orders are JSON")
        found: Response = await endpoint(request)
        return found

    return checked


async def _order(request: Request) -> Mapping[str, Any]:
    try:
        order = await request.json()
    except ValueError:
        return {}
    return order if isinstance(order, Mapping) else {}


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status)
