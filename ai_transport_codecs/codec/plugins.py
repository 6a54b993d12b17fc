"""Which codecs the installed distributions announce, read from their metadata; no plugin is imported.

A distribution announces a codec as an entry point of the group ``ai_transport_codecs.codecs``: the name is the codec's
public id, the value ``package.module:OBJECT``. Our own codecs come through this door too.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from importlib import metadata
from typing import Final, NamedTuple

from .requirements import OWN_DISTRIBUTION, Needs, needs_of, normalize

logger = logging.getLogger(__name__)

GROUP: Final = "ai_transport_codecs.codecs"
DISABLE_PLUGINS: Final = "AI_TRANSPORT_CODECS_DISABLE_PLUGINS"
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


class InstalledCodec(NamedTuple):
    """A codec that a distribution announces. Whether it loads is another question."""

    name: str
    distribution: str
    version: str
    target: str

    @property
    def is_own(self) -> bool:
        return normalize(self.distribution) == OWN_DISTRIBUTION

    @property
    def source(self) -> str:
        """Where the codec comes from, for error messages."""
        return f"{self.distribution} {self.version}"

    def needs(self) -> Needs:
        """The frameworks that the codec declares. Raises PackageNotFoundError when it was uninstalled meanwhile."""
        return needs_of(metadata.distribution(self.distribution), self.name)


def scan() -> tuple[InstalledCodec, ...]:
    """Every announced codec, by name and distribution.

    Never raises: a distribution whose metadata cannot be read is logged and skipped. Costs some milliseconds in a
    large environment, so callers keep the result.
    """
    return tuple(sorted({codec for name in _announcing() for codec in _codecs_of(name)}))


def plugins_are_disabled() -> bool:
    """Whether the environment asks for this distribution's own codecs only."""
    return os.environ.get(DISABLE_PLUGINS, "").strip().lower() not in _FALSE


def _announcing() -> set[str]:
    """The names of the distributions that mention the group.

    Only names, because an older copy further down ``sys.path`` is found as well and its codecs must not count.
    """
    names = set[str]()
    for distribution in _distributions():
        try:
            if GROUP in (distribution.read_text("entry_points.txt") or ""):
                names.add(normalize(distribution.metadata["Name"]))
        except Exception:  # foreign metadata can fail in any way, and must not hide the others
            logger.warning("skipped a distribution whose metadata cannot be read", exc_info=True)
    return names


def _distributions() -> Iterator[metadata.Distribution]:
    try:
        yield from metadata.distributions()
    except Exception:  # a broken finder on sys.meta_path; what it has is lost, not the whole scan
        logger.warning("stopped looking for distributions: a finder failed", exc_info=True)


def _codecs_of(name: str) -> Iterator[InstalledCodec]:
    try:
        distribution = metadata.distribution(name)
        label, version = distribution.metadata["Name"], distribution.version or "(unknown version)"
        for entry in distribution.entry_points.select(group=GROUP):
            yield InstalledCodec(entry.name, label, version, entry.value)
    except Exception:  # as in _announcing
        logger.warning("skipped the codecs of %s: its metadata cannot be read", name, exc_info=True)
