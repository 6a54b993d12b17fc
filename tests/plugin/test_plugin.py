"""A codec from somebody else's package: built, installed, found by its entry point, and held to the laws."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ai_transport_codecs.testing import LAWS

HERE = Path(__file__).parent
CLI = ("-m", "ai_transport_codecs.cli.main")

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]


def python(*arguments: str, site: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter that also finds what is installed in ``site``."""
    path = [] if site is None else [str(site)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONWARNINGS": "", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, **options
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both projects' wheels, built as their authors would: from copies, since a build leaves files behind."""
    folder = tmp_path_factory.mktemp("plugin")
    sources = [shutil.copytree(HERE / name, folder / name) for name in ("framework", "acme_codec")]
    # With hatchling at hand nothing has to be fetched; without it, pip makes an environment to build in.
    isolation = [] if find_spec("hatchling") is None else ["--no-build-isolation"]
    built = python(
        *("-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", *isolation, "--wheel-dir", str(folder)),
        *map(str, sources),
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def installed(folder: Path, *wheels: Path) -> Run:
    """Install wheels into a folder; what runs an interpreter there."""
    done = python(
        *("-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-index", "--target"),
        *(str(folder / "site"), *map(str, wheels)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return lambda *arguments: python(*arguments, site=folder / "site", cwd=folder)


@pytest.fixture(scope="module")
def run(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An interpreter with the plugin, its framework, and the plugin's own tests in the folder."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(HERE / "acme_codec" / "tests", folder / "acme_tests")
    return installed(folder, *wheels.values())


def test_an_installed_plugin_is_found_and_loads(run: Run) -> None:
    found = run("-c", "from ai_transport_codecs import get_codec; print(get_codec('acme').name)")
    assert found.stdout == "acme\n", found.stderr
    listed = run(*CLI, "codecs")
    assert ["acme", "acme-codec", "1.0.0", "loads"] in [line.split() for line in listed.stdout.splitlines()]


def test_the_plugin_keeps_every_law_by_its_name_alone(run: Run) -> None:
    checked = run(*CLI, "check", "acme")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "codec acme, tried on 4 streams and 1 inputs" in checked.stdout


def test_the_plugins_own_tests_pass(run: Run) -> None:
    tested = run("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "acme_tests")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    skipped = [line for line in tested.stdout.splitlines() if line.startswith("SKIPPED")]
    assert not skipped
    assert f"{len(LAWS)} passed" in tested.stdout


def test_without_the_framework_one_is_told_what_to_install(wheels: dict[str, Path], tmp_path: Path) -> None:
    checked = installed(tmp_path, wheels["acme_codec"])(*CLI, "check", "acme")
    assert checked.returncode == 2
    assert "codec 'acme' needs acme-sdk, which is not installed" in checked.stderr
    assert "pip install 'acme-codec[acme]'" in checked.stderr
