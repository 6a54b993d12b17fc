"""The page of examples/react-chat, as the package has it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ai_transport_codecs.cli.web.page import PAGE, SOURCE, build_page, find_page

_MADE: Final = frozenset({"node_modules", "dist"})


def built_page() -> Path:
    """The folder of the page; built now if it is not there, or older than what it is built from."""
    index = PAGE / "index.html"
    with (SOURCE / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # another worker may be building it
        if index.exists() and index.stat().st_mtime < max(path.stat().st_mtime for path in _sources(SOURCE)):
            build_page()
        return find_page()


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _MADE:
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path
