"""Reading ``Requires-Dist`` lines: names, ranges and markers mean what they mean to packaging."""

from __future__ import annotations

import platform
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement as PackagingRequirement

from ai_transport_codecs.codec.requirements import applies, marker_environment, parse_requirement

here = f"{sys.version_info.major}.{sys.version_info.minor}"
version_tests = st.builds(
    "{} {} '{}'".format,
    st.sampled_from(["python_version", "python_full_version", "implementation_version"]),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    st.sampled_from(["3.8", "3.11", here, platform.python_version(), "4"]),
)
text_tests = st.builds(
    "{} {} '{}'".format,
    st.sampled_from(["os_name", "sys_platform", "platform_system", "platform_machine", "implementation_name"]),
    st.sampled_from(["==", "!=", "in", "not in"]),
    st.sampled_from(["posix", "linux", "linux darwin", "Linux", "x86_64", "cpython", ""]),
)
extra_tests = st.builds(
    "extra {} '{}'".format,
    st.sampled_from(["==", "!="]),
    st.sampled_from(["acme", "Acme_Chat", "acme-chat", "other"]),
)
turned_tests = st.sampled_from(["'3.9' < python_version", "'linux' == sys_platform", "'acme' == extra"])
markers = st.recursive(
    st.one_of(version_tests, text_tests, extra_tests, turned_tests),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=5,
)


@given(markers, st.sampled_from(["", "acme", "acme-chat", "ACME.chat"]))
def test_a_marker_applies_when_packaging_says_so(marker: str, extra: str) -> None:
    ours = applies(parse_requirement(f"acme-sdk ; {marker}"), extra)
    assert ours == Marker(marker).evaluate({"extra": extra})


@given(markers, markers, markers)
def test_and_binds_closer_than_or(one: str, other: str, third: str) -> None:
    marker = f"{one} or {other} and {third}"
    assert applies(parse_requirement(f"acme-sdk; {marker}"), "acme") == Marker(marker).evaluate({"extra": "acme"})


def test_the_environment_is_the_one_that_installers_see() -> None:
    assert dict(marker_environment()) == {key: value for key, value in default_environment().items() if key != "extra"}


@pytest.mark.parametrize(
    "line",
    [
        "acme-sdk",
        "Acme.SDK_x>=1.0,<2",
        "acme-sdk (>=1.0, <2)",
        "acme-sdk >= 1.0 , != 1.5.*",
        "acme-sdk[fast,Extra_Two]~=1.4; extra == 'acme'",
        "acme-sdk @ https://example.com/acme-sdk.whl",
        "acme-sdk[fast] @ https://example.com/a.whl#sha256=00 ; python_version > '3'",
        'acme-sdk;extra=="acme"',
    ],
)
def test_a_line_reads_as_packaging_reads_it(line: str) -> None:
    ours, theirs = parse_requirement(line), PackagingRequirement(line)
    assert ours.name == theirs.name
    assert ours.extras == {extra.lower().replace("_", "-") for extra in theirs.extras}
    assert {clause for clause in ours.specifiers.split(",") if clause} == {str(clause) for clause in theirs.specifier}
    assert applies(ours, "acme") == (theirs.marker is None or theirs.marker.evaluate({"extra": "acme"}))


@pytest.mark.parametrize("line", ["", " ", "-acme", "acme sdk >= 1", "acme; ", "acme-sdk[fast >=1", ">=1"])
def test_a_line_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"is not a requirement|is not an environment marker"):
        applies(parse_requirement(line), "")


@pytest.mark.parametrize(
    "marker",
    [
        "python_version",
        "not extra == 'x'",
        "extra == 'x' == 'y'",
        "python_version ~= '3.11'",
        "unknown_name == 'x'",
        "os.name == 'posix'",
        "extra == 1",
        "sys_platform < 'linux'",
        "().__class__ == 'x'",
        "(" * 500,
    ],
)
def test_a_marker_that_cannot_be_understood_is_refused_and_never_evaluated(marker: str) -> None:
    with pytest.raises(ValueError, match=r"marker|no order"):
        applies(parse_requirement(f"acme-sdk; {marker}"), "x")


def test_a_range_is_shown_as_people_write_it() -> None:
    assert str(parse_requirement("acme-sdk<2,>=1.0,!=1.5; extra == 'acme'")) == "acme-sdk >=1.0,<2,!=1.5"
    assert str(parse_requirement("acme-sdk")) == "acme-sdk"
