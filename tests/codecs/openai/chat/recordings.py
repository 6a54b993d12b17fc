"""Recorded chat completions: the bundled ones, or those in any folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from ai_transport_codecs.codec.sse import EventReader

BUNDLED: Final = Path(__file__).parents[3] / "recordings"
FOLDER: Final = Path(os.environ.get("AI_TRANSPORT_CODECS_RECORDINGS") or BUNDLED).expanduser()
"""Any folder of ``.sse`` files; which are chat completions is told from what is in them."""

_SIGN: Final = b'"object":"chat.completion.chunk"'

RECORDINGS: Final = {
    path.relative_to(FOLDER).as_posix(): path
    for path in sorted(FOLDER.rglob("*.sse"))
    if _SIGN in path.read_bytes().replace(b" ", b"")
}


def chunks_in(body: bytes) -> list[dict[str, Any]]:
    """The chunks of a recorded body."""
    reader = EventReader("a recording", "record it again")
    return [*reader.feed(body), *reader.finish()]
