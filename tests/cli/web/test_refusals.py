"""What ``ai-transport demo --web`` says when it cannot run."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from ai_transport_codecs.cli.main import main


def test_a_port_that_is_taken_is_named(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--web", "--port", str(port), "--page", str(page)]) == 2
    assert capsys.readouterr().err == (
        f"ai-transport demo: unable to listen on 127.0.0.1:{port}: Address already in use; choose another port with"
        " --port, or 0 for any that is free\n"
    )


@pytest.mark.parametrize("module", ["starlette", "uvicorn"])
def test_without_its_extra_it_says_what_to_install(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["demo", "--web"]) == 2
    assert capsys.readouterr().err == (
        f"ai-transport demo: {module} is not installed; --web needs `pip install 'ai-transport-codecs[web]'`\n"
    )


def test_a_folder_that_is_no_page_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--web", "--port", "0", "--page", str(tmp_path)]) == 2
    assert f"{tmp_path} is no built page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--port", "8000"], "--port and --page are for --web"),
        (["--page", "."], "--port and --page are for --web"),
        (["--web", "--json"], "--web has a server and no summary; leave out --server and --json"),
        (["--web", "--server"], "--web has a server and no summary; leave out --server and --json"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *arguments]) == 2
    assert capsys.readouterr().err == f"ai-transport demo: {reason}\n"
