"""Where the page comes from: it is there, or built once, or there are words for what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ai_transport_codecs.cli.web.page import find_page
from ai_transport_codecs.errors import UsageError


def make_page(folder: Path) -> Path:
    folder.mkdir()
    for name in ("index.html", "demo.html"):
        (folder / name).touch()
    return folder


def make_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """An npm that does as ``script`` says; there is nothing else on the path but the shell's own."""
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), "/usr/bin", "/bin"]))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout's folder, as far as that matters."""
    folder = tmp_path / "react-chat"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    return folder


def test_a_folder_that_was_named_is_served_if_it_is_a_page(tmp_path: Path) -> None:
    page = make_page(tmp_path / "page")
    assert find_page(str(page)) == page
    with pytest.raises(UsageError, match=r"is no built page, it has no index.html and demo.html"):
        find_page(str(tmp_path))


def test_a_page_that_is_there_is_not_built(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    page = make_page(tmp_path / "page")
    assert find_page(page=page, source=source) == page


def test_an_installation_without_page_or_sources_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"this installation has no page.*install the published wheel.*--page"):
        find_page(page=tmp_path / "page", source=tmp_path / "nowhere")


def test_without_npm_the_commands_are_given(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError) as refused:
        find_page(page=tmp_path / "page", source=source)
    assert str(refused.value) == (
        "the page has to be built first, which needs Node.js 20 or newer; install it, then:"
        f" cd {source} && npm ci && npm run build:package"
    )


@pytest.mark.skipif(os.name == "nt", reason="the npm of these tests is a shell script")
def test_a_checkout_builds_it_once(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page"
    make_npm(tmp_path, monkeypatch, f"echo $1 >> log; mkdir -p {page}; touch {page}/index.html {page}/demo.html")
    assert find_page(page=page, source=source) == page
    assert find_page(page=page, source=source) == page
    assert (source / "log").read_text() == "ci\nrun\n"
    assert capsys.readouterr().err == f"building the page, once, from {source}\n"


@pytest.mark.skipif(os.name == "nt", reason="the npm of these tests is a shell script")
def test_a_build_that_fails_names_its_step(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_npm(tmp_path, monkeypatch, '[ "$1" = ci ]')
    with pytest.raises(UsageError, match=r"npm run failed in .*, see above; to try it by hand: cd .* && npm ci && npm"):
        find_page(page=tmp_path / "page", source=source)
