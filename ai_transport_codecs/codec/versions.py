"""Versions and version ranges of Python packages, compared as installers compare them (PEP 440).

The whole of it, not a subset, because a codec that is refused for a wrong reason is worse than one that is not
checked; and here rather than in a dependency, because the package has none.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_VERSION: Final = re.compile(
    r"""
    v?
    (?:(?P<epoch>\d+)!)?
    (?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>\d*))?
    (?:-(?P<post_bare>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>\d*))?
    (?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_CLAUSE: Final = re.compile(r"\s*(?P<operator>===|==|!=|<=|>=|~=|<|>)\s*(?P<operand>\S+)\s*")
_WILDCARD: Final = ".*"
_PHASE: Final = {"alpha": "a", "beta": "b", "preview": "rc", "pre": "rc", "c": "rc"}

_Phase = tuple[int, str, int]
_Local = tuple[tuple[int, int, str], ...]
_BEFORE_ANY_PRE: Final[_Phase] = (-1, "", 0)
_NOT_PRE: Final[_Phase] = (1, "", 0)
_NO_POST: Final = -1
_NO_DEV: Final = (1, 0)


class Version(NamedTuple):
    """A version as a value that sorts like the version does; equal versions may be written differently."""

    epoch: int
    release: tuple[int, ...]
    pre: _Phase
    post: int
    dev: tuple[int, int]
    local: _Local

    @property
    def is_prerelease(self) -> bool:
        return self.pre != _NOT_PRE or self.dev != _NO_DEV

    @property
    def public(self) -> Version:
        return self._replace(local=())

    @property
    def first_dev(self) -> Version:
        """The earliest pre-release of this version."""
        pre = _BEFORE_ANY_PRE if self.pre == _NOT_PRE and self.post == _NO_POST else self.pre
        return self._replace(pre=pre, dev=(0, 0), local=())


def parse_version(text: str) -> Version:
    """Read a version. Raises ValueError when ``text`` is none."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a version")
    part = match.groupdict()
    post = _post(part)
    dev = (0, int(part["dev_number"] or 0)) if part["dev"] else _NO_DEV
    return Version(
        epoch=int(part["epoch"] or 0),
        release=_without_trailing_zeros(_numbers(part["release"])),
        pre=_pre(part, is_dev_only=dev != _NO_DEV and post == _NO_POST),
        post=post,
        dev=dev,
        local=_local(part["local"]),
    )


def satisfies(version: str, specifiers: str) -> bool:
    """Whether ``version`` lies in ``specifiers``, such as ``">=1.0,<2"``; an empty range has every version.

    Pre-releases count as what they are: whoever installed one meant it. Raises ValueError when either text cannot be
    understood.
    """
    clauses = [clause for clause in specifiers.split(",") if clause.strip()]
    return all(_satisfies_clause(version, clause) for clause in clauses)


def _satisfies_clause(version: str, clause: str) -> bool:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        raise ValueError(f"{clause.strip()!r} is not a version range")
    operator, operand = match["operator"], match["operand"]
    if operator == "===":
        return version.strip().lower() == operand.lower()
    candidate = parse_version(version)
    if operator == "~=":
        return _is_compatible(candidate, operand)
    if operator in {"==", "!="}:
        return _equals(candidate, operand) == (operator == "==")
    bound = parse_version(operand)
    if bound.local:
        raise ValueError(f"{clause.strip()!r} is not a version range: local builds have no order")
    return _ORDERED[operator](candidate, bound)


def _equals(candidate: Version, operand: str) -> bool:
    if operand.endswith(_WILDCARD):
        return _has_prefix(candidate, operand.removesuffix(_WILDCARD))
    bound = parse_version(operand)
    # A range that names no local build accepts them all.
    return (candidate if bound.local else candidate.public) == bound


def _has_prefix(candidate: Version, prefix: str) -> bool:
    bound = parse_version(prefix)
    if bound[2:] != (_NOT_PRE, _NO_POST, _NO_DEV, ()):
        raise ValueError(f"{prefix + _WILDCARD!r} is not a version range: only a release may end in a wildcard")
    return _starts_with(candidate, bound.epoch, _release(prefix))


def _is_compatible(candidate: Version, operand: str) -> bool:
    bound = parse_version(operand)
    release = _release(operand)
    if len(release) == 1 or bound.local:
        raise ValueError(f"{'~=' + operand!r} is not a version range: it needs two numbers and no local part")
    return _at_least(candidate, bound) and _starts_with(candidate, bound.epoch, release[:-1])


def _starts_with(candidate: Version, epoch: int, release: tuple[int, ...]) -> bool:
    padded = candidate.release + (0,) * (len(release) - len(candidate.release))
    return candidate.epoch == epoch and padded[: len(release)] == release


def _at_least(candidate: Version, bound: Version) -> bool:
    return candidate.public >= bound


def _at_most(candidate: Version, bound: Version) -> bool:
    return candidate.public <= bound


def _below(candidate: Version, bound: Version) -> bool:
    # "<2" means "not yet 2", so it leaves 2.0rc1 out.
    return candidate < (bound if bound.is_prerelease else bound.first_dev)


def _above(candidate: Version, bound: Version) -> bool:
    # ">1" means "newer than 1", so it leaves 1.0.post1 and 1.0+local out.
    return candidate > bound and candidate.public != bound and not _is_post_of(candidate, bound)


def _is_post_of(candidate: Version, bound: Version) -> bool:
    can_have_posts = bound.post == _NO_POST and bound.dev == _NO_DEV
    return can_have_posts and candidate[:3] == bound[:3]


_ORDERED: Final = {">=": _at_least, "<=": _at_most, "<": _below, ">": _above}


def _numbers(dotted: str) -> tuple[int, ...]:
    return tuple(int(number) for number in dotted.split("."))


def _release(text: str) -> tuple[int, ...]:
    """The release numbers as written: a prefix ``1.0`` is longer than the prefix ``1``."""
    match = _VERSION.fullmatch(text.strip())
    return _numbers(match["release"]) if match else ()


def _without_trailing_zeros(release: tuple[int, ...]) -> tuple[int, ...]:
    end = len(release)
    while end > 1 and release[end - 1] == 0:
        end -= 1
    return release[:end]


def _pre(part: dict[str, str | None], *, is_dev_only: bool) -> _Phase:
    phase = part["pre"]
    if phase is None:
        return _BEFORE_ANY_PRE if is_dev_only else _NOT_PRE
    return (0, _PHASE.get(phase.lower(), phase.lower()), int(part["pre_number"] or 0))


def _post(part: dict[str, str | None]) -> int:
    if part["post_bare"] is not None:
        return int(part["post_bare"])
    return int(part["post_number"] or 0) if part["post"] else _NO_POST


def _local(text: str | None) -> _Local:
    if text is None:
        return ()
    return tuple(
        (1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in re.split(r"[-_.]", text.lower())
    )
