"""A framework in small: an agent streams words, calls of tools with their results, and signs of life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass
class Word:
    """A piece of the answer."""

    text: str


@dataclass
class ToolUse:
    """A tool that the agent used, and what it said."""

    name: str
    result: Any


@dataclass
class Heartbeat:
    """The agent is alive."""


@dataclass
class Audio:
    """The answer, spoken."""

    samples: bytes


EVENTS: Final = (Word, ToolUse, Heartbeat, Audio)
"""Everything that an agent may stream."""
