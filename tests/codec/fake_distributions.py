"""Fake distributions: a ``.dist-info`` folder beside modules, on ``sys.path``, so that nothing need be installed."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ai_transport_codecs.codec import registry
from ai_transport_codecs.codec.contract import API_VERSION
from ai_transport_codecs.codec.plugins import GROUP
from ai_transport_codecs.codec.registry import refresh

CODEC_SOURCE = """
class PlainCodec:
    def __init__(self, name, api_version={api_version}):
        self.name, self.api_version, self.adapter_tag = name, api_version, None
        self.create_tool_result = self.create_tool_result_error = self.create_tool_approval_response = None
    def init(self): return []
    def fold_input(self, projection, event, meta): return projection
    def fold_output(self, projection, event, meta): return projection
    def get_messages(self, projection): return projection
    def create_encoder(self, options=None): raise NotImplementedError
    def create_decoder(self): raise NotImplementedError
    def create_translator(self): raise NotImplementedError
    def to_input(self, value): return value
    def create_user_message(self, message): return message
    def create_regenerate(self, target, parent): return (target, parent)

CODEC = PlainCodec({name!r})
"""


class Install(Protocol):
    """What the fixture ``install`` gives; returns the folder that it put on ``sys.path``."""

    def __call__(
        self,
        name: str,
        version: str = "1.0",
        *,
        codecs: dict[str, str] | None = None,
        modules: dict[str, str] | None = None,
        requires: list[str] | None = None,
        extras: list[str] | None = None,
        entry_points: str | None = None,
    ) -> Path: ...


def codec_source(name: str, api_version: int = API_VERSION) -> str:
    return CODEC_SOURCE.format(name=name, api_version=api_version)


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test sees the environment as it is, and leaves no codec and no imported plugin behind."""
    monkeypatch.delenv("AI_TRANSPORT_CODECS_DISABLE_PLUGINS", raising=False)
    monkeypatch.setattr(registry, "_registry", registry.CodecRegistry())
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_registry: None) -> Install:
    """Put a distribution on ``sys.path``: its metadata, and modules by name."""

    def put(
        name: str,
        version: str = "1.0",
        *,
        codecs: dict[str, str] | None = None,
        modules: dict[str, str] | None = None,
        requires: list[str] | None = None,
        extras: list[str] | None = None,
        entry_points: str | None = None,
    ) -> Path:
        place = tmp_path / f"{name}-{version}"
        info = place / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
        lines += [f"Provides-Extra: {extra}" for extra in extras or ()]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires or ()]
        (info / "METADATA").write_text("\n".join(lines) + "\n\n")
        announced = "".join(f"{codec} = {target}\n" for codec, target in (codecs or {}).items())
        (info / "entry_points.txt").write_text(entry_points or f"[{GROUP}]\n{announced}")
        for module, source in (modules or {}).items():
            (place / f"{module}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(place)
        importlib.invalidate_caches()
        refresh()
        return place

    return put
