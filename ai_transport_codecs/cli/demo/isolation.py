"""Keeping the recorded demo on this machine, whatever the environment says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

# A proxy would be asked for the loopback provider, and LangSmith would be told what was said.
_STAY_HERE: Final[Mapping[str, str]] = {
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
    "LANGSMITH_TRACING": "false",
    "LANGSMITH_TRACING_V2": "false",
    "LANGCHAIN_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
}
_PREFIXES: Final = ("OPENAI_", "LANGCHAIN_", "LANGSMITH_")
_PROXIES: Final = frozenset({"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"})


@contextmanager
def local_environment() -> Iterator[None]:
    """While this lasts, no environment variable sends anything away from this machine."""
    removed = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(_PREFIXES) or name.upper() in _PROXIES or name in _STAY_HERE
    }
    for name in removed:
        del os.environ[name]
    os.environ.update(_STAY_HERE)
    try:
        yield
    finally:
        for name in _STAY_HERE:
            os.environ.pop(name, None)
        os.environ.update(removed)
