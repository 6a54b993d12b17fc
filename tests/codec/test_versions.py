"""Version ranges mean what they mean to an installer: packaging, which is one's heart, is the judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion
from packaging.version import Version as PackagingVersion

from ai_transport_codecs.codec.versions import parse_version, satisfies

numbers = st.sampled_from(["0", "1", "2", "10", "007"])
releases = st.lists(numbers, min_size=1, max_size=4).map(".".join)
pre_phases = st.sampled_from(["a", "alpha", "b", "beta", "c", "rc", "RC", "pre", "preview"])
separators = st.sampled_from(["", ".", "-", "_"])
versions = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "", "v", "0!", "1!"]),
        releases,
        st.one_of(st.just(""), st.builds("".join, st.tuples(separators, pre_phases, separators, numbers))),
        st.sampled_from(["", "", "", ".post1", "-1", "post", "r2", ".rev0"]),
        st.sampled_from(["", "", "", ".dev1", "dev", "-dev0", "_DEV.3"]),
        st.sampled_from(["", "", "", "+abc", "+1", "+1.abc", "+ABC-2", "+ubuntu_1"]),
    ),
)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~=", "==="])
clauses = st.builds(
    "".join, st.tuples(operators, st.sampled_from(["", " "]), st.one_of(versions, releases.map("{}.*".format)))
)


def in_packaging(version: str, specifiers: str) -> bool | None:
    try:
        return SpecifierSet(specifiers).contains(version, prereleases=True)
    except InvalidSpecifier:
        return None


def in_ours(version: str, specifiers: str) -> bool | None:
    try:
        return satisfies(version, specifiers)
    except ValueError:
        return None


@given(versions, clauses)
def test_a_clause_accepts_what_an_installer_accepts(version: str, clause: str) -> None:
    assert in_ours(version, clause) == in_packaging(version, clause)


@given(versions, st.lists(clauses, max_size=3).map(",".join))
def test_a_range_is_all_of_its_clauses(version: str, specifiers: str) -> None:
    expected = in_packaging(version, specifiers)
    # An installer reads all clauses before it looks at any; we stop at the first that refuses.
    assert in_ours(version, specifiers) == expected or (expected is None and not in_ours(version, specifiers))


@given(versions, versions)
def test_versions_sort_as_an_installer_sorts_them(one: str, other: str) -> None:
    ours, theirs = (parse_version(one), parse_version(other)), (PackagingVersion(one), PackagingVersion(other))
    assert (ours[0] < ours[1], ours[0] == ours[1]) == (theirs[0] < theirs[1], theirs[0] == theirs[1])


@given(st.text("0123456789.abcdevpostrc!+-_* v", max_size=12))
def test_a_text_is_a_version_exactly_when_an_installer_says_so(text: str) -> None:
    def reads(read: type[PackagingVersion] | object) -> bool:
        try:
            read(text)  # type: ignore[operator]
        except (InvalidVersion, ValueError):
            return False
        return True

    assert reads(parse_version) == reads(PackagingVersion)


@pytest.mark.parametrize(
    ("version", "specifiers", "expected"),
    [
        ("1.7.2", ">=1.0,<2", True),
        ("2.0", ">=1.0,<2", False),
        ("2.0rc1", "<2", False),
        ("1.0.dev3", ">=1.0", False),
        ("1.0+local", "==1.0", True),
        ("1.4.9", "~=1.4.2", True),
        ("1.5", "~=1.4.2", False),
        ("1!0.1", ">=9", True),
        ("anything at all", "", True),
    ],
)
def test_examples(version: str, specifiers: str, *, expected: bool) -> None:
    assert satisfies(version, specifiers) is expected


@pytest.mark.parametrize("specifiers", ["1.0", "=>1", ">=1.x", "==1.*.2", "~=1", ">=1+local", "==1rc1.*", "~=1.0+x"])
def test_a_text_that_is_no_range_is_refused(specifiers: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        satisfies("1.0", specifiers)
