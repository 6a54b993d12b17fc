"""The page of errors is what the code makes of it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import ModuleType

from ai_transport_codecs import errors
from tests.source_tree import ROOT

SCRIPT = ROOT / "docs" / "generate.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_error_has_its_section_with_what_to_do() -> None:
    page = load().render()
    for cls in load().classes():
        section = page.partition(f"### {cls.__name__}\n")[2].partition("\n### ")[0]
        assert f"Code {int(cls.default_code)}, status {cls.default_status_code}" in section
        assert "**What to do:**" in section or cls is errors.AITransportError, cls.__name__


def test_it_says_what_raises_an_error_that_calls_raise() -> None:
    raisers = set(load().find_raisers())
    assert {
        ("UnknownCodecError", "get_codec"),
        ("HistoryFetchError", "View.load_older"),
        ("InputEventNotFoundError", "page_until_located"),
        ("InvalidArgumentError", "chat_turn"),
    } <= raisers
    assert not [where for _, where in raisers if where.rpartition(".")[2].startswith("_")]
