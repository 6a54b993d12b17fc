"""The official packages, installed once into a folder of the machine's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
DRIVERS: Final = ("agent.mjs", "client.mjs", "driver.mjs", "peer.mjs", "reader.mjs")
_DESCRIPTION: Final = ("package.json", "package-lock.json")


def missing_program() -> str | None:
    """The program that is not on this machine, of those that the suite needs."""
    return next((name for name in ("node", "npm") if shutil.which(name) is None), None)


def install() -> Path:
    """The folder that has the packages in its ``node_modules``; installed there if they are not yet.

    AI_TRANSPORT_CODECS_NPM names the folder of folders; without it, that is one in the user's cache.
    """
    texts = [(HERE / name).read_bytes() for name in _DESCRIPTION]
    name = f"interop-{hashlib.sha256(b''.join(texts)).hexdigest()[:16]}"
    home = os.environ.get("AI_TRANSPORT_CODECS_NPM") or _cache() / "ai-transport-codecs"
    folder = Path(home) / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        for each in _DESCRIPTION:
            shutil.copy(HERE / each, made)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],  # noqa: S607
            cwd=made,
            check=True,
            timeout=300,
        )
        try:
            Path(made).rename(folder)
        except OSError:  # somebody else was faster
            if not folder.is_dir():
                raise
        else:
            Path(made).mkdir()  # for the context manager to remove
    return folder


def stage(packages: Path, folder: Path) -> Path:
    """A folder with our drivers, in which Node finds the packages."""
    for name in DRIVERS:
        shutil.copy(HERE / name, folder)
    (folder / "node_modules").symlink_to(packages / "node_modules", target_is_directory=True)
    return folder


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
