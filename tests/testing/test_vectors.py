"""The golden vectors pass, and the runner can fail."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ai_transport_codecs.testing.vectors.__main__ import main
from ai_transport_codecs.testing.vectors.deviations import JOINS, REPAIR, concerns_join, concerns_repair
from ai_transport_codecs.testing.vectors.runner import run_folder, run_vector
from tests.source_tree import ROOT

VECTORS = ROOT / "tests" / "vectors"
PUBLIC = VECTORS / "public"
NAMES = [path.stem for path in sorted(PUBLIC.glob("*.json"))]


def load(name: str) -> dict[str, Any]:
    vector: dict[str, Any] = json.loads((PUBLIC / f"{name}.json").read_text(encoding="utf-8"))
    return vector


@pytest.mark.parametrize("name", NAMES)
def test_no_vector_fails(name: str) -> None:
    verdict = run_vector(load(name), PUBLIC)
    assert verdict.outcome != "failed", verdict.reason


@pytest.mark.parametrize("name", [name for name in NAMES if load(name)["codec"] in ("core", "custom", "tiny")])
def test_the_machinerys_own_vectors_are_not_skipped(name: str) -> None:
    assert run_vector(load(name), PUBLIC).outcome == "passed"


def change(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def mutate(vector: dict[str, Any]) -> None:
        *way, last = path
        place: Any = vector
        for step in way:
            place = place[step]
        place[last] = to

    return mutate


MUTATIONS = [
    ("tiny-fields", change("writes", 0, "messages", 0, "data", to="other")),
    ("tiny-shared-start", change("writes", 0, "messages", 0, "extras", "ai", "codec", "part", to='{"type": "body"}')),
    ("tiny-shared-start", change("decoded", 0, to=[])),
    ("tiny-shared-start", change("messages_after", 1, to=[])),
    ("tiny-inputs", change("results", 3, to={"ok": True})),
    ("enc-core-direct", change("results", 8, "error", "code", to=40000)),
    ("dec-core-basic", change("decoded", 1, 0, "delta", to="he")),
    ("dec-core-replacement-update", change("callbacks", 2, to=[])),
    ("val-output-duplicates", change("results", 0, to={"ok": True})),
    ("help-utils", change("helper", 0, "result", to={"a": "2", "b": "3"})),
    ("ui-dec-late-older-page", change("inbound", 0, "data", to="B")),
    ("ui-dec-late-older-page", change("inbound", 4, "extras", "ai", "codec", "kind", to="finish-step")),
    ("help-ui-pending-tools", change("helper", 2, "result", "pendingToolCalls", to=[])),
]


@pytest.mark.parametrize(("name", "mutate"), MUTATIONS)
def test_a_wrong_expectation_fails(name: str, mutate: Callable[[dict[str, Any]], None]) -> None:
    vector = copy.deepcopy(load(name))
    mutate(vector)
    verdict = run_vector(vector, PUBLIC)
    assert verdict.outcome == "failed"
    assert verdict.reason


def test_the_command_prints_failures_and_totals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    (tmp_path / "tiny-codec.json").write_text((VECTORS / "tiny-codec.json").read_text(encoding="utf-8"))
    good, bad = load("tiny-fields"), load("dec-core-basic")
    bad["decoded"][1][0]["delta"] = "wrong"
    (folder / "good.json").write_text(json.dumps(good))
    (folder / "bad.json").write_text(json.dumps(bad))
    (folder / "index.json").write_text("[]")
    (folder / "broken.json").write_text("{")
    (folder / "notes.txt").write_text("not a vector")
    assert main([str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("failed: dec-core-basic: decoded[1]")
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_vector_that_depends_on_overlapping_calls_is_run_and_may_differ() -> None:
    vector = load("enc-flush-reentrancy")
    assert vector["concurrency"]
    assert run_vector(vector, PUBLIC).outcome == "passed"
    different = load("tiny-fields") | {"concurrency": True, "writes": []}
    assert run_vector(different, PUBLIC).outcome == "skipped"


def test_operations_in_parallel_are_run() -> None:
    vector = load("tiny-fields")
    first, *rest = vector["events"]
    vector["events"] = [first, {"op": "parallel", "ops": rest}]
    vector["results"] = [vector["results"][0], {"parallel": vector["results"][1:]}]
    assert run_vector(vector, PUBLIC).outcome == "passed"
    vector["results"][1]["parallel"][0] = {"error": {"class": "ErrorInfo", "code": 40003, "statusCode": 400}}
    assert run_vector(vector, PUBLIC).outcome == "failed"


def test_a_folder_of_odd_things_gives_verdicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "latin.json").write_bytes(b'"\xe9"')
    (tmp_path / "tiny-codec.json").write_text("{")
    (tmp_path / "a.json").write_text(json.dumps(load("tiny-fields")))
    (tmp_path / "b.json").write_text(json.dumps({"name": "b", "codec": [], "direction": "decode", "events": []}))
    (tmp_path / "c.json").write_text(json.dumps({"name": "c", "codec": "core", "direction": "decode", "events": []}))
    (tmp_path / "d.json").write_text(json.dumps(load("dec-core-basic")), encoding="utf-8-sig")
    assert main([str(tmp_path)]) == 1
    *failed, totals = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in failed] == ["tiny-fields", "b", "c"]
    assert totals == "1 passed, 3 failed, 0 skipped"


def test_the_table_is_found_above_a_folder_and_above_a_link_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, elsewhere = tmp_path / "one" / "vectors", tmp_path / "two"
    inner.mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(inner)
    (inner / "tiny.json").write_text(json.dumps(load("tiny-fields")))
    (elsewhere / "tiny-codec.json").write_text((VECTORS / "tiny-codec.json").read_text(encoding="utf-8"))
    assert main([str(elsewhere / "link")]) == 0
    (tmp_path / "one" / "tiny-codec.json").write_text((VECTORS / "tiny-codec.json").read_text(encoding="utf-8"))
    monkeypatch.chdir(inner)
    assert [verdict.outcome for verdict in run_folder(Path())] == ["passed"]


def test_without_its_table_the_tiny_codec_is_not_present(tmp_path: Path) -> None:
    verdict = run_vector(load("tiny-fields"), tmp_path)
    assert (verdict.outcome, "tiny-codec.json" in verdict.reason) == ("skipped", True)


def test_an_empty_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "no vectors in" in printed.err
    assert printed.out == "0 passed, 0 failed, 0 skipped\n"
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "missing")])


def test_the_listed_deviations_are_vectors_of_ours() -> None:
    assert set(REPAIR) == {name for name in NAMES if concerns_repair(load(name))}
    assert set(JOINS) == {name for name in NAMES if concerns_join(load(name))}


def test_the_folder_runs_as_a_whole() -> None:
    assert [verdict.name for verdict in run_folder(PUBLIC)] == [load(name)["name"] for name in NAMES]
