"""Recorded provider streams, as they were framed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

# An event ends with a blank line; servers end lines with either.
_EVENT: Final = re.compile(rb".*?(?:\r?\n){2}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded answer: the question it answers, its SSE events byte for byte, and how fast such a model is.

    ``tokens_per_second`` is our guess, since recordings hold no times.
    """

    question: str
    events: tuple[bytes, ...]
    tokens_per_second: float = 80.0

    @property
    def body(self) -> bytes:
        """The response body, as it was recorded."""
        return b"".join(self.events)

    def texts(self) -> list[str]:
        """For each event, the text that it adds to the answer."""
        return [_text(event) for event in self.events]

    @property
    def characters(self) -> int:
        """How long the answer is."""
        return sum(map(len, self.texts()))


def split_events(body: bytes) -> tuple[bytes, ...]:
    """The SSE events of a response body, each with its blank line; joined they are the body again."""
    events = _EVENT.findall(body)
    rest = body[sum(map(len, events)) :]
    return (*events, rest) if rest else tuple(events)


def story() -> Recording:
    """A long answer: 880 events of gpt-4o-mini."""
    return Recording("Write a story about a cat.", _bundled("story.sse"))


def riddle() -> Recording:
    """A short answer: 75 events of gpt-5.1, which thinks before and while it answers."""
    question = "A farmer has 17 sheep and all but 9 run away. How many sheep remain? Explain your reasoning."
    return Recording(question, _bundled("riddle.sse"), tokens_per_second=30.0)


def buildings() -> Recording:
    """An answer with thoughts: o4-mini sums up how it reasons, then answers (Responses API)."""
    question = "What was the third tallest building in the year 2000?"
    return Recording(question, _bundled("buildings.responses.sse"))


def weather(api: Literal["chat", "responses"]) -> tuple[Recording, ...]:
    """An answer in two rounds: the model asks a tool for the weather in a city, and says what it was told.

    The tool is ``get_current_weather`` (the city is Boston) with ``chat`` completions, ``get_weather`` (San Francisco)
    with ``responses``; both take a ``location``.
    """
    city = "Boston" if api == "chat" else "San Francisco, CA"
    names = (f"weather-{part}.{api}.sse" for part in ("call", "answer"))
    return tuple(Recording(f"What is the weather in {city}?", _bundled(name), tokens_per_second=40.0) for name in names)


def _bundled(name: str) -> tuple[bytes, ...]:
    return split_events((files("ai_transport_codecs.cli") / "recordings" / name).read_bytes())


def _text(event: bytes) -> str:
    data = event.removeprefix(b"data:").strip()
    if not data.startswith(b"{"):
        return ""
    choices: list[dict[str, Any]] = json.loads(data).get("choices", [])
    return "".join(choice.get("delta", {}).get("content") or "" for choice in choices)
