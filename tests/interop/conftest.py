from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

pytest.importorskip("ably")
pytest.importorskip("aiohttp")
pytest.register_assert_rewrite("tests.interop.stage")

from ai_transport_codecs.server import LocalServer  # noqa: E402
from tests.interop import packages  # noqa: E402
from tests.interop.dialects import DIALECTS, Dialect  # noqa: E402
from tests.interop.official import Driver  # noqa: E402
from tests.interop.parties import Place, Side  # noqa: E402
from tests.interop.stage import Stage  # noqa: E402

KEY: Final = "app.key:secret"
_MUST_RUN: Final = frozenset({"all", "interop"})


@pytest.fixture(scope="session")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the driver scripts, ready to be run."""
    missing = packages.missing_program()
    if missing is not None and os.environ.get("AI_TRANSPORT_CODECS_TESTS") not in _MUST_RUN:
        pytest.skip(f"{missing} is not on this machine, so the official JavaScript packages cannot be run")
    assert missing is None, f"this environment runs the interop suite; install {missing}"
    return packages.stage(packages.install(), tmp_path_factory.mktemp("drivers"))


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    chosen: Dialect = request.param
    return chosen


@pytest.fixture(params=["javascript", "python"], ids=["javascript-client", "python-client"])
def client_side(request: pytest.FixtureRequest) -> Side:
    """Who the client is; the agent is the other one."""
    chosen: Side = request.param
    return chosen


@pytest.fixture
def binary(client_side: Side, dialect: Dialect) -> bool:
    """Each story is told over both formats, by one or the other pair; those of BOTH_FORMATS by every pair."""
    return (client_side == "python") != (dialect.name == "vercel")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def driver(drivers: Path) -> AsyncIterator[Driver]:
    """The process of the official packages. It is one for all stories: each has its own connections in it."""
    node = shutil.which("node")
    assert node is not None
    async with Driver(node, drivers / "peer.mjs") as driver:
        yield driver


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(keys=[KEY], faults=True) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    server: LocalServer, driver: Driver, dialect: Dialect, client_side: Side, *, binary: bool
) -> AsyncIterator[Stage]:
    # Each format with one of the two ways in which a connection may have its appends delivered.
    place = Place(KEY, server.port, "conversations:42", dialect.name, binary, None if binary else 0)
    async with Stage(server, driver, place, dialect, client_side) as made:
        yield made
