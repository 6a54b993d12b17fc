"""The ``acme`` codec keeps the laws."""

# ruff: noqa: RUF012 - the attributes of a test class are never changed

from __future__ import annotations

from acme_sdk import Audio, Heartbeat, ToolUse, Word  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

from ai_transport_codecs import get_codec
from ai_transport_codecs.testing import CodecConformance


class TestAcme(CodecConformance):
    codec = get_codec("acme")
    samples = {
        "an answer": [Word("Lis"), Heartbeat(), Word("bon")],
        "a tool": [Word("Let me look. "), ToolUse("sky", {"colour": "blue"}), Word("Blue.")],
    }
    expected = {"an answer": [{"role": "assistant", "text": "Lisbon", "tools": []}]}
    inputs = ["Where to?"]
    event_types = {
        "Word": Word("Lisbon"),
        "ToolUse": ToolUse("sky", None),
        "Audio": Audio(b""),
    }
    refused_types = ["Audio"]  # a reader of text has no use for it
