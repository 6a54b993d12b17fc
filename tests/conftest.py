"""Leaves out the tests of a codec whose framework is not installed, and says so; tox says which may be."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

# No deadline: how long an example takes says something about the machine, not about the code.
settings.register_profile("no-clock", deadline=None)
settings.load_profile("no-clock")

# The folders of tests that need a framework, with the module that tells whether it is there.
FRAMEWORKS: Final = {
    "adapters/asgi": "starlette",
    "codecs/langchain": "langchain_core",
    "codecs/llamaindex": "llama_index",
    "codecs/openai": "openai",
    "bridges/langchain": "langgraph",
    "bridges/llamaindex": "llama_index",
    "bridges/openai": "openai",
    "channels/ably": "ably",
    "cli/demo": "langchain_openai",
    "cli/live": "ably",
    "cli/web": "uvicorn",
    "docs/snippets": "langgraph",  # the last of what the pages show together
    "examples": "fastapi",
    "interop": "ably",
    "server": "aiohttp",
}
TESTS: Final = Path(__file__).parent
FOLDERS: Final = [folder for folder in FRAMEWORKS if (TESTS / folder).is_dir()]
ABSENT: Final = [folder for folder in FOLDERS if find_spec(FRAMEWORKS[folder]) is None]

# Told by an environment of its own (`tox run -e browser`), and wherever else somebody installed what it needs.
APART: Final = {"browser": "playwright"}
LEFT_APART: Final = [folder for folder, module in APART.items() if find_spec(module) is None]

# What takes minutes and does not depend on the Python: a brief run leaves it out (tox.ini says when).
LONG: Final = (
    "docs/snippets",
    "docs/test_write_a_codec.py",
    "interop",
    "plugin",
    "channels/ably",
    "bridges",
    "examples",
    "session/test_model.py",
    "session/test_tree_fuzz.py",
    "session/test_tree_orders.py",
    "session/test_view_orders.py",
    "testing/test_vector_model.py",
)
LONG_EVERYWHERE: Final = (
    "test_conformance.py",
    "test_fuzz.py",
    "test_joins.py",
    "test_properties.py",
    "test_recordings.py",
)
IS_BRIEF: Final = bool(os.environ.get("AI_TRANSPORT_CODECS_BRIEF"))

# Only the tests that need a framework, for an environment whose Python has run the others without one.
IS_FRAMEWORKS_ONLY: Final = bool(os.environ.get("AI_TRANSPORT_CODECS_ONLY_FRAMEWORKS"))

collect_ignore = [*ABSENT, *LEFT_APART, *(LONG if IS_BRIEF else ())]
collect_ignore_glob = [f"codecs/*/{name}" for name in LONG_EVERYWHERE if IS_BRIEF] + [
    f"codecs/*/*/{name}" for name in LONG_EVERYWHERE if IS_BRIEF
]


def pytest_configure() -> None:
    """Hold the environment to what it promises: "core" that no framework is there, "all" that none is missing."""
    promise = os.environ.get("AI_TRANSPORT_CODECS_TESTS", "")
    present = [folder for folder in FOLDERS if folder not in ABSENT]
    if promise == "core" and present:
        raise pytest.UsageError(f"the environment promises no framework, but has those of {present}")
    if promise == "all" and ABSENT:
        raise pytest.UsageError(f"the environment promises every framework, but lacks those of {ABSENT}")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what needs no framework, where only the others are wanted."""
    place = collection_path.relative_to(TESTS).as_posix()
    if not IS_FRAMEWORKS_ONLY or place == "." or collection_path.suffix not in {"", ".py"}:
        return None
    wanted = any(f"{place}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{place}/") for folder in FOLDERS)
    return None if wanted else True


def pytest_report_header() -> str:
    brief = f"left out of a brief run: {', '.join((*LONG, *LONG_EVERYWHERE))}; " if IS_BRIEF else ""
    brief += "left out: what needs no framework; " if IS_FRAMEWORKS_ONLY else ""
    left_out = f"left out, their framework is not installed: {', '.join(ABSENT)}"
    return brief + (left_out if ABSENT else "every framework is there")
