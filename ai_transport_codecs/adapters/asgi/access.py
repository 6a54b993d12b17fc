"""Who may use which session: the application decides."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import Request

from ai_transport_codecs.errors import InvalidArgumentError

from . import faults

Allow: TypeAlias = Callable[[Request, str, str | None], bool | Awaitable[bool]]
"""``allow(request, session_name, client_id)``: whether who sent the request may use that session, as that client.

``client_id`` is what the request says, so compare it with whom you know the user to be; None when it says nothing.
"""


async def check_access(allow: Allow | None, request: Request, session_name: str, client_id: str | None) -> None:
    """Raises InsufficientCapabilityError (40160, status 403) unless the application lets the client in."""
    if allow is None:
        raise faults.nobody_allowed()
    answer = allow(request, session_name, client_id)
    if inspect.isawaitable(answer):
        answer = await answer
    if not isinstance(answer, bool):  # a truthy mistake must not open a door
        raise InvalidArgumentError(f"allow(...) returns True or False, not a {type(answer).__name__}", status_code=500)
    if not answer:
        raise faults.refusal(session_name)
