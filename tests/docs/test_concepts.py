"""The page of concepts, played: no framework, no network."""

from __future__ import annotations

import asyncio

from tests.docs.pages import Played, page_of


async def test_every_line_of_the_page_runs() -> None:
    names = Played(page_of("docs/concepts.md"))
    serving = asyncio.create_task(names["agent"]())
    async with asyncio.timeout(20):
        assert await names["first_turn"]() == "complete"
        assert await names["second_device"]() == ["Where to?", "You said: Where to? "]
        assert await names["branches"]() == ["Where to?", "You said: Where to? "]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert await names["stop_from_another_device"]() == "cancelled"
        assert await names["steering"]() is True
        assert await names["suspended"]() == ("complete", "You said: In May. ")
        assert await names["retried"]() == ["Half an answer, no: a whole one."]
    assert names.missing() == []
