"""The two header tiers: what is written, and what untrusted extras read as."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.headers import (
    build_extras,
    codec_headers,
    has_envelope,
    text_header,
    transport_headers,
)
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from ai_transport_codecs.wire.size import message_size


def test_the_codec_tier_and_the_ephemeral_mark_are_left_out_rather_than_empty() -> None:
    assert build_extras({"role": "user"}, {}) == {"ai": {"transport": {"role": "user"}}}
    assert build_extras({}, {"kind": "x"}, ephemeral=True) == {
        "ai": {"transport": {}, "codec": {"kind": "x"}},
        "ephemeral": True,
    }


@pytest.mark.parametrize(
    "extras",
    [None, "x", 1, [], {}, {"ai": None}, {"ai": "x"}, {"ai": []}, {"ai": {"transport": [], "codec": "x"}}],
    ids=repr,
)
def test_malformed_extras_read_as_empty_at_every_level(extras: Any) -> None:
    assert transport_headers(extras) == {}
    assert codec_headers(extras) == {}


@pytest.mark.parametrize(
    ("extras", "is_ours"), [({"ai": {}}, True), ({"ai": []}, True), ({"ai": None}, False), ({}, False), (None, False)]
)
def test_an_empty_envelope_is_one(extras: Any, *, is_ours: bool) -> None:
    assert has_envelope(extras) is is_ours


@pytest.mark.parametrize(("value", "read"), [("R1", "R1"), ("", None), (None, None), (7, None), ({}, None)])
def test_an_empty_id_is_none(value: Any, read: str | None) -> None:
    assert text_header({"run-id": value}, "run-id") == read


def test_a_message_counts_its_name_client_extras_and_data_in_utf8() -> None:
    extras = {"ai": {"transport": {"role": "é"}}}
    message = OutboundMessage("ai-input", "日本", extras)
    assert message_size(message) == len("ai-input") + len('{"ai":{"transport":{"role":"é"}}}'.encode()) + 6
    assert message_size(message, "alice") == message_size(message) + 5
    assert message_size(OutboundMutation("s", {"a": [1, None]}, {})) == len('{"a":[1,null]}') + len("{}")
    assert message_size(OutboundMutation("s", b"\x00\x01", {})) == 2 + 2
    assert message_size(OutboundMutation("s", ABSENT, {})) == message_size(OutboundMutation("s", None, {})) == 2
    with pytest.raises(TypeError, match="cannot be carried as JSON"):
        message_size(OutboundMutation("s", {"a": object()}, {}))
