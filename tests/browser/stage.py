"""A story's stage: its devices, their pictures, and what their consoles said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import urlencode

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from tests.browser.artifacts import file_name
from tests.browser.device import PATIENCE, Device, Shown
from tests.browser.reader import reading, shown_by

T = TypeVar("T")

_HEIGHT: Final = 900
_NOTICE: Final = 0.05


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """Look until it holds, and give what was seen then."""
    seen = await look()
    try:
        async with asyncio.timeout(PATIENCE):
            while not holds(seen):
                await asyncio.sleep(_NOTICE)
                seen = await look()
    except TimeoutError:
        raise AssertionError(f"it never came so far; last seen: {seen}") from None
    return seen


class Stage:
    """Opens devices on one session of the program at ``url``, and closes them."""

    def __init__(self, browser: Browser, url: str, story: str, pictures: Path) -> None:
        self.url = url
        self.session = f"chat:{story}"
        self.console: list[str] = []
        self._story = story
        self._browser = browser
        self._pictures = pictures
        self._contexts: list[BrowserContext] = []
        self._pages: dict[str, Page] = {}
        self._taken = 0
        self._expected: list[re.Pattern[str]] = []
        self._errors: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for context in self._contexts:
            await context.close()

    async def open(self, name: str, address: str, *, width: int = 900) -> Page:
        """A browser of its own at that address of the program; what its console says is kept."""
        context = await self._browser.new_context(viewport={"width": width, "height": _HEIGHT})
        self._contexts.append(context)
        page = self._pages[name] = await context.new_page()
        page.on("console", lambda message: self._hear(name, message))
        page.on("pageerror", lambda error: self._note(name, f"uncaught: {error.message}\n{error.stack}"))
        page.on("crash", lambda _: self._note(name, "the page crashed"))
        await page.goto(f"{self.url}{address}")
        return page

    async def device(self, name: str = "alice", **parameters: object) -> Device:
        """A device on the story's session, ready to be used; of a client that is called like it, unless told."""
        address = urlencode({"session": self.session, "client": name} | parameters)
        page = await self.open(name, f"/?{address}")
        device = Device(name, page.main_frame)
        await device.is_ready()
        return device

    async def reload(self, device: Device) -> None:
        """As F5 does; whatever the page knew is gone."""
        await self._pages[device.name].reload()
        await device.is_ready()

    async def cut(self, device: Device) -> None:
        """Take a device's network away."""
        await self._pages[device.name].context.set_offline(True)

    async def restore(self, device: Device) -> None:
        """Give it back."""
        await self._pages[device.name].context.set_offline(False)

    async def picture(self, what: str) -> None:
        """Keep what every device shows now."""
        self._taken += 1
        for name, page in self._pages.items():
            await page.screenshot(path=self._pictures / file_name(self._story, f"{self._taken:02}", what, name))

    async def agree(self, *devices: Device, holds: Callable[[list[Shown]], bool] = bool) -> list[Shown]:
        """Wait until all devices show the same, and it is so. What that is."""

        async def look() -> list[list[Shown]]:
            return [await device.shown() for device in devices]

        seen = await until(look, lambda all_: holds(all_[0]) and all(each == all_[0] for each in all_))
        return seen[0]

    async def python_agrees(self, *devices: Device) -> list[Shown]:
        """Wait until all devices show what a Python client, come now, has read of the session. What that is."""
        async with reading(self.url, self.session) as session:

            async def look() -> list[list[Shown]]:
                return [shown_by(session), *[await device.shown() for device in devices]]

            def are_one(seen: list[list[Shown]]) -> bool:
                letters = [[each.letters for each in messages] for messages in seen]
                return bool(letters[0]) and all(each == letters[0] for each in letters)

            return (await until(look, are_one))[0]

    def expect_console(self, pattern: str) -> None:
        """Errors of that kind belong to the story."""
        self._expected.append(re.compile(pattern))

    def unexpected_errors(self) -> list[str]:
        """What the consoles said that no story is told about."""
        return [error for error in self._errors if not any(each.search(error) for each in self._expected)]

    def _hear(self, name: str, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error":
            self._note(name, text)
        else:
            self.console.append(f"{name} {message.type}: {text}")

    def _note(self, name: str, text: str) -> None:
        self.console.append(f"{name} ERROR: {text}")
        self._errors.append(f"{name}: {text}")

    async def failure_picture(self) -> None:
        """Keep what there was to see when the story failed, as far as there is anything to see."""
        try:
            await self.picture("failed")
        except Error as error:
            self.console.append(f"no picture of the failure: {error.message}")
