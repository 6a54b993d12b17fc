"""Every law held against one subject, and what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from .laws import LAWS, Law
from .subject import Subject
from .violation import LawViolation, NotApplicable


class Verdict(StrEnum):
    """What came of a law."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One law and its verdict, with the reason for one that is no pass."""

    law: Law
    verdict: Verdict
    reason: str = ""


def run_laws(subject: Subject, laws: Iterable[Law] = tuple(LAWS.values())) -> Iterator[Outcome]:
    """Hold each law against the subject. Never raises for what the codec does."""
    for law in laws:
        try:
            law.check(subject)
        except NotApplicable as reason:
            yield Outcome(law, Verdict.SKIP, str(reason))
        except LawViolation as violation:
            yield Outcome(law, Verdict.FAIL, str(violation))
        except Exception as error:
            # What no law expected of the codec to raise is a violation all the same.
            yield Outcome(law, Verdict.FAIL, f"the codec raised {type(error).__name__}: {error}")
        else:
            yield Outcome(law, Verdict.PASS)
