"""Tool inputs and outputs as values and as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ai_transport_codecs.wire.json_text import parse_json

from .blocks import Losses, ToolCall


def call_of(id: str, name: str, arguments: Any, *, by_provider: bool = False) -> ToolCall:
    """A call whose arguments are JSON text, or text that never became JSON."""
    if not isinstance(arguments, str):
        return ToolCall(id, name, {} if arguments is None else arguments, by_provider=by_provider)
    if not arguments:
        return ToolCall(id, name, {}, by_provider=by_provider)
    try:
        return ToolCall(id, name, parse_json(arguments), by_provider=by_provider)
    except ValueError:
        return ToolCall(id, name, arguments, is_json=False, by_provider=by_provider)


def text_of(content: Any) -> Any:
    """The text of a tool's message: a string, or the texts of its parts; other parts stay as they are."""
    if content is None:
        return ""
    if not isinstance(content, list | tuple):
        return content
    if all(isinstance(part, Mapping) and part.get("type") in {"text", "input_text"} for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    return list(content)


def result_text(output: Any, losses: Losses) -> str:
    """A tool's output as text: JSON text of what is no string."""
    if isinstance(output, str):
        return output
    losses.note("tool output structure", "the format holds text; it is written as JSON text")
    return json.dumps(output, ensure_ascii=False)
