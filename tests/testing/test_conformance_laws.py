"""The laws of the conformance kit hold of a healthy codec, and each one fails on a codec that breaks it."""

from __future__ import annotations

import pytest

from ai_transport_codecs.testing import LAWS, Law, Verdict, run_laws
from tests.testing.acme import subject
from tests.testing.mutants import MUTANTS


@pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
def test_a_healthy_codec_keeps_the_law(law: Law) -> None:
    [outcome] = run_laws(subject(), [law])
    assert outcome.verdict is Verdict.PASS, outcome.reason


def test_there_is_a_mutant_for_each_law() -> None:
    assert list(MUTANTS) == list(LAWS)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_law_catches_the_codec_that_breaks_it(name: str) -> None:
    [outcome] = run_laws(MUTANTS[name](), [LAWS[name]])
    assert outcome.verdict is Verdict.FAIL
    assert "the codec raised" not in outcome.reason, "the law should say what it looked at"
