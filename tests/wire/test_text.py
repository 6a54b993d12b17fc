"""Text that a publisher cut anywhere, also within a character, joins to what it was."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.wire.text import TextBuffer, join_surrogates, try_suffix

ANY_TEXT = st.text(st.characters(codec="utf-8"))


def cut_units(text: str, cuts: list[int]) -> list[str]:
    """The text cut before these UTF-16 code units, each piece as Python would have received it."""
    raw = text.encode("utf-16-le")
    edges = [0, *sorted({2 * cut for cut in cuts if 2 * cut <= len(raw)}), len(raw)]
    return [raw[start:end].decode("utf-16-le", "surrogatepass") for start, end in itertools.pairwise(edges)]


@given(ANY_TEXT, st.lists(st.integers(0, 40)))
def test_text_cut_between_any_code_units_joins_to_the_same(text: str, cuts: list[int]) -> None:
    buffer = TextBuffer()
    for piece in cut_units(text, cuts):
        buffer.append(piece)
    assert str(buffer) == text
    assert bool(buffer) is bool(text)


@given(ANY_TEXT, ANY_TEXT)
def test_a_suffix_is_what_was_added(prefix: str, added: str) -> None:
    assert try_suffix(prefix + added, prefix) == added


def test_a_suffix_is_found_in_text_whose_halves_were_put_side_by_side() -> None:
    halves = "\ud83d" + "\ude00"  # as a channel rolls two appends up
    assert try_suffix(halves + "!", "😀") == "!"
    assert try_suffix("😀!", halves) == "!"
    assert try_suffix(halves, "😁") is None


@given(ANY_TEXT)
def test_a_suffix_may_begin_within_a_character(text: str) -> None:
    for at in range(len(text.encode("utf-16-le")) // 2):
        held = cut_units(text, [at])[0] if at else ""
        found = try_suffix(text, held)
        assert found is not None
        assert join_surrogates(held + found) == text


def test_other_text_has_no_suffix() -> None:
    assert try_suffix("abc", "abd") is None
    assert try_suffix("ab", "abc") is None
    assert try_suffix("\U0001f389", "\ud83d") is None


def test_lone_halves_stay_and_reading_does_not_end_the_growth() -> None:
    buffer = TextBuffer("\ud83c")
    assert str(buffer) == "\ud83c"
    buffer.append("\udf89!")
    assert str(buffer) == "🎉!"
    buffer.replace("")
    assert not buffer
