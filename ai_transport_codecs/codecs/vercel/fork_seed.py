"""The messages that a tool-result fork takes along, for readers that have not seen the run (codec spec f.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from .messages import UIMessage


class SeedMessage(TypedDict):
    """One message of the suspended run, under its fresh ``codec-message-id``."""

    codecMessageId: str
    message: UIMessage


class ForkSeed(TypedDict):
    """All messages of the suspended run, oldest first."""

    messages: list[SeedMessage]


def parse_fork_seed(value: Any) -> list[SeedMessage] | None:
    """The messages of an untrusted seed, without entries and parts that are none; None when it is no seed at all."""
    entries = value.get("messages") if isinstance(value, Mapping) else None
    if not isinstance(entries, list | tuple):
        return None
    return [message for entry in entries if (message := _try_message(entry)) is not None]


def _try_message(entry: Any) -> SeedMessage | None:
    if not isinstance(entry, Mapping):
        return None
    id_, message = entry.get("codecMessageId"), entry.get("message")
    parts = message.get("parts") if isinstance(message, Mapping) else None
    if not isinstance(id_, str) or not isinstance(message, Mapping) or not isinstance(parts, list | tuple):
        return None
    kept = [part for part in parts if isinstance(part, Mapping) and isinstance(part.get("type"), str)]
    # A message as far as was checked; whoever made it may have left out the rest.
    return {"codecMessageId": id_, "message": cast("UIMessage", {**message, "parts": kept})}
