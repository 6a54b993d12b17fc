"""What a client gets for its invocation."""

from __future__ import annotations

from typing import NamedTuple


class Receipt(NamedTuple):
    """The ids of the run that answers an input; ``is_new`` unless somebody asked for it before."""

    run_id: str
    invocation_id: str
    is_new: bool = True
