"""How a law ends when the codec does not keep it, or when there is nothing to hold it against."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

_LONGEST: Final = 400


class LawViolation(AssertionError):  # noqa: N818 - it is what its name says, and an assertion to test runners
    """A codec breaks a law. The text says which behaviour, on which sample, and what was found instead."""


class NotApplicable(Exception):  # noqa: N818 - no error: the law has nothing to say about this codec
    """A law has nothing to look at: the codec lacks what it is about."""


def require(claim: object, message: str) -> None:
    """Raise LawViolation with ``message`` unless ``claim`` is true."""
    if not claim:
        raise LawViolation(message)


@contextmanager
def unbroken(doing: str) -> Iterator[None]:
    """What the codec raises in here is a violation: ``doing`` must not raise."""
    try:
        yield
    except (LawViolation, NotApplicable):
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise LawViolation(
            f"{doing} raised {type(error).__name__}: {error} (at {place.filename}:{place.lineno}, in {place.name})"
        ) from error


def shown(value: Any) -> str:
    """``value`` as text of bearable length."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 60]} ... {text[-50:]}"


def require_same(expected: Sequence[Any], found: Sequence[Any], what: str) -> None:
    """Raise LawViolation, showing the first difference, unless both sequences are equal."""
    if expected == found:
        return
    for number, (left, right) in enumerate(zip(expected, found, strict=False)):
        if left != right:
            raise LawViolation(f"{what}: entry {number} differs\n  expected {shown(left)}\n  found    {shown(right)}")
    raise LawViolation(
        f"{what}: expected {len(expected)} entries, found {len(found)}\n"
        f"  expected {shown(list(expected))}\n  found    {shown(list(found))}"
    )
