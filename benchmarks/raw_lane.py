"""A provider's bytes to wire operations: read raw, beside the SDK's own objects of the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from openai._models import construct_type  # what the SDK's own stream does with each event
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent

from ai_transport_codecs.codecs.openai.chat import from_sse as chat_from_sse
from ai_transport_codecs.codecs.openai.responses import from_sse as responses_from_sse

from .codec_sources import chat_text, responses_text
from .timing import best_microseconds

COUNT = 1_000


def _lines(events: Sequence[dict[str, Any]]) -> list[bytes]:
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events] + [b"data: [DONE]\n\n"]


def _constructed(lines: Sequence[bytes], kind: Any) -> None:
    for line in lines[:-1]:
        construct_type(type_=kind, value=json.loads(line[6:]))


def raw_lane_costs() -> dict[str, dict[str, float]]:
    """Microseconds per chunk: ``from_sse`` to wire operations, ``sdk`` to the SDK's objects alone, and their ratio."""
    found = {}
    for name, events, from_sse, kind in (
        ("openai-chat", chat_text(COUNT), chat_from_sse, ChatCompletionChunk),
        ("openai-responses", responses_text(COUNT), responses_from_sse, ResponseStreamEvent),
    ):
        lines = _lines(events)
        raw = best_microseconds(lambda read=from_sse, given=lines: list(read(given)), COUNT)  # type: ignore[misc]  # bound at once
        sdk = best_microseconds(lambda given=lines, of=kind: _constructed(given, of), COUNT, rounds=3)  # type: ignore[misc]  # bound at once
        found[name] = {"from_sse": raw, "sdk": sdk, "from_sse / sdk": raw / sdk}
    return found
