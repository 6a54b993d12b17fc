"""``ai-transport check``: a codec held to the laws by its name alone, in words and in JSON, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ai_transport_codecs.cli.main import main
from ai_transport_codecs.testing import LAWS, generate
from tests.testing.acme import ACME, SAMPLES
from tests.testing.mutants import MUTANTS, Variant

BROKEN = MUTANTS["any_roll_up_is_the_same"]().codec
HAND_MADE = Variant(ACME, outputs=None, inputs=None)
NUMBER = 5
STREAMS = SAMPLES
ONE_STREAM = SAMPLES["say"]


@pytest.fixture
def checked(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["check", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_codec_of_tables_needs_no_more_than_its_name(checked: Any) -> None:
    code, out, err = checked("tests.testing.acme:ACME")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert sum(line.startswith("pass  ") for line in lines) == len(LAWS) - 1
    assert "skip  every event type is accounted for: the framework's own list of event types is not given" in lines
    assert "codec acme, tried on 6 streams and 4 inputs" in lines
    assert lines[-1].split() == [str(len(LAWS)), str(len(LAWS) - 1), "0", "1"]


def test_an_installed_codec_is_found_by_its_name(checked: Any) -> None:
    code, out, _ = checked("vercel")
    assert code == 0, out


def test_a_broken_law_is_shown_with_its_promise_and_what_was_found(checked: Any) -> None:
    code, out, _ = checked(f"{__name__}:BROKEN")
    assert code == 1
    at = out.index("FAIL  any roll up is the same")
    assert LAWS["any_roll_up_is_the_same"].promise in out[at:]
    assert "rolled up (way 0)" in out[at:]


def test_json_has_every_law_and_the_counts(checked: Any) -> None:
    code, out, _ = checked(f"{__name__}:BROKEN", "--json")
    found = json.loads(out)
    assert code == 1
    assert found["codec"] == "acme"
    assert [each["law"] for each in found["laws"]] == list(LAWS)
    assert found["counts"]["fail"] == sum(each["verdict"] == "fail" for each in found["laws"]) > 0
    assert sum(found["counts"].values()) == len(LAWS)
    assert all(each["reason"] for each in found["laws"] if each["verdict"] != "pass")


@pytest.mark.parametrize("samples", ["STREAMS", "ONE_STREAM"])
def test_streams_of_ones_own_are_tried_as_well(checked: Any, samples: str) -> None:
    code, out, _ = checked("tests.testing.acme:ACME", "--samples", f"{__name__}:{samples}", "--json")
    assert code == 0
    assert len(json.loads(out)["samples"]) > len(generate(ACME).samples)


def test_a_conformance_class_says_all_there_is_to_try(checked: Any) -> None:
    target = "tests.testing.test_conformance_suite:TestAcme"
    code, out, _ = checked("tests.testing.acme:ACME", "--samples", target, "--json")
    assert (code, json.loads(out)["counts"]["skip"]) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["vercle"], "no codec is named 'vercle'. Did you mean 'vercel'?"),
        (["no_such_package.codec:CODEC"], "No module named 'no_such_package'"),
        (["tests.testing.acme:NOPE"], "tests.testing.acme has no NOPE"),
        (
            ["tests.testing.acme:SAY"],
            "codec 'tests.testing.acme:SAY' does not keep the codec contract: it has no 'name'",
        ),
        (["tests.testing.acme:Reducer"], "is the class Reducer; point the target to an instance of it"),
        (["a b:c"], "which is not of the form 'package.module:OBJECT'"),
        ([f"{__name__}:HAND_MADE"], "has no tables from which sample streams could be made; give some with --samples"),
        (["vercel", "--samples", "tests.testing.acme:NOPE"], "tests.testing.acme has no NOPE"),
        (["vercel", "--samples", f"{__name__}:NUMBER"], "are a int; give a mapping of names to streams"),
    ],
)
def test_what_cannot_be_checked_is_explained(checked: Any, arguments: list[str], text: str) -> None:
    code, out, err = checked(*arguments)
    assert (code, out) == (2, "")
    assert text in err
    assert err.startswith("ai-transport check: ")
    assert err.count("\n") == 1


def test_a_codec_that_is_not_installed_yet_is_found_in_the_folder_one_is_in(
    checked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_first_codec.py").write_text("from tests.testing.acme import ACME as CODEC\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    code, out, err = checked("my_first_codec:CODEC")
    assert (code, err) == (0, ""), out


def test_a_stream_that_only_its_author_can_make_is_named() -> None:
    from ai_transport_codecs.codec.descriptors import event
    from tests.testing.mutants import outputs

    def demanding(chunk: Any, context: Any) -> Any:
        raise ValueError(chunk["nobody"]["guesses"])

    made = generate(outputs(event("done", encode=demanding)))
    assert made.unreached == ("done",)
    assert all(each["type"] != "done" for sample in made.samples for each in sample.items)
