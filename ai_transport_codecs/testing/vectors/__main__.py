"""``python -m ai_transport_codecs.testing.vectors DIR``: replay a folder of golden vectors."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .runner import Verdict, run_folder


def _quietly(folder: Path) -> Iterator[Verdict]:
    """The verdicts, without the warnings that crafted vectors make the decoder give, as it should."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield from run_folder(folder)
    finally:
        logging.disable(before)


def main(arguments: list[str] | None = None) -> int:
    """Print one line per failing vector, then the totals; 0 when none failed, 1 when one did, 2 without vectors."""
    parser = argparse.ArgumentParser(
        prog="python -m ai_transport_codecs.testing.vectors", description="Replay a folder of golden wire vectors."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of vector files (*.json)")
    parser.add_argument("-v", "--verbose", action="store_true", help="also print passed and skipped vectors")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    counts: Counter[str] = Counter()
    for verdict in _quietly(options.folder):
        counts[verdict.outcome] += 1
        if verdict.outcome == "failed" or options.verbose:
            print(
                f"{verdict.outcome}: {verdict.name}: {verdict.reason}"
                if verdict.reason
                else f"{verdict.outcome}: {verdict.name}"
            )
    if not counts:
        print(f"no vectors in {options.folder}", file=sys.stderr)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0 if counts else 2


if __name__ == "__main__":
    sys.exit(main())
