"""JSON text is JavaScript's, to the byte."""

from __future__ import annotations

import json
import shutil
import subprocess
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.wire.json_text import dump_json, parse_json

NUMBERS: Final[tuple[tuple[Any, str], ...]] = (
    (0, "0"),
    (-0.0, "0"),
    (1.0, "1"),
    (-1.5, "-1.5"),
    (1e21, "1e+21"),
    (1e20, "100000000000000000000"),
    (123456789012345680000.0, "123456789012345680000"),
    (1e-6, "0.000001"),
    (1e-7, "1e-7"),
    (1.25e-9, "1.25e-9"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (float("nan"), "null"),
    (float("inf"), "null"),
    (True, "true"),
    (None, "null"),
)


@pytest.mark.parametrize(("value", "text"), NUMBERS, ids=str)
def test_numbers_are_written_as_ecmascript_writes_them(value: Any, text: str) -> None:
    assert dump_json(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é日🎉", '"é日🎉"'),
        ('"\\/', '"\\"\\\\/"'),
        ("\b\f\n\r\t\x00\x1f\x7f\u2028", '"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\u2028"'),
        ("\ud83c\udf89", '"🎉"'),
        ("a\ud83cb\udf89", '"a\\ud83cb\\udf89"'),
    ],
)
def test_text_is_raw_but_for_what_must_be_escaped(value: str, text: str) -> None:
    assert dump_json(value) == text


def test_array_indices_come_first_and_in_order_the_other_keys_as_inserted() -> None:
    value = {"b": 1, "10": 2, "2": 3, "a": 4, "01": 5, "-1": 6, "4294967294": 7, "4294967295": 8}
    assert dump_json(value) == '{"2":3,"10":2,"4294967294":7,"b":1,"a":4,"01":5,"-1":6,"4294967295":8}'


def test_nothing_has_spaces_and_tuples_are_arrays() -> None:
    assert dump_json({"a": [1, (2, {})], "b": {}}) == '{"a":[1,[2,{}]],"b":{}}'


@pytest.mark.parametrize("value", [b"x", {1: 2}, {"a": {3}}, object()])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot be carried as JSON|keys are strings"):
        dump_json(value)


def test_what_is_nested_too_deeply_is_refused_both_ways() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="nested too deeply"):
        dump_json(loop)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 200_000)


@pytest.mark.parametrize("text", ["", "NaN", "-Infinity", "{", "[1,]", "nul", "{'a':1}"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_what_is_written_reads_back(value: Any) -> None:
    assert parse_json(dump_json(value)) == value


def _random_value(random: Random, depth: int = 0) -> Any:
    kind = random.randrange(8 if depth < 3 else 6)
    match kind:
        case 0:
            return random.choice([None, True, False])
        case 1:
            return random.randint(-(2**53), 2**53)
        case 2 | 3:
            return random.choice([1, -1]) * random.random() * 10.0 ** random.randint(-330, 308)
        case 4 | 5:
            return "".join(chr(random.choice([random.randrange(1, 0x500), 0x2028, 0x1F389, 9])) for _ in range(6))
        case 6:
            return [_random_value(random, depth + 1) for _ in range(random.randrange(4))]
        case _:
            keys = [str(random.choice([random.randrange(30), "k", "é", "-1", "01", 4294967295])) for _ in range(4)]
            return {key: _random_value(random, depth + 1) for key in keys}


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no JavaScript here to compare with")
def test_thousands_of_values_are_written_as_javascript_writes_them() -> None:
    random = Random(7)
    values = [_random_value(random) for _ in range(5_000)]
    program = (
        "const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n');"
        "console.log(lines.map((line) => JSON.stringify(JSON.parse(line))).join('\\n'))"
    )
    answer = subprocess.run(
        ["node", "-e", program],  # noqa: S607 - the one that is there
        input="\n".join(json.dumps(value) for value in values),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        encoding="utf-8",
    )
    assert answer.stdout.removesuffix("\n").split("\n") == [dump_json(value) for value in values]
