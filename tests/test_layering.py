"""Imports point one way, the codec layers never wait, and nothing grows past reading at one sitting."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from tests.source_tree import PACKAGE, ROOT, Module, modules

ANYTHING: Final = frozenset({"*"})

# What each layer may use of the others. A dotted name is one module of a layer.
MAY_USE: Final[dict[str, frozenset[str]]] = {
    "errors": frozenset(),
    "_json": frozenset(),
    "wire": frozenset({"errors", "_json"}),
    "codec": frozenset({"errors", "_json", "wire"}),
    "codecs": frozenset({"errors", "_json", "wire", "codec"}),
    "convert": frozenset({"errors", "_json", "wire", "codec"}),
    # What can be piped is the session's to say, so that one rule holds for run.pipe and for ui_chunks.
    "bridges": frozenset({"errors", "_json", "wire", "codec", "codecs", "convert", "session.source"}),
    "channels": frozenset({"errors", "_json", "wire"}),
    # A session knows channels by what they promise, and asks who makes one of the client it was given.
    "session": frozenset({"errors", "_json", "wire", "codec", "channels.protocol", "channels.adapt"}),
    "adapters": frozenset({"errors", "_json", "wire", "codec", "codecs", "channels", "session"}),
    "server": frozenset({"errors", "_json", "wire", "channels"}),
    "cli": ANYTHING,
    "testing": ANYTHING,
    "": ANYTHING,  # the root, which names everything and imports it when it is used
}

# Where something that is neither ours nor the standard library's may be imported; everywhere else is plain Python.
FOREIGN: Final[dict[str, frozenset[str]]] = {
    "_json": frozenset({"orjson"}),
    "adapters.asgi": frozenset({"starlette", "jwt"}),
    "codecs.langchain": frozenset({"langchain_core", "langchain_protocol", "langgraph", "pydantic"}),
    "codecs.llamaindex": frozenset({"llama_index", "workflows"}),
    "codecs.openai": frozenset({"openai"}),
    "codecs.vercel": frozenset(),
    "convert.langchain": frozenset({"langchain_core"}),
    "convert.llamaindex": frozenset({"llama_index"}),
    "channels.ably": frozenset({"ably"}),
    "server": frozenset({"aiohttp", "msgpack", "jwt"}),
    "cli": frozenset({"aiohttp", "langchain_core", "langchain_openai", "pydantic", "starlette", "uvicorn"}),
    "testing": frozenset({"hypothesis", "pytest"}),
}

NEVER_WAITS: Final = frozenset({"wire", "codec", "codecs"})

# A turn handler is what a session awaits; it decides nothing of the codec's.
HANDLERS: Final = "turn"

# `ai-transport check` is the conformance kit on the command line; no other command needs it.
RUNS_THE_KIT: Final = "cli.check"

LONGEST_MODULE: Final = 400
LONGEST_FUNCTION: Final = 50

# Tables may be longer than what one reads as a story. Each entry says why; one that is no longer needed fails.
LONG_MODULES: Final[dict[str, str]] = {}
LONG_FUNCTIONS: Final[dict[str, str]] = {}

MODULES: Final = modules()


@pytest.fixture(params=MODULES, ids=lambda module: module.name or PACKAGE)
def module(request: pytest.FixtureRequest) -> Module:
    found: Module = request.param
    return found


def test_a_module_imports_lower_layers_only(module: Module) -> None:
    assert module.layer in MAY_USE, f"give the layer {module.layer!r} a row in MAY_USE"
    allowed = MAY_USE[module.layer]
    ours = {name.removeprefix(f"{PACKAGE}.") for name in module.imports() if name.startswith(f"{PACKAGE}.")}
    wrong = {
        name
        for name in ours
        if name.partition(".")[0] != module.layer and not is_in(name, allowed) and allowed != ANYTHING
    }
    assert not wrong, f"{module.name} may use {sorted(allowed)}, but imports {sorted(wrong)}"


def test_nothing_but_the_tests_imports_the_testing_kit(module: Module) -> None:
    if module.layer != "testing" and module.name != RUNS_THE_KIT:
        assert not [name for name in module.imports() if is_in(name, frozenset({f"{PACKAGE}.testing"}))]


def test_one_codec_does_not_import_another(module: Module) -> None:
    own = ".".join(module.name.split(".")[:2])
    if module.layer == "codecs":
        others = {name for name in module.imports() if is_in(name, frozenset({f"{PACKAGE}.codecs"}))}
        assert {name for name in others if not is_in(name, frozenset({f"{PACKAGE}.{own}"}))} == set()


def test_foreign_packages_are_imported_in_their_place_only(module: Module) -> None:
    allowed = frozenset[str]().union(
        *(roots for place, roots in FOREIGN.items() if is_in(module.name, frozenset({place})))
    )
    roots = {name.partition(".")[0] for name in module.imports()}
    assert roots <= sys.stdlib_module_names | {PACKAGE} | allowed


def test_the_codec_layers_decide_and_never_wait(module: Module) -> None:
    if module.layer in NEVER_WAITS and module.name.rpartition(".")[2] != HANDLERS:
        assert not module.waits(), "waiting belongs to the session's outbox"
        assert "asyncio" not in {name.partition(".")[0] for name in module.imports()}


def test_a_module_can_be_read_at_one_sitting(module: Module) -> None:
    is_long = module.line_count > LONGEST_MODULE
    assert is_long == (module.name in LONG_MODULES), f"{module.name} has {module.line_count} lines"


def test_a_function_does_one_thing(module: Module) -> None:
    long = {f"{module.name}:{each.name}" for each in module.functions() if each.length > LONGEST_FUNCTION}
    assert long == {name for name in LONG_FUNCTIONS if name.partition(":")[0] == module.name}


def test_every_excuse_names_a_module() -> None:
    names = {module.name for module in MODULES}
    assert {*LONG_MODULES, *(name.partition(":")[0] for name in LONG_FUNCTIONS)} <= names


# --- the reader itself, since a reader that sees nothing finds nothing wrong


def test_the_reader_sees_every_way_to_import_and_to_wait(tmp_path: Path) -> None:
    package = tmp_path / PACKAGE
    (package / "codec").mkdir(parents=True)
    path = package / "codec" / "sample.py"
    path.write_text(
        "import ably.realtime as x\nfrom . import contract\nfrom .fields import text\nfrom .. import errors\n"
        "from ..session.agent import A\nif TYPE_CHECKING:\n    from ai_transport_codecs.testing import kit\n"
        "def f():\n    '''Doc.\n\n    More.\n    '''\n    import openai\n    async def g(): pass\n"
        "class C:\n    def h(self):\n        return 1\n"
    )
    sample = Module(path, package)
    assert sample.name == "codec.sample"
    assert sample.imports() == {
        "ably.realtime",
        "ai_transport_codecs.codec.contract",
        "ai_transport_codecs.codec.fields.text",
        "ai_transport_codecs.errors",
        "ai_transport_codecs.session.agent.A",
        "ai_transport_codecs.testing.kit",
        "openai",
    }
    assert sample.waits()
    assert list(sample.functions()) == [("f", 3), ("f.g", 1), ("C.h", 2)]


def test_every_layer_of_the_design_is_read() -> None:
    assert {"", "errors", "wire", "codec", "codecs", "channels", "session", "cli", "testing"} <= {
        module.layer for module in MODULES
    }
    assert ROOT.joinpath("pyproject.toml").exists()


def is_in(name: str, places: frozenset[str]) -> bool:
    """Whether ``name`` is one of ``places`` or below one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)
