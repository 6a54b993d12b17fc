"""Header fields: mistyped values stay out, malformed headers read as absent (codec spec d.1)."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs.codec.fields import HeaderField, choice, flag, headers_of, json, text, values_of
from ai_transport_codecs.wire.absent import ABSENT

REASON = choice("reason", ["stop", "length"], "other")


@pytest.mark.parametrize(
    ("field", "value", "header"),
    [
        (text("k"), "", ""),
        (text("k"), "é", "é"),
        (text("k"), True, None),
        (text("k"), None, None),
        (flag("k"), True, "true"),
        (flag("k"), False, "false"),
        (flag("k"), 1, None),
        (flag("k"), "true", None),
        (json("k"), 0, "0"),
        (json("k"), "", '""'),
        (json("k"), {"b": [1.0]}, '{"b":[1]}'),
        (json("k"), None, None),
        (REASON, "unheard of", "unheard of"),
        (REASON, 3, None),
    ],
)
def test_what_is_written(field: HeaderField, value: Any, header: str | None) -> None:
    assert field.write(value) == header


@pytest.mark.parametrize(
    ("field", "header", "value"),
    [
        (text("k"), "", ""),
        (text("k"), ABSENT, ABSENT),
        (text("k", "d"), ABSENT, "d"),
        (text("k", "d"), 7, "d"),
        (flag("k"), "true", True),
        (flag("k"), "TRUE", False),
        (flag("k"), "", False),
        (flag("k"), ABSENT, ABSENT),
        (flag("k", default=True), ABSENT, True),
        (json("k"), "null", None),
        (json("k"), "{", ABSENT),
        (json("k"), "NaN", ABSENT),
        (json("k"), ABSENT, ABSENT),
        (json("k"), 7, ABSENT),
        (json("k"), "[" * 100_000, ABSENT),
        (REASON, "length", "length"),
        (REASON, "unheard of", "other"),
        (REASON, ABSENT, "other"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_read(field: HeaderField, header: Any, value: Any) -> None:
    assert field.read(header) == value


def test_headers_come_in_the_order_of_the_fields_after_the_kind() -> None:
    fields = (text("b"), json("a"), flag("c"))
    source = {"a": 1, "b": "x", "c": None, "d": "not a field"}
    assert list(headers_of(fields, "k", source).items()) == [("kind", "k"), ("b", "x"), ("a", "1")]
    assert headers_of(fields, "k", source, only=["a"]) == {"kind": "k", "a": "1"}
    assert values_of(fields, {"b": "x", "a": "{", "c": "no", "e": "?"}) == {"b": "x", "c": False}
