"""The browser that the stories are told in: the machine's own Chromium, which nobody downloads."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, async_playwright

VARIABLE: Final = "AI_TRANSPORT_CODECS_CHROMIUM"
"""Names the program, where it is not on the path."""

_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# It talks to this machine only, and to nobody else on its own account; QUIC and a GPU would be two more ways to differ.
_FLAGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """The program, if this machine has one."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, _PROGRAMS)), None)


@asynccontextmanager
async def chromium(program: str) -> AsyncIterator[Browser]:
    """A headless browser with a fresh profile, gone at the end."""
    async with async_playwright() as playwright:
        # Debian's sandbox refuses to run as root, which CI is.
        browser = await playwright.chromium.launch(
            executable_path=program, headless=True, chromium_sandbox=os.geteuid() != 0, args=_FLAGS
        )
        try:
            yield browser
        finally:
            await browser.close()
