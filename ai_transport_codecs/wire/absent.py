"""``ABSENT``: not there, which on the wire is something else than null."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeAlias


class _Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent.ABSENT
Absent: TypeAlias = Literal[_Absent.ABSENT]
