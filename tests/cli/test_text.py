"""What a model says reaches a terminal as text, in the cells that it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.cli.table import aligned
from ai_transport_codecs.cli.text import cell_width, fitted, one_line, printable, shortened, wrapped


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("a\tb", "a    b"),
        ("\x1b[2Jgone\x1b]0;title\x07", "[2Jgone]0;title"),
        ("back\rspace\b", "backspace"),
        ("turned \u202eround\u202c", "turned round"),
        ("half \ud83d a face", "half ? a face"),
    ],
)
def test_nothing_that_is_said_controls_the_terminal(said: str, shown: str) -> None:
    assert printable(said) == shown


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert one_line(text).splitlines() in ([], [one_line(text)])


@given(st.text(), st.integers(10, 80))
def test_what_is_shortened_keeps_both_ends(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) <= limit
    assert text.startswith(short.partition("...")[0]) or "..." in text
    assert short == text or short[-1] == text[-1]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers(1, 40))
def test_what_is_fitted_fills_its_cells(text: str, width: int) -> None:
    assert cell_width(fitted(text, width)) == width


@given(st.text(st.sampled_from("ab 日é\u0301\n🎉")), st.integers(2, 20))
def test_wrapped_lines_fit_and_lose_no_word(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_columns_stand_below_one_another_whatever_their_script() -> None:
    assert aligned([("日本", "1"), ("abc", "2")], indent="> ") == ["> 日本   1", "> abc    2"]
    assert aligned([]) == []
