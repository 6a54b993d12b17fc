"""Neutral content: what a message says, whatever framework it is of.

The normal form of a conversation: a tool's result is a block of a message of role ``tool`` that follows the message
with the call. Only what a provider ran itself stands beside its call. An answer in several steps is several messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
MediaKind: TypeAlias = Literal["image", "audio", "video", "file"]
Approval: TypeAlias = Literal["requested", "approved", "denied"]


@dataclass(frozen=True, slots=True)
class Source:
    """A page or document that an answer draws on. ``quote`` is the passage of it."""

    url: str | None = None
    title: str | None = None
    id: str | None = None
    media_type: str | None = None
    filename: str | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of a passage of a text: characters ``start`` to ``end`` of it, when these are known."""

    source: Source
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Text, with where it comes from."""

    text: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a model says instead of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought. ``seal`` is the provider's own proof of it (a signature, an encrypted copy)."""

    text: str
    seal: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool is asked for.

    ``input`` is a JSON value, or with ``is_json=False`` the text that never became one. ``by_provider``: the provider
    runs it. ``approval``: whether the user was asked, and what they said, with their ``reason``.
    """

    id: str
    name: str
    input: Any = field(default_factory=dict)
    is_json: bool = True
    by_provider: bool = False
    approval: Approval | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered: any JSON value, or the text of its error."""

    call_id: str
    output: Any
    is_error: bool = False
    name: str | None = None
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, a sound, a film or a file: by ``url``, as base64 ``data``, or by a provider's ``file_id``."""

    kind: MediaKind
    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    filename: str | None = None
    file_id: str | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """Something of the application's, or of one provider's, that has a name and a JSON value."""

    name: str
    value: Any = None
    id: str | None = None


Block: TypeAlias = Text | Refusal | Reasoning | ToolCall | ToolResult | Media | Source | Data


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message in neutral form. ``id`` is a name, not content: it is kept where a format has a place for it.

    ``part_of`` is the id of the message that this one is a step of, for formats that show all steps as one.
    """

    role: Role
    blocks: tuple[Block, ...] = ()
    id: str | None = None
    name: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    part_of: str | None = None


class Loss(NamedTuple):
    """Something that did not come along: the index of its message, what it was, and why."""

    message: int
    what: str
    why: str


class Losses:
    """Collects what is lost, of one message after the other."""

    def __init__(self) -> None:
        self.found: list[Loss] = []
        self.index = 0

    def note(self, what: str, why: str) -> None:
        """Something of the present message is left out; each thing is named once a message."""
        loss = Loss(self.index, what, why)
        if loss not in self.found:
            self.found.append(loss)

    def note_unread(self, owner: str, value: Mapping[str, Any], known: Sequence[str]) -> None:
        """Name the properties of ``value`` beyond those ``known``; empty ones say nothing."""
        for key, item in value.items():
            if key not in known and not _is_empty(item):
                self.note(f"{owner}.{key}", "the neutral form has no place for it")


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | bytes | list | tuple | dict) and not value)
