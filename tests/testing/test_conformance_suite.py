"""``CodecConformance`` as its users meet it: inherited whole, overridden with and without a reason, and run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import ai_transport_codecs.testing
from ai_transport_codecs.testing import LAWS, CodecConformance, deviates
from tests.source_tree import ROOT
from tests.testing import acme


class TestAcme(CodecConformance):
    codec = acme.ACME
    samples = acme.SAMPLES
    expected = acme.EXPECTED
    inputs = acme.SENT
    event_types = acme.EVENT_TYPES
    takes_tool_inputs = True


def test_each_law_is_a_test_that_says_what_it_promises() -> None:
    tests = {name for name in dir(TestAcme) if name.startswith("test_")}
    assert tests == {f"test_{name}" for name in LAWS}
    for name, law in LAWS.items():
        promise = getattr(TestAcme, f"test_{name}").__doc__
        assert promise == law.promise
        assert len(promise) > 40
        assert promise.endswith(".")


def override(test: Any) -> type[CodecConformance]:
    return type("TestMine", (CodecConformance,), {"test_headers_are_strings": test})


def kept(self: Any) -> None:
    """What an author would rather have."""


@pytest.mark.parametrize("test", [kept, None, pytest.mark.xfail(kept), pytest.mark.xfail(reason=" ")(kept)])
def test_overriding_a_law_without_saying_why_fails(test: Any) -> None:
    mine: Any = override(test)()
    with pytest.raises(pytest.fail.Exception, match="TestMine overrides test_headers_are_strings without saying why"):
        mine.test_headers_are_strings()


def test_a_law_that_a_mixin_overrides_fails_as_well() -> None:
    mixin = type("Mixin", (), {"test_headers_are_strings": kept})
    mine: Any = type("TestMine", (mixin, CodecConformance), {})()
    with pytest.raises(pytest.fail.Exception, match="without saying why"):
        mine.test_headers_are_strings()


def test_an_override_of_an_override_needs_a_reason_too() -> None:
    mine: Any = type("TestAgain", (override(deviates("numbers")(kept)),), {"test_headers_are_strings": lambda _: None})
    with pytest.raises(pytest.fail.Exception, match="without saying why"):
        mine().test_headers_are_strings()


def function() -> Any:
    def test(self: Any) -> None: ...

    return test


@pytest.mark.parametrize(
    "reason", [deviates("numbers"), pytest.mark.xfail(reason="numbers"), pytest.mark.skip(reason="numbers")]
)
def test_an_override_with_a_reason_counts(reason: Any) -> None:
    test = reason(function())
    mine = override(test)
    assert vars(mine)["test_headers_are_strings"] is test
    assert vars(type("TestAgain", (mine,), {})).keys().isdisjoint({"test_headers_are_strings"})


def test_a_deviation_needs_words() -> None:
    with pytest.raises(ValueError, match="needs the reason"):
        deviates(" ")


def test_a_class_that_names_no_codec_is_told_so() -> None:
    mine: Any = type("TestMine", (CodecConformance,), {"samples": {}})()
    with pytest.raises(pytest.fail.Exception, match="TestMine does not say its codec; set them in the class"):
        mine.test_headers_are_strings()


def test_expected_messages_of_an_unknown_sample_are_refused() -> None:
    expected: Mapping[str, Sequence[Any]] = {"sya": []}
    mine: Any = type("TestMine", (TestAcme,), {"expected": expected})()
    with pytest.raises(pytest.fail.Exception, match="'expected' names samples that there are none of: sya"):
        mine.test_headers_are_strings()


BROKEN = """
from ai_transport_codecs.testing import CodecConformance
from tests.testing import acme
from tests.testing.mutants import MUTANTS

class TestMine(CodecConformance):
    codec = MUTANTS["compacted_history_equals_live"]().codec
    samples = acme.SAMPLES
    inputs = acme.SENT
    takes_tool_inputs = True

    def test_headers_are_strings(self):
        pass
"""


def test_a_run_of_pytest_says_which_laws_are_broken_and_how(tmp_path: Path) -> None:
    file = tmp_path / "test_mine.py"
    file.write_text(BROKEN, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", f"--rootdir={ROOT}"]
    run = subprocess.run([*command, str(file)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    assert LAWS["compacted_history_equals_live"].promise in run.stdout
    assert "sample 'say', history after 3 deliveries: entry 0 differs" in run.stdout
    assert "TestMine overrides test_headers_are_strings without saying why" in run.stdout
    assert " passed" in run.stdout


def test_the_kits_package_loads_nothing_until_it_is_used() -> None:
    code = (
        "import sys, ai_transport_codecs.testing; print(sorted({'pytest', 'hypothesis', 'asyncio'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


WITHOUT_PYTEST = """
import sys
sys.modules["pytest"] = sys.modules["hypothesis"] = None
from ai_transport_codecs.cli.main import main
from ai_transport_codecs.errors import MissingExtraError
try:
    from ai_transport_codecs.testing import CodecConformance
except MissingExtraError as error:
    print(error)
sys.exit(main(["check", "tests.testing.acme:ACME", "--json"]))
"""


def test_without_pytest_the_command_works_and_the_suite_says_what_it_needs() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_PYTEST], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "CodecConformance needs pytest, which is not installed" in run.stdout
    assert "pip install 'ai-transport-codecs[testing]'" in run.stdout


def test_the_kits_names_are_what_they_say() -> None:
    kit = ai_transport_codecs.testing
    assert set(kit.__all__) <= set(dir(kit))
    for name in kit.__all__:
        assert getattr(kit, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Codecs'"):
        kit.Codecs  # noqa: B018
