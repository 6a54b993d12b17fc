"""How the demo was asked to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_OPENAI_URL: Final = "https://api.openai.com/v1"
_DEFAULT_MODEL: Final = "gpt-4o-mini"


@dataclass(frozen=True, slots=True)
class RealProvider:
    """A chat completions API to ask instead of the recordings."""

    api_key: str
    base_url: str = _OPENAI_URL
    model: str = _DEFAULT_MODEL

    @property
    def address(self) -> str:
        """The base URL without what is secret in it."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``fast``: without the pauses of a provider. ``seed``: for those pauses. ``real``: None for the recordings.

    ``server``: over real sockets, through a local server.
    """

    fast: bool = False
    seed: int = 7
    real: RealProvider | None = None
    server: bool = False


def real_provider(environment: Mapping[str, str]) -> RealProvider | None:
    """The provider that the usual variables name: OPENAI_API_KEY, and optionally OPENAI_BASE_URL and OPENAI_MODEL."""
    api_key = environment.get("OPENAI_API_KEY", "").strip()
    if not api_key:
        return None
    base_url = environment.get("OPENAI_BASE_URL", "").strip() or _OPENAI_URL
    return RealProvider(api_key, base_url, environment.get("OPENAI_MODEL", "").strip() or _DEFAULT_MODEL)
