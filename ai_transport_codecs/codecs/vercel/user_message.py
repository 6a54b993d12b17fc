"""A user's message as one wire message for each of its parts (codec spec f.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.headers import Headers

from .messages import DATA

SENT_PARTS: Final = {"text": ("text",), "file": ("mediaType", "url")}
"""The parts that travel besides data, and what they need."""
_MESSAGE_ID: Final = "messageId"


def is_sent(part: Any) -> bool:
    """Whether a part of a user's message travels: text, files and data do."""
    type_ = part.get("type") if isinstance(part, Mapping) else None
    return isinstance(type_, str) and (type_ in SENT_PARTS or type_.startswith(DATA))


def explode(event: Event) -> Sequence[Mapping[str, Any]]:
    """The parts that travel; one empty text when there is none, so that the message exists on the channel."""
    parts = _message(event).get("parts")
    sent = [part for part in parts if is_sent(part)] if isinstance(parts, list | tuple) else []
    return sent or [{"type": "text", "text": ""}]


def message_headers(event: Event) -> tuple[Headers, Headers]:
    """What each part repeats: the message's role (transport tier) and its id (codec tier)."""
    message = _message(event)
    role, id_ = message.get("role"), message.get("id")
    return ({h.ROLE: role} if isinstance(role, str) else {}), ({_MESSAGE_ID: id_} if isinstance(id_, str) else {})


def assemble(part: dict[str, Any], transport: Mapping[str, Any], codec: Mapping[str, Any]) -> dict[str, Any]:
    """The message that one part decodes to; the reducer joins the parts."""
    id_, role = codec.get(_MESSAGE_ID), transport.get(h.ROLE)
    return {
        "message": {
            "id": id_ if isinstance(id_, str) else "",
            "role": role if isinstance(role, str) else "user",
            "parts": [part],
        }
    }


def _message(event: Event) -> Mapping[str, Any]:
    message = event.get("message")
    if not isinstance(message, Mapping):
        raise InvalidArgumentError(
            f"unable to encode input; a 'user-message' needs a UI message as its 'message', not"
            f" {type(message).__name__}"
        )
    return message
