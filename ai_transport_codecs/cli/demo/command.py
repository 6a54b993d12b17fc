"""``ai-transport demo``: play the story, show it, judge it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Final, TextIO

from ai_transport_codecs.channels.memory import MemoryHub
from ai_transport_codecs.cli.text import one_line, shortened

from .backend import open_backend
from .evidence import Evidence
from .live_screen import LiveScreen
from .options import DemoOptions
from .pane import Pane
from .report import as_json, as_text
from .screen import PlainScreen, Screen, SilentScreen, is_terminal
from .story import Hub, Story, StuckError, TurnFailedError
from .verdict import judge

LATENCY: Final = 0.025
"""The seconds that the channel takes, each way; none with ``--fast``."""

_TICK: Final = 0.05


def run_demo(options: DemoOptions, *, wants_json: bool, out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> int:
    """Play the demo; 0 when every check holds, 1 when one does not or a turn failed."""
    panes = (Pane("laptop"), Pane("phone"))
    screen = _screen(out, panes, wants_json=wants_json)
    logging.getLogger("ai_transport_codecs").addHandler(logging.NullHandler())
    if options.server:
        logging.getLogger("ably").setLevel(logging.CRITICAL)  # a lost network is part of the story
    try:
        evidence, provider = asyncio.run(_play(options, screen, panes))
    except TurnFailedError as failure:
        screen.close()
        return _fail(f"the turn failed: {failure}", wants_json=wants_json, out=out, err=err)
    except StuckError as failure:
        screen.close()
        return _fail(str(failure), wants_json=wants_json, out=out, err=err)
    finally:
        screen.close()
    summary = as_json(evidence, judge(evidence), provider=provider)
    if wants_json:
        out.write(json.dumps(summary) + "\n")
    else:
        out.write("\n".join(as_text(summary)) + "\n")
    return 0 if summary["ok"] else 1


async def _play(options: DemoOptions, screen: Screen, panes: Sequence[Pane]) -> tuple[Evidence, str]:
    async with open_backend(options) as backend, _ticking(screen), _open_hub(options) as hub:
        return await Story(backend, hub, screen, panes).play(), backend.label


@contextlib.asynccontextmanager
async def _open_hub(options: DemoOptions) -> AsyncIterator[Hub]:
    if not options.server:
        yield MemoryHub(latency=0.0 if options.fast else LATENCY)
        return
    from .sockets import open_sockets  # needs two extras more

    async with open_sockets() as sockets:
        yield sockets


@contextlib.asynccontextmanager
async def _ticking(screen: Screen) -> AsyncIterator[None]:
    async def tick() -> None:
        while True:
            screen.tick()
            await asyncio.sleep(_TICK)

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


def _screen(out: TextIO, panes: Sequence[Pane], *, wants_json: bool) -> Screen:
    if wants_json:
        return SilentScreen()
    return LiveScreen(out, panes) if is_terminal(out) else PlainScreen(out, panes)


def _fail(message: str, *, wants_json: bool, out: TextIO, err: TextIO) -> int:
    text = shortened(one_line(message), 500)
    if wants_json:
        out.write(json.dumps({"ok": False, "error": text}) + "\n")
    err.write(f"ai-transport demo: {text}\n")
    return 1
