"""The command line: what it prints, and what it exits with."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from ai_transport_codecs.cli.main import main


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ai_transport_codecs.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "demo" in said
    assert "codecs" in said


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"ai-transport-codecs {version('ai-transport-codecs')}\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["demo", "--loud"], ["demo", "--seed", "x"]])
def test_a_wrong_command_line_is_2_and_says_why(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: ai-transport" in capsys.readouterr().err


def test_the_installed_codecs_are_listed_with_their_state() -> None:
    answer = run("codecs")
    header, *rows = answer.stdout.splitlines()
    assert header.split() == ["codec", "distribution", "version", "state"]
    names = {row.split()[0] for row in rows}
    assert {"langchain", "llamaindex", "openai-chat", "openai-responses", "vercel"} <= names
    states = {row.split()[0]: " ".join(row.split()[3:]) for row in rows}
    assert states["vercel"] == "loads"
    assert answer.returncode == (0 if set(states.values()) == {"loads"} else 1)
    assert all(state == "loads" or "pip install" in state for state in states.values())


HIDE = (
    "import sys; sys.modules[{module!r}] = None; from ai_transport_codecs.cli.main import main;"
    " sys.exit(main(['demo']))"
)


@pytest.mark.parametrize("module", ["langchain_core", "langchain_openai"])
def test_the_demo_without_its_extra_says_what_to_install(module: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", HIDE.format(module=module)], capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.returncode == 2
    assert "is not installed; the demo needs `pip install 'ai-transport-codecs[demo]'`" in answer.stderr
    assert answer.stdout == ""
