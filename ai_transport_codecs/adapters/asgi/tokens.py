"""Ably JWTs that allow one client what a chat needs on one channel, and nothing else."""

from __future__ import annotations

import json
import re
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

import jwt

from ai_transport_codecs.errors import InvalidArgumentError

OPERATIONS: Final = ("history", "presence", "publish", "subscribe")
"""What a device does: it reads, also the past, it says something, and it is there. It changes no message."""

_KEY: Final = re.compile(r"(?P<name>[\w-]+\.[\w-]+):(?P<secret>[^\s:]+)", re.ASCII)
_LONGEST: Final = 24 * 60 * 60
"""Seconds that Ably lets a token live."""


class TokenIssuer:
    """Issues tokens under the key ``APP.KEY:SECRET``, for ``ttl`` seconds each. Nothing that it says shows the secret.

    Raises InvalidArgumentError for what is no key, and for a time that Ably does not allow.
    """

    __slots__ = ("_clock", "_name", "_secret", "_ttl")

    def __init__(self, key: str, *, ttl: int = 3600, clock: Callable[[], float] = time.time) -> None:
        match = _KEY.fullmatch(key)
        if match is None:  # it may hold a secret all the same, so it is not shown
            raise InvalidArgumentError(
                "token_key is written as Ably does, APP.KEY:SECRET; the one that was given is not"
            )
        if isinstance(ttl, bool) or not isinstance(ttl, int) or not 0 < ttl <= _LONGEST:
            raise InvalidArgumentError(f"token_ttl is a whole number of seconds from 1 to {_LONGEST}, not {ttl!r}")
        self._name = match["name"]
        self._secret = match["secret"]
        self._ttl = ttl
        self._clock = clock

    def issue(self, session_name: str, client_id: str) -> dict[str, Any]:
        """The details of a new token, as Ably's clients take them from an auth URL."""
        issued = int(self._clock())
        capability = json.dumps({session_name: OPERATIONS}, separators=(",", ":"), ensure_ascii=False)
        claims = {
            "iat": issued,
            "exp": issued + self._ttl,
            "x-ably-capability": capability,
            "x-ably-clientId": client_id,
        }
        with warnings.catch_warnings():
            # How long a secret is was decided by whoever made the key; the library would warn each time.
            warnings.simplefilter("ignore")
            token = jwt.encode(claims, self._secret, algorithm="HS256", headers={"kid": self._name})
        return {
            "token": token,
            "keyName": self._name,
            "issued": issued * 1000,
            "expires": (issued + self._ttl) * 1000,
            "capability": capability,
            "clientId": client_id,
        }
