"""The page for authors of codecs, played: its codec carries a turn, and keeps every law."""

from __future__ import annotations

import asyncio

import pytest

from ai_transport_codecs import InvalidArgumentError, MemoryHub
from ai_transport_codecs.codec.registry import unregister_codec
from tests.docs.pages import Played, page_of

EXTRA = ["extra-weather", {"sky": "blue"}]


async def test_every_line_of_the_page_runs() -> None:
    names = Played(page_of("docs/write-a-codec.md"))
    try:
        async with asyncio.timeout(20):
            said = await names["on_air"](MemoryHub())
    finally:
        unregister_codec("radio")
    assert (said["text"], said["state"], said["extras"]) == ("Good morning.", "begin", [EXTRA])
    assert names["hold_to_the_laws"]() == []
    with pytest.raises(InvalidArgumentError, match="pass text"):
        names["to_input"](1)
    assert names.missing() == []
