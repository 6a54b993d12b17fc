"""What is shown of one device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pane:
    """A device on screen: its name, where it stands in a word or two, and the text it shows. Changed in place."""

    name: str
    status: str = "not there yet"
    text: str = ""
