"""A device: the chat page in a browser of its own, seen and used as a person does."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from playwright.async_api import Frame, Locator, expect

PATIENCE: Final = 30.0
"""Seconds after which a story is stuck; nothing waits that long when all is well."""

_SNAPSHOT: Final = """() => {
  const all = (within, name) => [...within.querySelectorAll(`[data-testid="${name}"]`)];
  // A summary is the page's own word for what it folds away.
  const heard = (each) => [...each.childNodes].filter((node) => node.nodeName !== 'SUMMARY');
  const said = (within, name) => all(within, name).flatMap(heard).map((node) => node.textContent).join('');
  return all(document, 'message').map((each) => ({
    role: each.dataset.role,
    id: each.dataset.messageId,
    status: each.dataset.status,
    text: said(each, 'text'),
    reasoning: said(each, 'reasoning'),
    tools: all(each, 'tool').map((tool) => [tool.dataset.tool, tool.dataset.state]),
  }));
}"""


class Shown(NamedTuple):
    """A message as the page shows it."""

    role: str
    id: str
    status: str
    text: str
    reasoning: str
    tools: tuple[tuple[str, str], ...] = ()

    @property
    def letters(self) -> Shown:
        """Without what a page may set as it likes: spaces, and Markdown's signs."""
        return self._replace(text=letters(self.text), reasoning=letters(self.reasoning))


class Device:
    """One chat page; ``frame`` is where it is shown."""

    def __init__(self, name: str, frame: Frame) -> None:
        self.name = name
        self.frame = frame

    def part(self, test_id: str) -> Locator:
        """What has that test id, anywhere on the page."""
        return self.frame.get_by_test_id(test_id)

    def message(self, index: int) -> Locator:
        """A message by its place; -1 is the last one."""
        return self.part("message").nth(index)

    def label(self, index: int) -> Locator:
        """What a message's arrows say of its version."""
        return self.message(index).get_by_test_id("branch-label")

    async def shown(self) -> list[Shown]:
        """The messages, all of one moment."""
        found: list[dict[str, Any]] = await self.frame.evaluate(_SNAPSHOT)
        for each in found:
            each["tools"] = tuple(tuple(tool) for tool in each["tools"])
        return [Shown(**each) for each in found]

    async def say(self, text: str) -> None:
        """Write a message and send it."""
        await self.part("composer").fill(text)
        await self.part("send").click()

    async def press(self, test_id: str) -> None:
        """Press a button of which the page has one."""
        await self.part(test_id).click()

    async def press_at(self, index: int, test_id: str) -> None:
        """Press a button of a message; a person's mouse is over the message then."""
        await self.message(index).hover()
        await self.message(index).get_by_test_id(test_id).click()

    async def is_ready(self) -> None:
        """Wait until it can be written on."""
        await expect(self.part("composer")).to_be_enabled(timeout=PATIENCE * 1000)

    async def has_messages(self, count: int) -> None:
        """Wait until it shows so many."""
        await expect(self.part("message")).to_have_count(count, timeout=PATIENCE * 1000)

    async def has_status(self, index: int, status: str) -> None:
        """Wait until a message stands so."""
        await expect(self.message(index)).to_have_attribute("data-status", status, timeout=PATIENCE * 1000)

    async def says(self, index: int, text: str) -> None:
        """Wait until a message has that text in it."""
        part = self.message(index).get_by_test_id("text").first
        await expect(part).to_contain_text(text, timeout=PATIENCE * 1000)

    async def shows(self, test_id: str) -> None:
        """Wait until that can be seen."""
        await expect(self.part(test_id).first).to_be_visible(timeout=PATIENCE * 1000)

    async def hides(self, test_id: str) -> None:
        """Wait until that can no longer be seen."""
        await expect(self.part(test_id)).to_be_hidden(timeout=PATIENCE * 1000)


def letters(text: str) -> str:
    """Of a text, what no way to set it can change."""
    return "".join(filter(str.isalnum, text))
