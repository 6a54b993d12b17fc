"""Requests for tokens, signed with a key's secret or sent with the key itself (Ably protocol 8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from . import refusals
from .keys import KeyRing
from .tokens import EVERYTHING, TokenSpec, dump_grants, parse_grants, sign_token

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_TOLERANCE: Final = 120_000


def request_mac(request: Mapping[str, Any], secret: str) -> str:
    """The signature of a token request: over its texts as they are, with nothing for what it does not have."""
    fields = (request.get(name) for name in ("keyName", "ttl", "capability", "clientId", "timestamp", "nonce"))
    text = "".join(f"{'' if field is None else field}\n" for field in fields)
    digest = hmac.digest(secret.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.b64encode(digest).decode("ascii")


class TokenDesk:
    """Gives out tokens. Remembers nonces for as long as a request that used one could come again."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._nonces: OrderedDict[tuple[str, str], int] = OrderedDict()

    def issue(self, key_name: str, request: Any, *, now_ms: int, is_trusted: bool) -> dict[str, Any]:
        """The token's details. ``is_trusted``: who asks has shown the key itself, so a signature may be missing.

        Raises ChannelError 40101 (key, signature), 40104 (time), 40105 (nonce) or 40003 (anything malformed).
        """
        secret = self._keys.secret_of(key_name)
        if secret is None:
            raise refusals.bad_key()
        if not isinstance(request, dict):
            raise refusals.bad_token_request("it has to be an object")
        if (request.get("keyName") or key_name) != key_name:
            raise refusals.bad_token_request("its keyName is not the one that the address names")
        if request.get("mac") is not None or not is_trusted:
            self._check_signature({**request, "keyName": key_name}, secret, now_ms)
        spec = _spec(key_name, request, now_ms)
        details: dict[str, Any] = {
            "token": sign_token(spec, secret),
            "keyName": key_name,
            "issued": spec.issued,
            "expires": spec.expires,
            "capability": spec.capability,
        }
        if spec.client_id is not None:
            details["clientId"] = spec.client_id
        return details

    def _check_signature(self, request: Mapping[str, Any], secret: str, now_ms: int) -> None:
        mac, timestamp, nonce = request.get("mac"), request.get("timestamp"), request.get("nonce")
        if not isinstance(mac, str) or not hmac.compare_digest(
            mac.encode("utf-8", "surrogatepass"), request_mac(request, secret).encode()
        ):
            raise refusals.bad_signature()
        if not isinstance(timestamp, int | float):
            raise refusals.bad_token_request("its timestamp has to be a number of ms")
        if abs(timestamp - now_ms) > _TOLERANCE:
            raise refusals.stale_token_request()
        if not isinstance(nonce, str) or len(nonce) < 16 or len(nonce) > 256:
            raise refusals.bad_token_request("its nonce has to be a text of at least 16 characters")
        self._use_nonce((request["keyName"], nonce), now_ms)

    def _use_nonce(self, nonce: tuple[str, str], now_ms: int) -> None:
        while self._nonces and next(iter(self._nonces.values())) <= now_ms:
            self._nonces.popitem(last=False)
        if nonce in self._nonces:
            raise refusals.repeated_nonce()
        # A request may be stamped up to two minutes ahead, and used until two minutes after that.
        self._nonces[nonce] = now_ms + 2 * _TOLERANCE


def _spec(key_name: str, request: Mapping[str, Any], now_ms: int) -> TokenSpec:
    ttl = request.get("ttl") or _HOUR
    if not _is_number(ttl) or not 0 < ttl <= _DAY:
        raise refusals.bad_token_request(f"its ttl has to be between 1 and {_DAY} ms (24 hours)")
    client_id = request.get("clientId")
    if client_id is not None and not isinstance(client_id, str):
        raise refusals.bad_token_request("its clientId has to be text")
    return TokenSpec(key_name, now_ms, now_ms + int(ttl), _capability(request.get("capability")), client_id or None)


def _capability(text: Any) -> str:
    if text is None or text == "":
        return dump_grants(EVERYTHING)
    if not isinstance(text, str):
        raise refusals.bad_token_request("its capability has to be JSON text")
    try:
        return dump_grants(parse_grants(text))
    except ValueError as error:
        raise refusals.bad_token_request(str(error)) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
