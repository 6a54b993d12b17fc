"""Lets tox see every Python that pyenv has, not only the ones that are switched on, and install with uv where uv is.

tox reads this file by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def pyenv_interpreters() -> list[str]:
    """The folders of the interpreters that pyenv installed, newest first; none without pyenv."""
    pyenv = shutil.which("pyenv") or shutil.which("pyenv", path=str(Path.home() / ".pyenv" / "bin"))
    if pyenv is None:
        return []
    answer = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False)  # noqa: S603 - pyenv itself, with our own arguments
    versions = Path(answer.stdout.strip()) / "versions"
    if answer.returncode or not versions.is_dir():
        return []
    return [str(bin_) for bin_ in sorted(versions.glob("3.*/bin"), reverse=True) if (bin_ / "python").exists()]


# Last on the path: what is switched on keeps its precedence.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *pyenv_interpreters()])

# Beside the tox that runs: uv fills an environment in seconds, pip needs most of a minute.
UV = Path(sys.executable).with_name("uv")
if UV.exists():
    os.environ.setdefault("TOX_INSTALL", f"{UV} pip install --quiet")
