"""The reference's own recordings of this codec: none is left out, none fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_transport_codecs.testing.vectors.runner import run_vector
from tests.source_tree import ROOT

PUBLIC = ROOT / "tests" / "vectors" / "public"
VECTORS: dict[str, dict[str, Any]] = {
    path.stem: vector
    for path in sorted(PUBLIC.glob("*.json"))
    if (vector := json.loads(path.read_text(encoding="utf-8")))["codec"] == "uimessage"
}


@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if not vector.get("concurrency")])
def test_a_vector_passes(name: str) -> None:
    verdict = run_vector(VECTORS[name], PUBLIC)
    assert verdict.outcome == "passed", verdict.reason


def test_the_vectors_are_there() -> None:
    assert len(VECTORS) >= 60
    assert {vector["direction"] for vector in VECTORS.values()} >= {"output", "input", "mixed", "decode", "helper"}
