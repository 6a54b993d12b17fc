"""The names of ably-python that this package uses: what another version of it would have to offer.

ably-python declares no types, so whatever comes from it is ``Any`` here and is narrowed where it is used.
"""

from __future__ import annotations

from typing import Any, Final

import ably  # type: ignore[import-untyped]
from ably.types.channeloptions import ChannelOptions as _ChannelOptions  # type: ignore[import-untyped]
from ably.types.tokendetails import TokenDetails as _TokenDetails  # type: ignore[import-untyped]
from ably.util.exceptions import AblyException as _AblyException  # type: ignore[import-untyped]

AblyRealtime: Final[Any] = ably.AblyRealtime
AblyRest: Final[Any] = ably.AblyRest
ChannelOptions: Final[Any] = _ChannelOptions
TokenDetails: Final[Any] = _TokenDetails
API_VERSION: Final[str] = ably.api_version
AblyException: Final[type[Exception]] = _AblyException


def ably_error(message: str, *, status_code: int, code: int) -> Exception:
    """An error as ably-python itself makes them."""
    error: Exception = _AblyException(message, status_code, code)
    return error


def has_message_listeners(channel: Any) -> bool:
    """Whether the application itself listens for messages on an ably-python channel; yes, if that cannot be known."""
    emitter = getattr(channel, "_RealtimeChannel__message_emitter", None)
    emitters = [getattr(emitter, f"_EventEmitter__{kind}_event_emitter", None) for kind in ("named", "all")]
    return any(each is None or each.event_names() for each in emitters)


def abort_socket(transport: Any) -> None:
    """Cut the socket of an ably-python transport, if it has one: to close it would wait for the other side."""
    websocket = getattr(transport, "websocket", None)
    if websocket is not None:
        websocket.transport.abort()
