"""The frameworks that have a bridge, loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import InvalidArgumentError

from .teller import Answer, Teller

_TELLERS: Final[Mapping[str, str]] = {
    "langchain": "langchain:LangChainTeller",
    "llamaindex": "llamaindex:LlamaIndexTeller",
    "openai-chat": "openai_chat:ChatTeller",
    "openai-responses": "openai_responses:ResponsesTeller",
}

FRAMEWORKS: Final = tuple(_TELLERS)
"""Their names: those of their codecs."""


def check_framework(name: str) -> None:
    """Raises InvalidArgumentError for a name without a bridge."""
    if name not in _TELLERS:
        advice = "its streams are UI message chunks already, pipe them as they are" if name == "vercel" else None
        raise InvalidArgumentError(
            f"there is no bridge from {name!r} to UI messages, only from {', '.join(map(repr, FRAMEWORKS))}:"
            f" {advice or 'pass one of these names'}"
        )


def create_teller(name: str, ui: Answer) -> Teller:
    """A teller for one source of that framework. Raises as :func:`check_framework` and ``get_codec``."""
    check_framework(name)
    codec = get_codec(name)  # explains what is missing, and how to install it
    module, _, cls = _TELLERS[name].partition(":")
    teller: Teller = getattr(import_module(f"{__package__}.{module}"), cls)(codec, ui)
    return teller
