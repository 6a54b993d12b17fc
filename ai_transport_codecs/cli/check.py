"""``ai-transport check``: the conformance kit's laws held against one codec, without a test file."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import Any

from ai_transport_codecs.codec.contract import Codec
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.testing.conformance.checking import generated_subject, load_samples, load_target
from ai_transport_codecs.testing.conformance.running import Outcome, Verdict, run_laws
from ai_transport_codecs.testing.conformance.subject import Subject

from .table import aligned
from .text import one_line, printable

_UNUSABLE = 2


def run_check(target: str, *, samples: str | None = None, wants_json: bool = False) -> int:
    """Print each law and what came of it. 0: none is broken; 1: one is; 2: the target or its samples do not load."""
    # A console script has its own folder on the path, not the one that the user is in.
    if os.getcwd() not in sys.path:  # noqa: PTH109 - the text that belongs on the path
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        codec = load_target(target)
        subject = generated_subject(codec) if samples is None else load_samples(samples, codec)
    except AITransportError as error:
        print(f"ai-transport check: {one_line(str(error))}", file=sys.stderr)
        return _UNUSABLE
    outcomes = []
    for outcome in run_laws(subject):
        outcomes.append(outcome)
        if not wants_json:
            print("\n".join(_lines(outcome)), flush=True)
    if wants_json:
        print(json.dumps(_summary(codec, subject, outcomes)))
    else:
        print("\n".join(_count(codec, subject, outcomes)))
    return 1 if any(each.verdict is Verdict.FAIL for each in outcomes) else 0


def _lines(outcome: Outcome) -> list[str]:
    """One line for the law, and for one that is broken what it promises and what was found."""
    name = outcome.law.name.replace("_", " ")
    if outcome.verdict is Verdict.PASS:
        return [f"pass  {name}"]
    if outcome.verdict is Verdict.SKIP:
        return [f"skip  {name}: {one_line(outcome.reason)}"]
    found = [f"        {line}" for line in printable(outcome.reason).splitlines()]
    return [f"FAIL  {name}", f"        {outcome.law.promise}", *found]


def _count(codec: Codec[Any, Any, Any, Any], subject: Subject, outcomes: list[Outcome]) -> list[str]:
    counts = Counter(each.verdict for each in outcomes)
    rows = [("laws", "passed", "failed", "skipped"), (str(len(outcomes)), *(str(counts[each]) for each in Verdict))]
    lines = ["", f"codec {codec.name}, tried on {len(subject.samples)} streams and {len(subject.inputs)} inputs"]
    if subject.excused_types:
        lines.append(
            f"not tried, because only you know what these events hold: {', '.join(subject.excused_types)}"
            " (give streams that have them with --samples package.module:SAMPLES)"
        )
    return [*lines, *aligned(rows, indent="")]


def _summary(codec: Codec[Any, Any, Any, Any], subject: Subject, outcomes: list[Outcome]) -> dict[str, Any]:
    counts = Counter(each.verdict for each in outcomes)
    return {
        "codec": codec.name,
        "samples": [sample.name for sample in subject.samples],
        "inputs": len(subject.inputs),
        "not_tried": list(subject.excused_types),
        "counts": {each.value: counts[each] for each in Verdict},
        "laws": [
            {"law": each.law.name, "verdict": each.verdict.value, "promise": each.law.promise, "reason": each.reason}
            for each in outcomes
        ],
    }
