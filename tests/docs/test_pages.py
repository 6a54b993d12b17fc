"""What the pages say of commands, extras, links and JavaScript is so. Their Python is run by the tests beside this."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_transport_codecs.cli.main import _parser as parser_of_commands  # pyright: ignore[reportPrivateUsage]
from tests.docs.pages import DOCS, PAGES, Block, Page, Played, page_of
from tests.source_tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = re.compile(r"ai-transport-codecs\[([\w,\- ]+)\]")
TEXTS = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
JAVASCRIPT = ("javascript", "jsx")
SDK = "@ably/ai-transport"
OFFICIAL = re.compile(rf"import \{{([^}}]+)\}} from '{SDK}([\w/]*)'")
WORD = re.compile(r"[\w$]+")
CACHE = "ai-transport-codecs"


def cases(*languages: str) -> list[Any]:
    return [
        pytest.param(page, block, id=f"{page.name}:{block.line}") for page in PAGES for block in page.of(*languages)
    ]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_has_only_blocks_that_something_looks_at(page: Page) -> None:
    """Python is run, commands are parsed, JavaScript is checked; ``text`` and ``json`` only show what comes out."""
    known = {"python", "console", "bash", "text", "json", "toml", *JAVASCRIPT}
    assert {block.language for block in page.blocks} <= known
    for block in page.of("json"):
        json.loads(block.text)


def test_the_python_of_each_page_is_run_by_a_test() -> None:
    """A page with Python is named by a test, which holds itself to have run each of its lines."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    for page in PAGES:
        if page.of("python"):
            assert f'page_of("{page.name}")' in tests, f"{page.name} has Python that no test runs"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_commands_of_a_page_are_commands(page: Page) -> None:
    for command in page.commands():
        for part in re.split(r" (?:&&|\||>) ", command):
            words = shlex.split(part)
            if words[0].rpartition("/")[2] != "ai-transport" or words[1:] == ["--help"]:
                continue
            parser_of_commands().parse_args([word for word in words[1:] if word != "&"])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_extra_that_a_page_names_exists(path: Path) -> None:
    for listed in EXTRAS.findall(path.read_text(encoding="utf-8")):
        assert set(listed.split(",")) <= set(PROJECT["optional-dependencies"]), listed


def links() -> list[Any]:
    return [*_links()]


def _links() -> Iterator[Any]:
    for page in PAGES:
        for link in page.links:
            if not link.startswith(("http://", "https://")):
                yield pytest.param(page, link, id=f"{page.name}: {link}")


@pytest.mark.parametrize(("page", "link"), links())
def test_a_link_leads_somewhere(page: Page, link: str) -> None:
    name, _, fragment = link.partition("#")
    target = (page.path.parent / name).resolve() if name else page.path
    assert target.exists()
    if fragment:
        assert fragment in Page(target).anchors


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_file_that_a_page_names_exists(page: Page) -> None:
    for path in re.findall(r"`((?:tests|examples|ai_transport_codecs|docs)/[\w./-]+)`", page.prose):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(("page", "block"), cases("javascript"))
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to check JavaScript with")
def test_javascript_is_javascript(page: Page, block: Block, tmp_path: Path) -> None:
    script = tmp_path / "snippet.mjs"
    script.write_text(block.text, encoding="utf-8")
    done = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, f"{page.name}:{block.line}\n{done.stderr}"


def installed() -> Path | None:
    """The official packages, where the interop suite has installed them."""
    home = os.environ.get("AI_TRANSPORT_CODECS_NPM")
    cache = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", CACHE)
    return next(iter(sorted(cache.glob("interop-*/node_modules"))), None)


@pytest.mark.parametrize(("page", "block"), cases(*JAVASCRIPT))
def test_javascript_imports_what_the_official_packages_export(page: Page, block: Block) -> None:
    packages = installed()
    if packages is None:
        pytest.skip("the official packages are not here; the interop suite installs them")
    imported = OFFICIAL.findall(block.text)
    assert imported, f"{page.name}:{block.line} imports nothing from {SDK}"
    for names, entry in imported:
        description = json.loads((packages / SDK / "package.json").read_text(encoding="utf-8"))
        types = packages / SDK / description["exports"][f".{entry}"]["types"]
        declared = set(WORD.findall(types.read_text(encoding="utf-8")))
        assert {name.strip() for name in names.split(",")} <= declared


def test_the_index_lists_every_page() -> None:
    index = page_of("docs/index.md")
    listed = {(index.path.parent / link.partition("#")[0]).resolve() for link in index.links if "://" not in link}
    assert {each.path for each in PAGES} - {index.path} <= listed


def test_a_line_that_did_not_run_is_found(tmp_path: Path) -> None:
    """The rule that each line runs can fail."""
    text = (
        '# A page\n\n```python\nx = 1\n\ndef f(y):\n    """Text."""\n    if y:\n        return x\n    return 2\n```\n'
    )
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    played = Played(Page(path, tmp_path))
    assert played.missing() == ["page.md:8:     if y:", "page.md:9:         return x", "page.md:10:     return 2"]
    assert played["f"](1) == 1
    assert played.missing() == ["page.md:10:     return 2"]
