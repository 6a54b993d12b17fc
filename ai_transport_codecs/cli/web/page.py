"""Where the built page is: in the package, or else in a source checkout that can build it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from ai_transport_codecs.errors import UsageError

PAGE: Final = Path(__file__).parent / "page"
"""Where wheels have it. It is built there, and git ignores it: it is other people's code for the most part."""

SOURCE: Final = Path(__file__).parents[3] / "examples" / "react-chat"
"""Where a checkout has what it is built from."""

INSTALL: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
_STANDARD_ERROR: Final = 2
BUILD: Final = ("run", "build:package")


def find_page(given: str | None = None, *, page: Path = PAGE, source: Path = SOURCE) -> Path:
    """The folder of the page: the one that was ``given``, the package's own, or that, built now from ``source``.

    Raises UsageError when there is none and none can be built.
    """
    if given is not None:
        folder = Path(given)
        if not _is_page(folder):
            raise UsageError(
                f"{given} is no built page, it has no index.html and demo.html; build one with npm run build"
            )
        return folder
    if _is_page(page):
        return page
    if not (source / "package.json").is_file():
        raise UsageError(
            "this installation has no page, because it was built without one; install the published wheel, or build"
            " examples/react-chat of the repository and name its folder with --page"
        )
    print(f"building the page, once, from {source}", file=sys.stderr, flush=True)
    build_page(source)
    return page


def build_page(source: Path = SOURCE) -> None:
    """Build the page into the package, with npm. Raises UsageError when npm is not there, or fails."""
    by_hand = f"cd {source} && npm ci && npm run build:package"
    npm = shutil.which("npm")
    if npm is None:
        raise UsageError(
            f"the page has to be built first, which needs Node.js 20 or newer; install it, then: {by_hand}"
        )
    for arguments in (INSTALL, BUILD):
        # What npm says is for who waits, not part of what the command prints: it goes to standard error.
        done = subprocess.run([npm, *arguments], cwd=source, stdout=_STANDARD_ERROR, check=False)  # noqa: S603
        if done.returncode:
            raise UsageError(f"npm {arguments[0]} failed in {source}, see above; to try it by hand: {by_hand}")


def _is_page(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("index.html", "demo.html"))
