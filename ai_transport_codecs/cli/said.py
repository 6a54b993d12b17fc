"""What a message of any codec says, as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .text import printable

_PARTS: Final = ("parts", "items", "content", "blocks")
"""Where messages keep their parts: UI messages, Responses, chat and LangChain, LlamaIndex."""

_SAYS: Final = frozenset({None, "text", "output_text", "input_text", "message", "refusal"})
"""The types of parts that are said to the user; reasoning, calls and files are not."""


def said(message: Any) -> str:
    """The text of a message, without control characters; empty when it says none."""
    return printable("".join(_texts(message)))


def speaker(message: Any) -> str:
    """Whose message it is, in the codec's own word."""
    role = _get(message, "role", "type")
    return printable(str(getattr(role, "value", role) or "message"))


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif value is not None and (isinstance(value, Mapping) is False or value.get("type") in _SAYS):
        text = _get(value, "text", "refusal")
        if isinstance(text, str):
            yield text
        else:
            yield from _texts(_get(value, *_PARTS))


def _get(value: Any, *names: str) -> Any:
    """The first of these members that is there."""
    if isinstance(value, Mapping):
        return next((value[name] for name in names if value.get(name) is not None), None)
    return next((found for name in names if (found := getattr(value, name, None)) is not None), None)
