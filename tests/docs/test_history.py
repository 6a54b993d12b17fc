"""The guide to history, played with the example store, over the memory channel."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub
from tests.docs.pages import Played, page_of
from tests.source_tree import ROOT


async def stream(messages: list[Any]) -> AsyncIterator[dict[str, Any]]:
    yield {"type": "start"}
    yield {"type": "text-start", "id": "1"}
    yield {"type": "text-delta", "id": "1", "delta": f"answer {len(messages)}"}
    yield {"type": "text-end", "id": "1"}
    yield {"type": "finish"}


async def test_every_line_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "sqlite_store"))
    names = Played(page_of("docs/guides/history.md"))
    store = names["Store"](str(tmp_path / "conversations.db"))
    hub = MemoryHub()
    try:
        async with asyncio.timeout(20), AgentSession[Any](hub.client("agent"), "chat", codec="vercel") as session:
            serving = asyncio.create_task(session.serve(names["remembering"](store, "chat", stream)))
            async with ClientSession[Any](hub.client("alice"), "chat", codec="vercel") as device:
                for said in ("one", "two"):
                    await (await device.view.send(said)).wait()
                ids = [entry.id for entry in device.view.get_messages()]
                texts = ["".join(part.get("text", "") for part in each["parts"]) for each in device.view.messages]
                assert texts == ["one", "answer 1", "two", "answer 3"]
                messages, losses = names["moved"](device)
                assert [message["content"] for message in messages] == texts
                assert losses == [] or all(": " in loss for loss in losses)
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

                pages = await names["newest_first"](hub.client("phone"), "chat")
                assert [[entry.id for entry in found] for found in pages if found] == [ids[2:], ids[:2]]
                assert await names["seeded"](hub.client("tablet"), "chat", store) == ids
                assert [entry.id for entry in store.messages("chat")] == ids

                turn = await device.view.send("three")
                run = session.create_run(turn.to_invocation())
                await run.start()
                assert [entry.id for entry in await names["newer_than"](run, ids[-1])] == [turn.input_message_id]
                await run.end("cancelled")
                turn = await device.view.send("four")
                reason = await names["bounded"](hub.client("worker"), "chat", turn.to_invocation(), stream)
                assert (reason, await turn.wait()) == ("complete", "complete")
        assert names.missing() == []
    finally:
        store.close()
        sys.modules.pop("store", None)
