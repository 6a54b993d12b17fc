"""The stage itself: one that sees nothing would find nothing wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.device import Shown
from tests.browser.program import Program
from tests.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE: Final = b"""<!doctype html><link rel="icon" href="data:,"><title>chat</title>
<article data-testid="message" data-role="assistant" data-message-id="m1" data-status="streaming">
  <i data-testid="reasoning">Hm.</i><p data-testid="text">Hello <b>there</b></p>
  <section data-testid="tool" data-tool="search" data-state="output-available"></section>
</article>
<textarea data-testid="composer"></textarea>
<button data-testid="send" onclick="console.error('no ' + document.querySelector('textarea').value)">Send</button>
<button data-testid="stop" onclick="throw new Error('cannot stop')">Stop</button>
"""


@pytest_asyncio.fixture(loop_scope="session")
async def url() -> AsyncIterator[str]:
    """Where a page is that says what it is told to."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + PAGE)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_device_sees_what_a_message_is_made_of(browser: Browser, url: str, tmp_path: Path) -> None:
    async with Stage(browser, url, "seen", tmp_path) as stage:
        alice, phone = await stage.device("alice"), await stage.device("phone")
        assert await stage.agree(alice, phone) == [
            Shown("assistant", "m1", "streaming", "Hello there", "Hm.", (("search", "output-available"),))
        ]
        await stage.picture("a start")
        assert set(os.listdir(tmp_path)) == {  # noqa: PTH208
            "seen-01-a-start-alice.png",
            "seen-01-a-start-phone.png",
        }
        assert stage.unexpected_errors() == []


async def test_what_a_page_complains_of_is_heard(browser: Browser, url: str, tmp_path: Path) -> None:
    async with Stage(browser, url, "heard", tmp_path) as stage:
        alice = await stage.device()
        await alice.say("words")
        await alice.press("stop")
        said = stage.unexpected_errors()
        address = f"{url}/?session=chat%3Aheard&client=alice"
        assert [text.splitlines()[0] for text in said] == [
            f"alice: no words ({address})",
            "alice: uncaught: cannot stop",
        ]
        stage.expect_console("no words")
        assert stage.unexpected_errors() == said[1:]


async def test_a_program_that_names_no_url_is_shown_with_its_words() -> None:
    with pytest.raises(AssertionError, match=r"(?s)names no URL: .*invalid choice: 'no-such-command'"):
        async with Program("no-such-command"):
            pass
