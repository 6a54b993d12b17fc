"""Why a UI message ended, and what is known of it: model and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .spoken import Spoken

_REASONS: Final = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool-calls",
    "tool-calls": "tool-calls",
    "tool_use": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
    "content-filter": "content-filter",
    "refusal": "content-filter",
    "safety": "content-filter",
    "error": "error",
    "failed": "error",
}
"""The providers' words for why a model stopped, and the AI SDK's; another one is ``other``."""


def finish_reason(spoken: Sequence[Spoken]) -> str:
    """The AI SDK's word for why the last message ended.

    Some providers say ``stop``, or nothing, although tools were called, or although the model refused.
    """
    if not spoken:
        return "stop"
    last = spoken[-1]
    reason = "stop" if last.finish_reason is None else _REASONS.get(last.finish_reason.lower(), "other")
    if reason == "stop" and last.has_open_calls:
        return "tool-calls"
    return "content-filter" if reason == "stop" and last.has_refused else reason


def metadata(spoken: Sequence[Spoken]) -> dict[str, Any]:
    """The message's metadata, as :mod:`ai_transport_codecs.convert` reads it: the tokens of all steps together."""
    found: dict[str, Any] = {}
    used = [each.usage for each in spoken if each.usage is not None]
    for name in ("model", "finish_reason"):
        values = [value for each in spoken if (value := getattr(each, name)) is not None]
        if values:
            found["finishReason" if name == "finish_reason" else name] = values[-1]
    if used:
        found["usage"] = {
            "inputTokens": sum(usage.input_tokens for usage in used),
            "outputTokens": sum(usage.output_tokens for usage in used),
            "totalTokens": sum(usage.total_tokens for usage in used),
        }
    return found


def count(usage: Any, *names: str) -> int:
    """The first of a report's counts that is there."""
    return next((value for name in names if type(value := usage.get(name)) is int), 0)
