"""Where the stories leave their pictures."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

VARIABLE: Final = "AI_TRANSPORT_CODECS_ARTIFACTS"
"""Names the folder that is kept; `tox run -e browser` says .ci/artifacts."""


def pictures(fallback: Path) -> Path:
    """The folder for pictures, made; within ``fallback`` where nobody named one."""
    folder = Path(os.environ.get(VARIABLE) or fallback) / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def file_name(*words: object) -> str:
    """A picture's name: the story's, its place in it, what is on it."""
    return "-".join(re.sub(r"[^a-z0-9]+", "-", str(word).lower()).strip("-") for word in words) + ".png"
