"""Header keys, and the two header tiers inside a message's ``extras`` (codec spec 0, session spec 2.1).

``extras.ai.transport`` carries routing and is always present on our messages; ``extras.ai.codec`` carries what the
codec needs and is left out when empty. Every value is a string. ``extras.headers`` belongs to the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Headers: TypeAlias = dict[str, str]

# Codec tier.
KIND: Final = "kind"
PART_TYPE: Final = "partType"

# Transport tier: written by the codec layer.
STREAM: Final = "stream"
STATUS: Final = "status"
STREAM_ID: Final = "stream-id"
DISCRETE: Final = "discrete"
MESSAGE_ID: Final = "codec-message-id"
ROLE: Final = "role"

# Transport tier: written by the session.
RUN_ID: Final = "run-id"
INVOCATION_ID: Final = "invocation-id"
EVENT_ID: Final = "event-id"
RUN_CLIENT_ID: Final = "run-client-id"
INPUT_CLIENT_ID: Final = "input-client-id"
INPUT_MESSAGE_ID: Final = "input-codec-message-id"
PARENT: Final = "parent"
FORK_OF: Final = "fork-of"
REGENERATES: Final = "msg-regenerate"
SUPERSEDES: Final = "supersedes"
RUN_REASON: Final = "run-reason"
STEP_ID: Final = "step-id"
STEP_START_SERIAL: Final = "step-start-serial"
STEP_REASON: Final = "step-reason"
STEP_CLIENT_ID: Final = "step-client-id"
STEER_MESSAGE_IDS: Final = "steer-codec-message-ids"
ERROR_CODE: Final = "error-code"
ERROR_MESSAGE: Final = "error-message"

_NO_HEADERS: Final[Mapping[str, Any]] = {}


def build_extras(transport: Headers, codec: Headers, *, ephemeral: bool = False) -> dict[str, Any]:
    """The ``extras`` of one outgoing message. Holds the given dicts themselves, not copies."""
    ai: dict[str, Any] = {"transport": transport}
    if codec:
        ai["codec"] = codec
    extras: dict[str, Any] = {"ai": ai}
    if ephemeral:
        extras["ephemeral"] = True
    return extras


def transport_headers(extras: Any) -> Mapping[str, Any]:
    """The transport tier of untrusted ``extras``; anything malformed reads as empty (codec spec c, g.30)."""
    if isinstance(extras, dict):
        ai = extras.get("ai")
        if isinstance(ai, dict):
            tier = ai.get("transport")
            if isinstance(tier, dict):
                return tier
    return _NO_HEADERS


def codec_headers(extras: Any) -> Mapping[str, Any]:
    """The codec tier of untrusted ``extras``; anything malformed reads as empty (codec spec c, g.30)."""
    if isinstance(extras, dict):
        ai = extras.get("ai")
        if isinstance(ai, dict):
            tier = ai.get("codec")
            if isinstance(tier, dict):
                return tier
    return _NO_HEADERS


def has_envelope(extras: Any) -> bool:
    """Whether ``extras.ai`` is an object (an empty one or an array counts, as in JavaScript)."""
    return isinstance(extras, dict) and isinstance(extras.get("ai"), dict | list)


def text_header(headers: Mapping[str, Any], key: str) -> str | None:
    """The header as a non-empty string, else None: an empty id on the wire means "none" (session spec 3.2)."""
    value = headers.get(key)
    return value if isinstance(value, str) and value else None
