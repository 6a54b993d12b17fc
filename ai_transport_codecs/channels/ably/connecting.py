"""A client that suits, from what one has: a key, a token callback, the URL of a local server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from ai_transport_codecs.errors import InvalidArgumentError

from .credentials import TokenCallback
from .provider import MESSAGES_PER_SECOND, AblyProvider
from .sdk import AblyRealtime

_LOCAL: Final = {"realtime_request_timeout": 5_000, "disconnected_retry_timeout": 500, "suspended_retry_timeout": 2_000}
"""A server on this machine answers at once or is not there; ably-python's times are for the other side of the earth."""

_NO_ROLLUP: Final = {"appendRollupWindow": "0"}
"""Sessions merge what they append themselves, by what is acknowledged. Ably would hold each append, and so its
acknowledgement, for another 40 ms to do the same again (Ably protocol 6.4)."""


@asynccontextmanager
async def connect_ably(
    key: str | None = None,
    *,
    token_callback: TokenCallback | None = None,
    url: str | None = None,
    client_id: str | None = None,
    messages_per_second: int | None = MESSAGES_PER_SECOND,
    **options: Any,
) -> AsyncIterator[AblyProvider]:
    """A connected client of Ably, or of the local server at ``url``; closed at the end.

    For example::

        async with connect_ably(key, client_id="agent") as ably:
            async with AgentSession(ably, "conversations:42", codec="langchain") as session:
                ...

    Give a key, or a ``token_callback`` that gets the parameters of a token and gives a token, as text or as a dict, or
    a signed request for one. ``messages_per_second`` is what the account allows one connection. Other ``options`` are
    those of ``AblyRealtime``; of its ``transport_params``, ``appendRollupWindow`` is 0 unless it is given, because
    sessions merge their appends themselves.

    Raises InvalidArgumentError for what makes no sense, ChannelError when Ably refuses or cannot be reached.
    """
    if (key is None) == (token_callback is None):
        raise InvalidArgumentError("connect with a key or with a token_callback, and not with both")
    if key is not None and (not all(key.partition(":")[::2]) or key.count(":") > 1):
        # Without the key itself: what looks like none may be a secret all the same.
        raise InvalidArgumentError("the key is none; it has a name and a secret, as in APP.KEY:SECRET")
    settings: dict[str, Any] = {"client_id": client_id, "auth_callback": token_callback}
    if url is not None:
        settings |= _LOCAL | _place(url)
    settings["transport_params"] = _NO_ROLLUP | (options.pop("transport_params", None) or {})
    client = AblyRealtime(key, queue_messages=False, **settings | options)
    provider = AblyProvider(client, messages_per_second=messages_per_second)
    try:
        await provider.ready()
        yield provider
    finally:
        await provider.close()


def _place(url: str) -> dict[str, Any]:
    """The endpoint that ``url`` names, in the way that ably-python's realtime client understands (P10)."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    schemes = {"http": False, "ws": False, "": False, "https": True, "wss": True}
    try:
        port = parts.port
    except ValueError:  # it is no number, or too large a one
        port = 0
    if port == 0 or parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or parts.query:
        raise InvalidArgumentError(f"{url!r} is not the URL of a server; it looks like http://127.0.0.1:8080")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return {"endpoint": host if port is None else f"{host}:{port}", "tls": schemes[parts.scheme]}
