"""What a session says about malformed messages: once per kind, and never without bound."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

_log = logging.getLogger("ai_transport_codecs.session")

_MAX_KINDS: Final = 200
_MAX_KIND_LENGTH: Final = 80


class FaultLog:
    """Logs each kind of problem once, up to ``_MAX_KINDS`` kinds: what is on the wire must not fill anybody's log."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def note(self, stage: str, event: Any, error: Exception) -> None:
        """A codec raised at ``stage`` for ``event``; the event is lost, everything else goes on."""
        kind = _kind_of(event)
        if self._is_news(stage, f"{kind}: {type(error).__name__}"):
            _log.warning("the codec raised in %s for %s; that event is skipped", stage, kind, exc_info=error)

    def skip(self, what: str, kind: str) -> None:
        """A message, or a part of one, was ignored."""
        if self._is_news(what, kind):
            _log.warning("%s (%s); it is ignored, and so are others like it", what, kind[:_MAX_KIND_LENGTH])

    def _is_news(self, stage: str, kind: str) -> bool:
        key = (stage, kind[:_MAX_KIND_LENGTH])
        if key in self._seen or len(self._seen) > _MAX_KINDS:
            return False
        self._seen.add(key)
        if len(self._seen) > _MAX_KINDS:
            _log.warning("too many kinds of malformed messages on this channel; no more of them are logged")
            return False
        return True


def _kind_of(event: Any) -> str:
    kind = event.get("type") or event.get("kind") if isinstance(event, Mapping) else None
    return (repr(kind) if isinstance(kind, str) else type(event).__name__)[:_MAX_KIND_LENGTH]
