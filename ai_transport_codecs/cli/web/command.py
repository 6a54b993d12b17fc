"""``ai-transport demo --web``: everything in one process, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import uvicorn

from ai_transport_codecs.cli.connecting import run_until_stopped
from ai_transport_codecs.cli.demo.options import RealProvider
from ai_transport_codecs.cli.demo.sockets import open_wire
from ai_transport_codecs.errors import UsageError
from ai_transport_codecs.server import LocalServer

from .answering import Agent
from .cast import open_cast
from .page import find_page
from .site import Network, make_site
from .supervisor import Supervisor

DEVICES: Final = ("a", "b")
_CLOSING: Final = 2
"""Seconds that requests under way may take when the demo ends."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """``port`` 0 picks one. ``page``: a folder to serve instead of the package's own page. Else as ``DemoOptions``."""

    port: int
    page: str | None = None
    fast: bool = False
    real: RealProvider | None = None


def run_web(options: WebOptions) -> int:
    """Serve until a signal ends it. 0: it was asked to stop; 1: it failed; 2: it cannot run like this."""
    # What a killed agent has to complain of is nobody's concern; what lives reports by on_error.
    logging.getLogger("ai_transport_codecs.session").addHandler(logging.NullHandler())
    return run_until_stopped("demo", lambda: _serve(options))


async def _serve(options: WebOptions) -> int:
    page = find_page(options.page)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_listen(options.port))
        server = await stack.enter_async_context(LocalServer())
        wires = {name: await stack.enter_async_context(open_wire(server.port)) for name in DEVICES}
        cast = await stack.enter_async_context(open_cast(options.real, fast=options.fast))
        supervisor = await stack.enter_async_context(Supervisor(server, Agent(cast)))
        site = make_site(page, Network(server.url, wires), supervisor, cast.suggestions)
        web = _Web(
            uvicorn.Config(
                site,
                lifespan="off",
                ws="none",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=_CLOSING,
            )
        )
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        print("two devices, one agent, a local server; Ctrl-C ends it", flush=True)
        serving = asyncio.create_task(web.serve([listener]))
        try:
            await asyncio.shield(serving)
        finally:
            web.should_exit = True
            await serving
    return 0


class _Web(uvicorn.Server):
    """Leaves signals to the command, which ends more than the web server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise UsageError(
            f"unable to listen on 127.0.0.1:{port}: {os.strerror(error.errno or 0)}; choose another port with --port,"
            " or 0 for any that is free",
            cause=error,
        ) from error
    with listener:
        yield listener
