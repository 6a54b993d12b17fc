"""Tokens: JWTs signed with a key's secret, the user's own or those that the server gives out (Ably protocol 8).

The server's own tokens are JWTs too, so that they outlive a restart without a table of tokens.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import jwt
from jwt.types import Options

from ai_transport_codecs.channels.memory.capability import Capability
from ai_transport_codecs.wire.json_text import parse_json

from . import refusals
from .identity import ANYBODY, Identity
from .keys import KeyRing

CAPABILITY_CLAIM: Final = "x-ably-capability"
CLIENT_ID_CLAIM: Final = "x-ably-clientId"

Grants = Mapping[str, Sequence[str]]

EVERYTHING: Final[Grants] = {"*": ["*"]}
_MAX_TOKEN: Final = 65_536

# Times are checked against the server's own clock, which tests may set.
_CHECKS: Final[Options] = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "require": ["iat", "exp"],
}


class TokenSpec(NamedTuple):
    """What a token says: times in ms, the capability as its text was given."""

    key_name: str
    issued: int
    expires: int
    capability: str
    client_id: str | None


def sign_token(spec: TokenSpec, secret: str) -> str:
    """The token that says it."""
    claims: dict[str, Any] = {
        "iat": spec.issued // 1000,
        "exp": -(-spec.expires // 1000),
        CAPABILITY_CLAIM: spec.capability,
    }
    if spec.client_id is not None:
        claims[CLIENT_ID_CLAIM] = spec.client_id
    with _any_secret():
        return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": spec.key_name})


def read_token(token: str, keys: KeyRing, now_ms: int) -> Identity:
    """Whose token it is. Raises ChannelError 40142 (expired), 40143 (not a token of ours) or 40144 (a bad JWT)."""
    if len(token) > _MAX_TOKEN or token.count(".") != 2:
        raise refusals.token_unknown()
    key_name, claims = _verified(token, keys)
    expires = _seconds(claims, "exp")
    if expires * 1000 <= now_ms:
        raise refusals.token_expired()
    if _seconds(claims, "iat") > expires:
        raise refusals.token_invalid("it expires before it is issued")
    client_id = claims.get(CLIENT_ID_CLAIM)
    if client_id is not None and (not isinstance(client_id, str) or not client_id):
        raise refusals.token_invalid(f"its claim {CLIENT_ID_CLAIM} has to be text")
    text = claims.get(CAPABILITY_CLAIM)
    grants = EVERYTHING if text is None else _grants_of_claim(text)
    is_wild = client_id == ANYBODY
    return Identity(key_name, Capability(grants), None if is_wild else client_id, is_wild, expires * 1000)


def parse_grants(text: str) -> Grants:
    """The capability that a JSON text writes. Raises ValueError when it writes none."""
    value = parse_json(text)
    if not isinstance(value, dict) or not value:
        raise ValueError("a capability is an object with at least one channel")
    for channel, operations in value.items():
        is_list = isinstance(operations, list) and operations
        if not is_list or not all(isinstance(operation, str) and operation for operation in operations):
            raise ValueError(f"the capability for {channel!r} is a list of operations")
    return value


def dump_grants(grants: Grants) -> str:
    """The canonical text of a capability."""
    return json.dumps({channel: sorted(grants[channel]) for channel in sorted(grants)}, separators=(",", ":"))


@contextmanager
def _any_secret() -> Iterator[None]:
    """Secrets are as long as whoever made the key wanted; the library warns about short ones each time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _verified(token: str, keys: KeyRing) -> tuple[str, Mapping[str, Any]]:
    try:
        key_name = jwt.get_unverified_header(token).get("kid")
        secret = keys.secret_of(key_name) if isinstance(key_name, str) else None
        if secret is None or not isinstance(key_name, str):
            raise refusals.token_invalid(f"its header names the key {key_name!r}, which is not one of this server's")
        with _any_secret():
            claims = jwt.decode(token, secret, algorithms=["HS256"], options=_CHECKS)
    except jwt.PyJWTError as error:
        raise refusals.token_invalid(str(error)) from error
    return key_name, claims


def _seconds(claims: Mapping[str, Any], claim: str) -> int:
    value = claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        raise refusals.token_invalid(f"its claim {claim} is not a time in seconds")
    return int(value)


def _grants_of_claim(text: Any) -> Grants:
    if not isinstance(text, str):
        raise refusals.token_invalid(f"its claim {CAPABILITY_CLAIM} has to be JSON text")
    try:
        return parse_grants(text)
    except ValueError as error:
        raise refusals.token_invalid(f"its claim {CAPABILITY_CLAIM} is no capability: {error}") from error
