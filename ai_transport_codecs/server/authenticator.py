"""Who is it: keys and tokens from an address, a header or an AUTH frame, turned into an identity."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from ai_transport_codecs.channels.memory.capability import Capability
from ai_transport_codecs.errors import AITransportError

from . import refusals
from .identity import Identity
from .keys import KeyRing
from .token_requests import TokenDesk
from .tokens import read_token


class Authenticator:
    """Decides who sends a request. ``now_ms`` gives the time in ms since the epoch."""

    def __init__(self, keys: KeyRing, now_ms: Callable[[], int]) -> None:
        self._keys = keys
        self._now_ms = now_ms
        self._desk = TokenDesk(keys)

    def from_query(self, query: Mapping[str, str]) -> Identity:
        """Who connects. Raises ChannelError 40101, 40102, 40012 or 40142 to 40144."""
        # ably-python and ably-js write the parameter differently.
        token = query.get("access_token") or query.get("accessToken")
        if token:
            identity = self.from_token(token)
        elif query.get("key"):
            identity = self._from_key(query["key"])
        else:
            raise refusals.no_credentials()
        return identity.claimed_by(query.get("clientId"))

    def from_request(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Identity:
        """Who makes an HTTP request. Raises as :meth:`from_query`."""
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        credentials = credentials.strip()
        if scheme.lower() == "basic":
            identity = self._from_key(_unbase64(credentials, refusals.bad_key))
        elif scheme.lower() == "bearer":
            is_jwt = credentials.count(".") == 2
            identity = self.from_token(credentials if is_jwt else _unbase64(credentials, refusals.token_unknown))
        else:
            identity = self.from_query({key: value for key, value in query.items() if key != "clientId"})
        claimed = headers.get("X-Ably-ClientId")
        if claimed:
            identity = identity.claimed_by(_unbase64(claimed, lambda: refusals.foreign_identity(claimed, None)))
        return identity

    def from_token(self, token: object) -> Identity:
        """Whose token it is. Raises ChannelError 40142 to 40144."""
        if not isinstance(token, str):
            raise refusals.token_unknown()
        return read_token(token, self._keys, self._now_ms())

    def issue_token(
        self, key_name: str, request: Any, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> dict[str, Any]:
        """Details of a new token. Raises ChannelError as :class:`~.token_requests.TokenDesk` and :meth:`from_request`.

        A signed request needs no other credentials.
        """
        is_signed = isinstance(request, dict) and request.get("mac") is not None
        if not is_signed:
            # Only the key itself may do without a signature: a token must not make tokens that allow more than itself.
            identity = self.from_request(headers, query)
            if identity.expires is not None or identity.key_name != key_name:
                raise refusals.bad_key()
        return self._desk.issue(key_name, request, now_ms=self._now_ms(), is_trusted=not is_signed)

    def _from_key(self, text: str) -> Identity:
        name = self._keys.holds(text)
        if name is None:
            raise refusals.bad_key()
        return Identity(name, Capability(None), None, is_wild=True)


def _unbase64(text: str, refusal: Callable[[], AITransportError]) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (ValueError, binascii.Error) as error:
        raise refusal() from error
