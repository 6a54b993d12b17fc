"""No file of the repository knows the machine, the folders or the package mirrors it was made with."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.source_tree import ROOT

SLASH: Final = "/"
# Spelt so that this file does not find itself.
MACHINE_PATHS: Final = re.compile(
    rf"(?<![\w.:/-]){SLASH}(?:root|home{SLASH}[\w.-]+|Users{SLASH}[\w.-]+|work|tmp{SLASH}[\w.-]+|opt|mnt){SLASH}"
    r"|[A-Z]:\\\\?Users\\"
    rf"|\.\.{SLASH}shared\b|file:{SLASH}{SLASH}{SLASH}"
)
REGISTRY_HOSTS: Final = re.compile(
    r"(?i)\b(?:files\.pythonhosted|registry\.npmjs|registry\.yarnpkg|test\.pypi|pypi\.python)\.org\b"
    rf"|\bpypi\.org{SLASH}simple\b|\b(?:arti[f]actory|nex[u]s|jf[r]og|dev[p]i|code[a]rtifact)\b"
    r"|--(?:extra-)?index[-]url|\bfind[-]links\b"
)
# Recordings and vectors are other people's words, kept as they came.
FOREIGN_TEXT: Final = ("tests/vectors/", "tests/recordings/", "ai_transport_codecs/cli/recordings/")
SELF: Final = "tests/test_text_hygiene.py"


def repository_files() -> list[Path]:
    """What git tracks or would track; without git, as in an unpacked sdist, everything."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return sorted(path for path in ROOT.rglob("*") if path.is_file())
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


FILES: Final = repository_files()


def findings(pattern: re.Pattern[str], *, skip: tuple[str, ...] = ()) -> list[str]:
    found = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if name == SELF or name.startswith(skip):
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{name}:{number}: {match[0]}" for match in pattern.finditer(line)]
    return found


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert findings(MACHINE_PATHS, skip=FOREIGN_TEXT) == []


def test_no_file_names_a_package_registry() -> None:
    assert findings(REGISTRY_HOSTS, skip=FOREIGN_TEXT) == []


def test_text_files_are_utf8_with_unix_line_ends() -> None:
    python = [path for path in FILES if path.suffix in {".py", ".md", ".toml", ".ini"}]
    assert python
    for path in python:
        raw = path.read_bytes()
        raw.decode("utf-8")
        assert b"\r" not in raw, path
        assert not raw or raw.endswith(b"\n"), path


@pytest.mark.parametrize(
    "line",
    [
        "see /home/" + "ann/x",
        "in /root" + "/x",
        "at /tmp/" + "w/x",
        "C:\\Users" + "\\ann",
        "../sha" + "red/x",
        "file://" + "/x",
    ],
)
def test_a_path_of_a_machine_is_recognised(line: str) -> None:
    assert MACHINE_PATHS.search(line)


@pytest.mark.parametrize(
    "line",
    [
        f"https://example.com{SLASH}home{SLASH}x",
        f"a{SLASH}root{SLASH}b",
        f"codecs{SLASH}work{SLASH}x",
        f"from {SLASH}home to work",
    ],
)
def test_what_only_looks_like_one_is_left_alone(line: str) -> None:
    assert not MACHINE_PATHS.search(line)
