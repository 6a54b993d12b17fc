"""``ai-transport codecs``: what is installed, and whether it loads."""

from __future__ import annotations

from ai_transport_codecs.codec.registry import get_codec, installed_codecs
from ai_transport_codecs.errors import AITransportError

from .table import aligned
from .text import one_line


def codec_table() -> tuple[list[str], bool]:
    """One line per installed codec, and whether all of them load."""
    installed = installed_codecs()
    if not installed:
        return ["no codec is installed"], True
    states = [_state(f"{codec.distribution}:{codec.name}") for codec in installed]
    rows = [
        ("codec", "distribution", "version", "state"),
        *(
            (codec.name, codec.distribution, codec.version, state)
            for codec, state in zip(installed, states, strict=True)
        ),
    ]
    return aligned(rows, indent=""), all(state == "loads" for state in states)


def _state(name: str) -> str:
    try:
        get_codec(name)
    except AITransportError as error:
        return one_line(str(error))
    return "loads"
