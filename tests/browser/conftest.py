from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

pytest.register_assert_rewrite("tests.browser.stage", "tests.browser.program")

from tests.browser import artifacts, chromium  # noqa: E402
from tests.browser.agent import Agent  # noqa: E402
from tests.browser.house import House, open_house  # noqa: E402
from tests.browser.page import built_page  # noqa: E402
from tests.browser.stage import Stage  # noqa: E402

_HAS_FAILED: Final = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A story that failed is shown with what its pages' consoles said."""
    report = yield
    stage = item.funcargs.get("stage") if isinstance(item, pytest.Function) else None
    if report.when == "call" and report.failed and isinstance(stage, Stage):
        item.stash[_HAS_FAILED] = True
        report.sections.append(("the pages' consoles", "\n".join(stage.console)))
    return report


@pytest.fixture(scope="session")
def program() -> str:
    """Chromium, which a machine may lack but CI may not."""
    found = chromium.find_chromium()
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"there is no Chromium on this machine; install one, or name it in {chromium.VARIABLE}")
    assert found is not None, "CI tells the browser stories, and .ci/run installs Chromium where it can; it is not here"
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(program: str) -> AsyncIterator[Browser]:
    async with chromium.chromium(program) as browser:
        yield browser


@pytest.fixture(scope="session")
def page() -> Path:
    """The folder of the page, built from this checkout; npm is there in CI."""
    if shutil.which("npm") is None and not os.environ.get("CI"):
        pytest.skip("npm is not on this machine, so the page cannot be built; install Node.js")
    return built_page()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return artifacts.pictures(tmp_path_factory.mktemp("artifacts"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(page: Path) -> AsyncIterator[House]:
    """What serves the stories, one for all: each has a session of its own in it."""
    async with open_house(page) as house:
        yield house


@pytest.fixture
def url(house: House) -> str:
    """Where the story's pages are."""
    return house.url


@pytest.fixture
def story(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_")


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    request: pytest.FixtureRequest, browser: Browser, url: str, pictures: Path, story: str
) -> AsyncIterator[Stage]:
    async with Stage(browser, url, story, pictures) as stage:
        yield stage
        if request.node.stash.get(_HAS_FAILED, False):
            await stage.failure_picture()
    assert stage.unexpected_errors() == []


@pytest.fixture
def agent(house: House, stage: Stage) -> Agent:
    """The agent of the story's session, which says what the story tells it to."""
    return house.agents[stage.session]
