"""How large a message counts against a channel's limit."""

from __future__ import annotations

from typing import Any

from .absent import ABSENT
from .json_text import dump_json
from .messages import OutboundMessage, OutboundMutation


def message_size(message: OutboundMessage | OutboundMutation, client_id: str | None = None) -> int:
    """Bytes of name, client id, extras (as JSON) and data: what Ably's limit for one publish adds up.

    Raises TypeError for data or extras that no channel can carry.
    """
    name = message.name if isinstance(message, OutboundMessage) else ""
    return (
        len(_utf8(name)) + len(_utf8(client_id or "")) + len(_utf8(dump_json(message.extras))) + data_size(message.data)
    )


def data_size(data: Any) -> int:
    """Bytes of message data: UTF-8 of text, JSON text of objects and lists."""
    if data is None or data is ABSENT:
        return 0
    if isinstance(data, bytes | bytearray):
        return len(data)
    return len(_utf8(data if isinstance(data, str) else dump_json(data)))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
