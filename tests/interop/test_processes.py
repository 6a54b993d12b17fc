"""Server, agent and device as three programs: ``ai-transport serve``, ``ai-transport replay``, and Node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.live.terminal import Command
from tests.interop import official
from tests.interop.dialects import Dialect
from tests.interop.official import Driver
from tests.interop.parties import Place, until, until_run

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "app.key:secret"


async def test_recordings_answer_the_official_client(driver: Driver, dialect: Dialect, tmp_path: Path) -> None:
    recording = tmp_path / "answer.sse"
    recording.write_text("".join(f"data: {json.dumps(each)}\n\n" for each in dialect.answer("t1", "Lis", "bon")))
    async with Command("serve", "--port", "0", "--key", KEY) as server:
        url = (await server.line()).removeprefix("listening on ")
        port = int(url.rpartition(":")[2])
        place = ["--codec", dialect.name, "--channel", "conversations:42", "--endpoint", url, "--key", KEY]
        async with Command("replay", str(recording), *place) as agent:
            await agent.line()
            laptop = await official.open_device(
                driver, Place(KEY, port, "conversations:42", dialect.name, binary=True, rollup=None), "alice"
            )
            turn = await laptop.send(dialect.says("Where to?"))
            await until_run(laptop, await turn.started(), "complete")
            await until(laptop, lambda shown: [dialect.text(each.message) for each in shown] == ["Where to?", "Lisbon"])
            assert await laptop.errors() == []
            await laptop.close()
            assert (await agent.stop())[0] == 0
