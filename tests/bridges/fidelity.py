"""The turn that adapters lose something of: reasoning, text, two interleaved calls, their results, usage."""

from __future__ import annotations

from typing import Any, Final


def called(name: str, id_: str, given: dict[str, str], output: str) -> dict[str, Any]:
    """A tool call with its result, as a part."""
    tool = {"type": f"tool-{name}", "toolCallId": id_, "state": "output-available"}
    return {**tool, "input": given, "output": output}


PARTS: Final = [
    {"type": "step-start"},
    {"type": "reasoning", "text": "Weather first."},
    {"type": "text", "text": "Let me look."},
    called("weather", "call-1", {"city": "Lisbon"}, "sunny in Lisbon"),
    called("clock", "call-2", {"zone": "WET"}, "noon in WET"),
    {"type": "step-start"},
    {"type": "text", "text": "Sunny, and noon."},
]
METADATA: Final = {
    "model": "m-1",
    "finishReason": "stop",
    "usage": {"inputTokens": 40, "outputTokens": 25, "totalTokens": 65},
}
