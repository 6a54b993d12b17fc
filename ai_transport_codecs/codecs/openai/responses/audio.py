"""Pieces of base64 that join to one."""

from __future__ import annotations

import base64
import binascii


class AlignedBase64:
    """Pieces that are each encoded for themselves, cut anew so that one after the other they are one base64 text."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: str) -> str:
        """As much as can be said without padding. What is no base64 passes as it is."""
        try:
            data = self._rest + base64.b64decode(piece, validate=True)
        except (binascii.Error, ValueError):
            return piece
        whole = len(data) - len(data) % 3
        self._rest = data[whole:]
        return base64.b64encode(data[:whole]).decode()

    def finish(self) -> str:
        """The last bytes."""
        rest, self._rest = self._rest, b""
        return base64.b64encode(rest).decode()
