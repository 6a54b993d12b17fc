"""What a codec's distribution says it needs, read from its metadata: nothing is imported (PEP 508, PEP 685).

A codec declares its frameworks as an extra that has the codec's name, or the name's first words: ``acme-chat`` finds
the extra ``acme-chat``, else ``acme``. What the distribution requires without any extra counts too.
"""

from __future__ import annotations

import ast
import logging
import operator
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from typing import Final, NamedTuple

from .versions import satisfies

logger = logging.getLogger(__name__)

OWN_DISTRIBUTION: Final = "ai-transport-codecs"

_REQUIREMENT: Final = re.compile(
    r"""
    \s*(?P<name>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)
    \s*(?:\[(?P<extras>[^\]]*)\])?
    \s*(?:@\s*\S+|\(?(?P<specifiers>(?:[<>=!~][^;@()]*)?)\)?)
    \s*(?:;\s*(?P<marker>\S.*))?
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_VERSION_KEYS: Final = frozenset({"python_version", "python_full_version", "implementation_version"})
_ORDERINGS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_TEXT_TESTS: Final[Mapping[type[ast.cmpop], Callable[[str, str], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


class Requirement(NamedTuple):
    """One required distribution; ``specifiers`` is its version range, '' for any."""

    name: str
    extras: frozenset[str]
    specifiers: str
    marker: str

    @property
    def key(self) -> str:
        return normalize(self.name)

    @property
    def installed_version(self) -> str | None:
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None

    def provides(self, module: str) -> bool:
        """Whether the installed distribution brings the top-level module ``module``."""
        # The record itself, because Distribution.files leaves out what is no longer there.
        record = metadata.distribution(self.name).read_text("RECORD") or ""
        return (
            self.key == normalize(module) or re.search(rf"^{re.escape(module)}[/.]", record, re.MULTILINE) is not None
        )

    def __str__(self) -> str:
        clauses = sorted(filter(None, self.specifiers.split(",")), reverse=True)  # lower bounds first, as people write
        return f"{self.name} {','.join(clauses)}".rstrip()


class Needs(NamedTuple):
    """The frameworks a codec declares, and the extra that brings them ('' for none)."""

    extra: str
    frameworks: tuple[Requirement, ...]


def normalize(name: str) -> str:
    """A distribution's or extra's name in the one form that compares (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_requirement(line: str) -> Requirement:
    """Read one ``Requires-Dist`` line. Raises ValueError when it is none."""
    match = _REQUIREMENT.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is not a requirement")
    extras = frozenset(normalize(extra.strip()) for extra in (match["extras"] or "").split(",") if extra.strip())
    specifiers = re.sub(r"\s+", "", match["specifiers"] or "")
    return Requirement(match["name"], extras, specifiers, (match["marker"] or "").strip())


def needs_of(distribution: metadata.Distribution, codec: str) -> Needs:
    """What ``distribution`` declares for its codec of that name, whatever it requires anyway included.

    A line that cannot be understood is logged and left out: it is not the codec's user who can mend it.
    """
    extras = {normalize(extra) for extra in distribution.metadata.get_all("Provides-Extra") or ()}
    extra = next((name for name in _leading_names(codec) if name in extras), "")
    own = normalize(distribution.metadata["Name"])
    requirements = list(_readable(distribution.requires or (), own))
    return Needs(extra, tuple(_with_extra(requirements, own, extra)))


def _leading_names(codec: str) -> Iterator[str]:
    words = normalize(codec).split("-")
    return ("-".join(words[:count]) for count in range(len(words), 0, -1))


def _readable(lines: Iterable[str], owner: str) -> Iterator[Requirement]:
    for line in lines:
        try:
            requirement = parse_requirement(line)
            applies(requirement, "")
        except ValueError as error:
            logger.warning("a requirement of %s is not checked: %s", owner, error)
        else:
            yield requirement


def _with_extra(requirements: list[Requirement], own: str, extra: str) -> Iterator[Requirement]:
    """What is required with ``extra`` and with the extras of the same distribution that it includes."""
    asked, done = {extra}, set[str]()
    while asked - done:
        wanted = min(asked - done)
        done.add(wanted)
        for requirement in requirements:
            if not applies(requirement, wanted):
                continue
            if requirement.key == own:
                asked |= requirement.extras
            elif requirement.key != OWN_DISTRIBUTION:
                yield requirement


def applies(requirement: Requirement, extra: str) -> bool:
    """Whether ``requirement`` counts in this environment when ``extra`` is asked for ('' for none).

    Raises ValueError for a marker that cannot be understood.
    """
    if not requirement.marker:
        return True
    try:
        tree = ast.parse(requirement.marker, mode="eval")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{requirement.marker!r} is not an environment marker") from error
    return _test(tree.body, {**marker_environment(), "extra": normalize(extra)})


def _test(node: ast.expr, environment: Mapping[str, str]) -> bool:
    # A marker is written like a Python expression, so Python's parser reads it; it is looked at, never evaluated.
    if isinstance(node, ast.BoolOp):
        combine = all if isinstance(node.op, ast.And) else any
        return combine([_test(value, environment) for value in node.values])
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compare(node.left, node.ops[0], node.comparators[0], environment)
    raise ValueError(f"{ast.unparse(node)!r} is not an environment marker")


def _compare(left: ast.expr, comparison: ast.cmpop, right: ast.expr, environment: Mapping[str, str]) -> bool:
    names = {node.id for node in (left, right) if isinstance(node, ast.Name)}
    values = _value(left, environment), _value(right, environment)
    ordering = _ORDERINGS.get(type(comparison))
    if ordering is not None and names & _VERSION_KEYS:
        return satisfies(values[0], ordering + values[1])
    if names == {"extra"}:
        values = normalize(values[0]), normalize(values[1])
    test = _TEXT_TESTS.get(type(comparison))
    if test is None:
        raise ValueError(f"texts {values[0]!r} and {values[1]!r} have no order in an environment marker")
    return test(*values)


def _value(node: ast.expr, environment: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in environment:
        return environment[node.id]
    raise ValueError(f"{ast.unparse(node)!r} is no value of an environment marker")


@cache
def marker_environment() -> Mapping[str, str]:
    """What this interpreter answers to the names that a marker may use, ``extra`` aside."""
    implementation = sys.implementation
    numbers = implementation.version
    suffix = "" if numbers.releaselevel == "final" else f"{numbers.releaselevel[0]}{numbers.serial}"
    return {
        "implementation_name": implementation.name,
        "implementation_version": f"{numbers.major}.{numbers.minor}.{numbers.micro}{suffix}",
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }
