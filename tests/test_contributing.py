"""What CONTRIBUTING.md shows is what CI runs, and what it names exists."""

from __future__ import annotations

import re

import pytest

from ai_transport_codecs.testing import LAWS
from tests.source_tree import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"`(tests/plugin/acme_codec/[\w./]+)`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))


@pytest.mark.parametrize("path", SHOWN)
def test_the_page_shows_the_files_of_the_plugin_that_ci_builds(path: str) -> None:
    # Neither the framework's absence where we check types, nor our linter, is a reader's business.
    source = re.sub(r"  # type: ignore\[.*|# ruff: noqa.*\n\n", "", (ROOT / path).read_text(encoding="utf-8"))
    assert SHOWN[path] == source


def test_the_page_shows_the_whole_plugin() -> None:
    plugin = ROOT / "tests" / "plugin" / "acme_codec"
    files = {path.relative_to(ROOT).as_posix() for kind in ("*.py", "*.toml") for path in plugin.rglob(kind)}
    assert set(SHOWN) == files


def test_the_page_names_what_exists() -> None:
    for path in re.findall(r"`((?:tests|ai_transport_codecs|\.ci)/[\w./]+)`", PAGE):
        assert (ROOT / path).exists(), path
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    for environment in re.findall(r"`tox run -e (\w+)`", PAGE):
        assert f"[testenv:{environment}]" in tox, environment


def test_what_the_page_says_of_a_naive_reducer_is_so() -> None:
    """Pieces in one list, whatever their stream: the law that the page promises to catch it does."""
    from ai_transport_codecs.testing import Subject, Verdict, generate, run_laws
    from tests.testing.acme import ACME, Reducer, acme

    class Naive(Reducer):
        def find(
            self, projection: dict[str, dict[str, object]], message_id: str, id_: object
        ) -> dict[str, object] | None:
            parts = projection.get(message_id, {}).get("parts", ())
            assert isinstance(parts, list | tuple)
            return next((each for each in parts if "pieces" in each), None)

    naive, healthy = acme(reducer=Naive()), ACME
    for codec, verdict in ((naive, Verdict.FAIL), (healthy, Verdict.PASS)):
        subject = Subject(codec, generate(codec).samples)
        [outcome] = run_laws(subject, [LAWS["any_roll_up_is_the_same"]])
        assert outcome.verdict is verdict, outcome.reason
