"""What an import loads, seen in a fresh interpreter: no clock, only ``sys.modules``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

import pytest

from tests.source_tree import PACKAGE, modules

# Modules of these layers may be imported in any order without a framework, a provider or a channel's client.
PLAIN_LAYERS: Final = frozenset({"", "errors", "_json", "wire", "codec", "channels", "session", "cli"})
WITH_EXTRAS: Final = ("channels.ably", "cli.demo", "cli.web")

PRINT_WHAT_IT_LOADS: Final = """
import sys
before = set(sys.modules)
{statement}
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps(loaded))
"""


def loaded_by(statement: str) -> set[str]:
    program = PRINT_WHAT_IT_LOADS.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def foreign(names: set[str]) -> set[str]:
    """The top-level packages among ``names`` that are neither Python's nor ours."""
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {PACKAGE}


def test_the_package_loads_nothing_but_itself() -> None:
    loaded = loaded_by(f"import {PACKAGE}")
    assert foreign(loaded) == set()
    assert {name for name in loaded if name.startswith(PACKAGE)} == {PACKAGE}
    assert not loaded & {"asyncio", "json", "importlib.metadata", "dataclasses", "inspect"}


@pytest.mark.parametrize("name", ["AgentSession", "ClientSession", "MemoryHub", "define_codec", "MissingExtraError"])
def test_a_public_name_loads_no_framework(name: str) -> None:
    assert foreign(loaded_by(f"from {PACKAGE} import {name}")) == set()


def test_listing_the_installed_codecs_loads_none_of_them() -> None:
    loaded = loaded_by(f"import {PACKAGE}; {PACKAGE}.installed_codecs()")
    assert foreign(loaded) == set()
    assert not [name for name in loaded if name.startswith(f"{PACKAGE}.codecs.")]


def test_every_module_below_the_codecs_loads_without_extras() -> None:
    plain = [
        f"{PACKAGE}.{module.name}".rstrip(".")
        for module in modules()
        if module.layer in PLAIN_LAYERS and not module.name.startswith(WITH_EXTRAS) and not is_script(module.name)
    ]
    # orjson is what _json prefers where it is installed; it is no framework and costs a few milliseconds.
    assert foreign(loaded_by(f"import {', '.join(plain)}")) <= {"orjson"}


def is_script(name: str) -> bool:
    return name.rpartition(".")[2] == "__main__"
