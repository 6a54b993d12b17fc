"""The ``vercel`` codec keeps every law of the conformance kit."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

from ai_transport_codecs.codecs.vercel import CODEC, UIMessageChunk
from ai_transport_codecs.testing import CodecConformance

AGENT: Sequence[Any] = [
    {"type": "start", "messageId": "ui-1", "messageMetadata": {"model": "m"}},
    {"type": "start-step"},
    {"type": "reasoning-start", "id": "0"},
    {"type": "reasoning-delta", "id": "0", "delta": "Lisbon"},
    {"type": "reasoning-delta", "id": "0", "delta": " is \U0001f1f5\U0001f1f9"},
    {"type": "reasoning-end", "id": "0"},
    {"type": "tool-input-start", "toolCallId": "c1", "toolName": "sky"},
    {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"city":'},
    {"type": "tool-input-start", "toolCallId": "c2", "toolName": "sea", "dynamic": True},
    {"type": "tool-input-delta", "toolCallId": "c2", "inputTextDelta": "{}"},
    {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": ' "Lisbon"}'},
    {"type": "tool-input-available", "toolCallId": "c1", "toolName": "sky", "input": {"city": "Lisbon"}},
    {"type": "tool-input-available", "toolCallId": "c2", "toolName": "sea", "input": {}, "dynamic": True},
    {"type": "tool-output-available", "toolCallId": "c1", "output": {"sky": "blue"}},
    {"type": "tool-output-error", "toolCallId": "c2", "errorText": "no sea", "dynamic": True},
    {"type": "finish-step"},
    {"type": "start-step"},
    {"type": "text-start", "id": "0"},
    {"type": "text-delta", "id": "0", "delta": "It is "},
    {"type": "data-weather", "id": "w", "data": {"sky": "blue"}},
    {"type": "text-delta", "id": "0", "delta": "blue."},
    {"type": "text-end", "id": "0"},
    {"type": "source-url", "sourceId": "s1", "url": "http://localhost/sky", "title": "Sky"},
    {"type": "finish-step"},
    {"type": "finish", "finishReason": "stop", "messageMetadata": {"tokens": 12}},
]
APPROVAL: Sequence[Any] = [
    {"type": "start"},
    {"type": "start-step"},
    # Announced and in pieces, since input that is given at once creates no part when it is folded directly.
    {"type": "tool-input-start", "toolCallId": "c9", "toolName": "book"},
    {"type": "tool-input-delta", "toolCallId": "c9", "inputTextDelta": '{"hotel": 1}'},
    {"type": "tool-input-available", "toolCallId": "c9", "toolName": "book", "input": {"hotel": 1}},
    {"type": "tool-approval-request", "toolCallId": "c9", "approvalId": "a9"},
    {"type": "finish-step"},
    {"type": "finish", "finishReason": "tool-calls"},
]


def types_of_chunks() -> list[str]:
    """Every type in the union of chunks; a wildcard's by an example."""
    hints = [typing.get_type_hints(chunk)["type"] for chunk in typing.get_args(UIMessageChunk)]
    return ["data-x" if hint is str else typing.get_args(hint)[0] for hint in hints]


class TestVercel(CodecConformance):
    codec = CODEC
    samples: Mapping[str, Any] = {"an agent": AGENT, "an approval": APPROVAL}
    takes_tool_inputs = True
    event_types = types_of_chunks()
    inputs = (
        "Where to?",
        {
            "id": "u1",
            "role": "user",
            "parts": [
                {"type": "text", "text": "Look:"},
                {"type": "file", "mediaType": "image/png", "url": "http://localhost/map.png"},
            ],
        },
        CODEC.create_regenerate("run-1:", "input-1"),
        {
            "kind": "tool-result",
            "codecMessageId": "run-1:",
            "payload": {"toolCallId": "c9", "output": {"booked": True}},
        },
        {"kind": "tool-result-error", "codecMessageId": "run-1:", "payload": {"toolCallId": "c9", "message": "full"}},
        {
            "kind": "tool-approval-response",
            "codecMessageId": "run-1:",
            "payload": {"toolCallId": "c9", "approved": True},
        },
    )
