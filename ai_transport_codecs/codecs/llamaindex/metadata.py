"""What of a provider's own objects goes on the wire: token counts, and why and by which model an answer ended.

``raw`` never travels as it is: it repeats the whole answer, and holds whatever a provider put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

TEXTS: Final = ("id", "model", "service_tier", "system_fingerprint", "finish_reason", "stop_reason", "done_reason")
COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_FINAL: Final = frozenset({"completed", "incomplete", "failed"})
_MAX_DEPTH: Final = 3


def note_raw(found: dict[str, Any], raw: Any) -> None:
    """Add what one ``raw`` says to what earlier ones said; cheap for one that says nothing new."""
    fields = raw if type(raw) is dict else getattr(raw, "__dict__", None)
    if fields is None:
        return
    response = fields.get("response")
    if response is not None:  # an event of the Responses API
        fields = getattr(response, "__dict__", fields)
    usage, choices = fields.get("usage"), fields.get("choices")
    reason = _finish_reason(choices) if choices else None
    if not found or usage is not None or reason is not None or "status" in fields or "done" in fields:
        for key in TEXTS:
            value = fields.get(key)
            if value and isinstance(value, str):
                found[key] = str.__str__(value)
        status = fields.get("status")
        if isinstance(status, str) and status in _FINAL:
            found["status"] = str.__str__(status)
        if reason is not None:
            found["finish_reason"] = reason
        if usage is not None:
            note_usage(found, usage)


def _finish_reason(choices: Any) -> str | None:
    if type(choices) is not list or not choices:
        return None
    first = choices[0]
    reason = first.get("finish_reason") if type(first) is dict else getattr(first, "finish_reason", None)
    return reason if isinstance(reason, str) else None


def note_usage(found: dict[str, Any], usage: Any) -> None:
    """Keep a report of token counts; the last one counts, since each is a total."""
    counts = _counts(usage, 0)
    if counts:
        found["usage"] = counts


def note_counts(found: dict[str, Any], kwargs: Mapping[str, Any]) -> None:
    """Add what the ``additional_kwargs`` of a response count."""
    counts = {key: value for key in COUNTS if type(value := kwargs.get(key)) is int}
    if counts:
        found.setdefault("usage", counts)
    if kwargs.get("usage") is not None:
        note_usage(found, kwargs["usage"])


def _counts(usage: Any, depth: int) -> dict[str, Any]:
    if depth >= _MAX_DEPTH:
        return {}
    fields = usage if isinstance(usage, Mapping) else getattr(usage, "__dict__", {})
    found: dict[str, Any] = {}
    for key, value in fields.items():
        if not isinstance(key, str) or key.startswith("_"):
            continue
        if type(value) is int:
            found[key] = value
        elif not isinstance(value, str | float | bool | list | None) and (nested := _counts(value, depth + 1)):
            found[key] = nested
    return found
