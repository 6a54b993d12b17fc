"""What users send: user messages as the API takes them, one wire message per part of their content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codecs.openai.plain import plain_value, try_plain
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.json_text import dump_json, parse_json

_WHOLE, _EMPTY = "whole", "empty"
"""What a text part stands for beside itself: all of the content, or a list without entries."""

_ABOUT: Final = "about"
"""The header with what a message says beside its content, such as ``name``; every part repeats it."""

_PART_FIELDS: Final[Mapping[str, str]] = {
    "text": "text",
    "image_url": "image_url",
    "input_audio": "input_audio",
    "file": "file",
}
"""The parts that the API takes from users, and the field in each that has to be there."""

_ADVICE: Final[Mapping[str, str]] = {
    "system": "instructions belong to the agent: pass chat_turn(..., instructions=...)",
    "developer": "instructions belong to the agent: pass chat_turn(..., instructions=...)",
    "assistant": "the agent writes the answers, by streaming them",
    "tool": "send a result with codec.create_tool_result(message_id, {'tool_call_id': ..., 'content': ...})",
    "function": "send a result with codec.create_tool_result(message_id, {'tool_call_id': ..., 'content': ...})",
}


def to_input(value: Any) -> dict[str, Any]:
    """The input that says ``value``: a string, or a user message as the API takes it (a dictionary).

    Raises InvalidArgumentError for anything else: other roles, and parts that the API does not take.
    """
    if isinstance(value, str):
        return well_known.user_message({"role": "user", "content": str.__str__(value)})
    message = value if isinstance(value, Mapping) else try_plain(value)
    role = message.get("role") if message is not None else None
    if message is None or role != "user":
        said = f"a message of role {role!r}" if isinstance(role, str) else f"a {type(value).__name__}"
        advice = _ADVICE.get(role if isinstance(role, str) else "", "pass a string, or a user message as a dictionary")
        raise InvalidArgumentError(f"codec 'openai-chat' cannot send {said} as an input; {advice}")
    return well_known.user_message(_checked(message))


def _checked(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, str | list | tuple):
        raise InvalidArgumentError(
            f"codec 'openai-chat' cannot send a user message whose content is a {type(content).__name__};"
            " pass text, or a list of parts such as {'type': 'text', 'text': ...}"
        )
    if not isinstance(content, str):
        for part in content:
            _check_part(part)
    found: dict[str, Any] = plain_value(message)
    return found


def _check_part(part: Any) -> None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    field = _PART_FIELDS.get(kind) if isinstance(kind, str) else None
    if isinstance(part, Mapping) and isinstance(kind, str) and (field is None or part.get(field) is not None):
        return  # a type of part that is newer than this codec is the API's to judge
    said = f"a part of type {kind!r} without {field!r}" if field else f"a part that is a {type(part).__name__}"
    if field is None and isinstance(part, Mapping):
        said = "a part without a 'type'"
    raise InvalidArgumentError(
        f"codec 'openai-chat' cannot send {said}; the parts of a user message are dictionaries such as"
        " {'type': 'text', 'text': ...} or {'type': 'image_url', 'image_url': {'url': ...}}"
    )


def explode(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a user's message: at least one, so that an empty message shows too."""
    content = _message(event)["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content, "form": _WHOLE}]
    parts = [_part(part) for part in content]
    return parts or [{"type": "text", "text": "", "form": _EMPTY}]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "text" and isinstance(part.get("text"), str):
        rest = {key: value for key, value in part.items() if key not in {"type", "text"}}
        return {"type": "text", "text": part["text"], "rest": rest or None}
    return {"type": f"part-{part['type']}", "value": dict(part)}


def _message(event: Mapping[str, Any]) -> dict[str, Any]:
    message = event.get("message")
    checked: dict[str, Any] = to_input(message)["message"]
    return checked


def message_headers(event: Mapping[str, Any]) -> tuple[Headers, Headers]:
    """What each part repeats: the role, and the fields of the message beside its content."""
    about = {key: value for key, value in _message(event).items() if key not in {"role", "content"}}
    return {"role": "user"}, {_ABOUT: dump_json(about)} if about else {}


def assemble(part: dict[str, Any], _: Mapping[str, Any], codec_headers: Mapping[str, Any]) -> dict[str, Any]:
    """The user message that one untrusted part makes; the reducer joins the parts of one message."""
    return {"message": {**_about(codec_headers), "role": "user", "content": _content(part)}}


def _about(headers: Mapping[str, Any]) -> dict[str, Any]:
    header = headers.get(_ABOUT)
    try:
        about = parse_json(header) if isinstance(header, str) else None
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}


def _content(part: dict[str, Any]) -> str | list[Any]:
    if part["type"] != "text":
        value = part.get("value")
        return [value] if isinstance(value, dict) and isinstance(value.get("type"), str) else []
    text, form, rest = part.get("text", ""), part.get("form"), part.get("rest")
    if form == _WHOLE:
        return str(text)
    if form == _EMPTY:
        return []
    return [{"type": "text", "text": text, **(rest if isinstance(rest, dict) else {})}]
