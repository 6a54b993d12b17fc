"""How a user's message travels: one wire message for each content part (codec spec e.3).

The reference carries text only, and refuses a message with anything else in it. Images, files and other parts travel as
parts of their own type, which a reference reader skips while it still sees the text; the input says so by ``extended``,
which :func:`.inputs.parse_input` sets, so that an input made elsewhere is refused as the reference refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.headers import ROLE, Headers

from .kinds import MESSAGE, PART

TEXT: Final = "input_text"
EXTENDED: Final = "extended"


def explode(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The parts to send; one empty text for a message without any.

    Raises InvalidArgumentError for what is not one message item with a list of content parts that can be carried.
    """
    item = _only_item(event.get("message"))
    content = item.get("content")
    if not isinstance(content, list | tuple):
        raise InvalidArgumentError(
            "unable to encode input; the content of a user message's item must be a list of parts, not"
            f" {type(content).__name__}: make the input with codec.to_input(...), which takes text too"
        )
    extended = event.get(EXTENDED) is True
    return [_sent(part, extended=extended) for part in content] or [{"type": TEXT, "text": ""}]


def _only_item(message: Any) -> Mapping[str, Any]:
    items = message.get("items") if isinstance(message, Mapping) else None
    count = len(items) if isinstance(items, list | tuple) else 0
    item = items[0] if count == 1 and isinstance(items, list | tuple) else None
    if not isinstance(item, Mapping) or item.get("type") != MESSAGE:
        raise InvalidArgumentError(
            f"unable to encode input; a user message must be exactly one item of type {MESSAGE!r}, got {count} item(s):"
            " send them one by one, and what tools returned with codec.create_tool_result(...)"
        )
    return item


def _sent(part: Any, *, extended: bool) -> Mapping[str, Any]:
    type_ = part.get("type") if isinstance(part, Mapping) else None
    if type_ == TEXT:
        found: Mapping[str, Any] = part
        # What text has besides itself, such as a cache breakpoint, has no place in the reference's part.
        return {"type": PART + TEXT, "part": part} if extended and found.keys() - {"type", "text"} else found
    if extended and isinstance(type_, str):
        return {"type": f"{PART}{type_}", "part": part}
    raise InvalidArgumentError(
        f"unable to encode input; codec 'openai-responses' cannot send a content part of type {type_!r} in an input"
        " made by hand, since readers of other implementations do not see it: make the input with"
        " codec.to_input(message) or codec.create_user_message(message), which carry images and files"
    )


def message_headers(event: Mapping[str, Any]) -> tuple[Headers, Headers]:
    """What each part repeats: the message's role."""
    message = event.get("message")
    role = message.get("role") if isinstance(message, Mapping) else None
    return ({ROLE: role} if isinstance(role, str) else {}), {}


def assemble(part: dict[str, Any], transport: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    """The message that one untrusted part makes; the reducer joins the parts of one message."""
    role = transport.get(ROLE)
    item = {"type": MESSAGE, "role": "user", "content": [_content(part)]}
    return {"message": {"role": role if isinstance(role, str) else "user", "items": [item]}}


def _content(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == TEXT:
        return part
    held = part.get("part")
    if not isinstance(held, dict):
        raise ValueError(f"a {part['type']!r} part holds no object")  # noqa: TRY004
    return {**held, "type": str(part["type"]).removeprefix(PART)}
