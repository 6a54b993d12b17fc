"""The parameters of an attachment that change what it is delivered (Ably protocol 5.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from . import refusals

MAX_REWIND: Final = 100
"""The most messages that a rewind delivers."""

_REWIND: Final = re.compile(r"(?P<count>\d{1,9})(?P<unit>[sm]?)")
_MS: Final = {"s": 1_000, "m": 60_000}


class Rewind(NamedTuple):
    """The newest ``limit`` messages, of the last ``span`` ms if that is given."""

    limit: int
    span: int | None = None


class AttachParams(NamedTuple):
    """``echo``: own messages too; ``full``: the whole message for each append; ``rewind``: what comes first."""

    echo: bool = True
    full: bool = False
    rewind: Rewind | None = None


def parse_params(params: Mapping[str, str] | None) -> AttachParams:
    """What the parameters ask for; unknown ones are ignored. Raises ChannelError 40003 for a malformed rewind."""
    if not params:
        return AttachParams()
    rewind = params.get("rewind")
    return AttachParams(
        echo=str(params.get("echo", "true")).lower() != "false",
        full=params.get("appendMode") == "full",
        rewind=None if rewind is None else _rewind(str(rewind), params.get("rewindLimit")),
    )


def _rewind(text: str, limit_text: str | None) -> Rewind:
    match = _REWIND.fullmatch(text)
    if match is None:
        raise refusals.bad_argument(
            f"unable to attach; rewind {text!r} is neither a number of messages ('10') nor of seconds ('15s') or"
            " minutes ('2m')"
        )
    limit = MAX_REWIND
    if limit_text is not None:
        if not re.fullmatch(r"\d{1,9}", str(limit_text)):
            raise refusals.bad_argument(f"unable to attach; rewindLimit {limit_text!r} is not a number of messages")
        limit = min(limit, int(limit_text))
    count = int(match["count"])
    return Rewind(limit, count * _MS[match["unit"]]) if match["unit"] else Rewind(min(limit, count))
