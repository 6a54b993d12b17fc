from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

for module in ("ably", "aiohttp", "httpx", "langchain_openai", "starlette", "uvicorn"):
    pytest.importorskip(module)

from tests.cli.web.demo import Demo  # noqa: E402


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the built page, which these tests do without."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("index.html", "demo.html"):
        (folder / name).write_text(f"this is {name}")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(page: Path) -> AsyncIterator[Demo]:
    """The command, running: one for all that do not end it."""
    async with Demo("--fast", "--page", str(page)) as demo:
        yield demo
        demo.command.process.terminate()
        code, _, errors = await demo.command.ends()
    assert (code, errors) == (0, "")
