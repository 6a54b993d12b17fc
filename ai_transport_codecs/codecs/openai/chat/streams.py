"""The streams that grow a completion on the wire: which there are, and the places that they grow.

A completion is a document. A place in it is a path such as ``choices/0/message/content``: the keys from the root on,
each with ``~`` as ``~0`` and ``/`` as ``~1``. ``choices`` and ``tool_calls`` are objects by position there, so that
one which is missing, for a reader who came late, costs nothing.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Event: TypeAlias = dict[str, Any]

CONTENT: Final = "content"
REFUSAL: Final = "refusal"
REASONING: Final = "reasoning"
ARGUMENTS: Final = "arguments"
AUDIO: Final = "audio"
TEXT: Final = "text"
ITEMS: Final = "items"

STREAM_KINDS: Final = (CONTENT, REFUSAL, REASONING, ARGUMENTS, AUDIO, TEXT, ITEMS)
"""``items`` grows a list by one line of JSON for each entry, the others grow a text."""

APPROVAL_REQUEST: Final = "tool-approval-request"

_BY_FIELD: Final = {
    "content": CONTENT,
    "refusal": REFUSAL,
    "reasoning": REASONING,
    "reasoning_content": REASONING,
    "arguments": ARGUMENTS,
    "input": ARGUMENTS,
    "data": AUDIO,
    "transcript": AUDIO,
}

_MAX_STEPS: Final = 8
_MAX_PATH: Final = 400


def text_kind(field: str) -> str:
    """The kind of the stream that grows the text of a field."""
    return _BY_FIELD.get(field, TEXT)


def step(key: str) -> str:
    """A key as one step of a path."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def try_steps(path: Any) -> tuple[str, ...] | None:
    """The keys of an untrusted path, or None when it is none or too long."""
    if not isinstance(path, str) or len(path) > _MAX_PATH:
        return None
    steps = tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")) if path else ()
    return steps if len(steps) <= _MAX_STEPS else None


class TextStream:
    """An open stream of text, as its sender knows it."""

    __slots__ = ("delta_type", "key", "kind", "path")

    def __init__(self, key: str, kind: str, path: str) -> None:
        self.key = key
        self.kind = kind
        self.path = path
        self.delta_type = f"{kind}-delta"

    def start(self) -> Event:
        """The event that opens it."""
        return {"type": f"{self.kind}-start", "key": self.key, "path": self.path}

    def delta(self, text: str) -> Event:
        """The event that extends it."""
        return {"type": self.delta_type, "key": self.key, "path": self.path, "delta": text}

    def end(self) -> Event:
        """The event that ends it."""
        return {"type": f"{self.kind}-end", "key": self.key, "path": self.path}
