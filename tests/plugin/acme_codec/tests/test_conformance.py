"""The ``acme`` codec keeps the laws."""

# ruff: noqa: RUF012 - the attributes of a test class are never changed

from __future__ import annotations

import acme_sdk  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

from ai_transport_codecs import get_codec
from ai_transport_codecs.testing import CodecConformance


class TestAcme(CodecConformance):
    codec = get_codec("acme")
    samples = {
        "an answer": [acme_sdk.Word("Lis"), acme_sdk.Heartbeat(), acme_sdk.Word("bon")],
        "a tool": [acme_sdk.Word("Let me look. "), acme_sdk.ToolUse("sky", {"colour": "blue"}), acme_sdk.Word("Blue.")],
    }
    expected = {"an answer": [{"role": "assistant", "text": "Lisbon", "tools": []}]}
    inputs = ["Where to?"]
    event_types = {
        "Word": acme_sdk.Word("Lisbon"),
        "ToolUse": acme_sdk.ToolUse("sky", None),
        "Audio": acme_sdk.Audio(b""),
    }
    refused_types = ["Audio"]  # a reader of text has no use for it
