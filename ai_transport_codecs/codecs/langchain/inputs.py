"""What users send: human messages, one wire message per part of their content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage, HumanMessage

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.json_text import dump_json, parse_json

from .document import restored
from .messages import build_message
from .plain import Plainer

_USER_ROLES: Final = frozenset({"human", "user"})
_ABOUT: Final = "about"
"""The header with what a message says beside its content; every part repeats it."""

_WHOLE, _BARE, _EMPTY = "whole", "bare", "empty"
"""What a text part stands for: all of the content, an entry that is a bare string, or a list without entries."""


def to_input(value: Any) -> dict[str, Any]:
    """The input that says ``value``: a string, a ``HumanMessage``, or what LangChain reads as one.

    Raises InvalidArgumentError for anything else; system and AI messages are no inputs.
    """
    if isinstance(value, HumanMessage):
        return well_known.user_message(value)
    if isinstance(value, str):
        return well_known.user_message(HumanMessage(str.__str__(value)))
    role, content = _role_and_content(value)
    if role in _USER_ROLES and isinstance(content, str | list):
        return well_known.user_message(HumanMessage(content))
    raise InvalidArgumentError(
        f"codec 'langchain' cannot send {_described(value, role)} as an input; pass a string, a HumanMessage,"
        " a ('user', text) pair or an input event such as codec.create_tool_result(message_id, payload)."
        " System prompts belong in the chain, and the agent writes the answers"
    )


def _role_and_content(value: Any) -> tuple[Any, Any]:
    if isinstance(value, tuple) and len(value) == 2:  # a (role, content) pair
        return value
    if isinstance(value, Mapping):
        return value.get("role", value.get("type")), value.get("content")
    return None, None


def _described(value: Any, role: Any) -> str:
    if isinstance(value, BaseMessage):
        return f"a {type(value).__name__}"
    return f"a message of role {role!r}" if isinstance(role, str) else f"a {type(value).__name__}"


def explode(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a user's message: at least one, so that an empty message shows too."""
    message = _message(event)
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content, "form": _WHOLE}]
    entries = Plainer().plain_list("content", message.content)
    return [_part(entry) for entry in entries] or [{"type": "text", "text": "", "form": _EMPTY}]


def _message(event: Mapping[str, Any]) -> BaseMessage:
    message = event.get("message")
    if isinstance(message, BaseMessage):
        return message
    raise InvalidArgumentError(
        f"unable to encode input; the message of a 'user-message' input must be a HumanMessage,"
        f" not {type(message).__name__}, use codec.to_input(...) to make one"
    )


def _part(entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        return {"type": "text", "text": entry, "form": _BARE}
    if isinstance(entry, dict) and entry.get("type") == "text" and isinstance(entry.get("text"), str):
        rest = {key: value for key, value in entry.items() if key not in ("type", "text")}
        return {"type": "text", "text": entry["text"], "rest": rest or None}
    kind = entry.get("type") if isinstance(entry, dict) else None
    return {"type": f"block-{kind}" if isinstance(kind, str) else "block-", "value": entry}


def message_headers(event: Mapping[str, Any]) -> tuple[Headers, Headers]:
    """What each part repeats: the role, and the fields of the message beside its content."""
    message = _message(event)
    plainer = Plainer()
    about = {
        name: plainer.try_plain(name, value)
        for name in ("id", "name", "additional_kwargs", "response_metadata")
        if (value := getattr(message, name))
    }
    if message.__pydantic_extra__:
        about["extra"] = plainer.plain_object("extra", message.__pydantic_extra__)
    return {"role": "user"}, {_ABOUT: dump_json(about)} if about else {}


def assemble(part: dict[str, Any], _: Mapping[str, Any], codec_headers: Mapping[str, Any]) -> dict[str, Any]:
    """The human message that one untrusted part makes; the reducer joins the parts of one message."""
    return {"message": build_message("human", "whole", {**_about(codec_headers), **_content(part)}, is_complete=True)}


def _about(headers: Mapping[str, Any]) -> dict[str, Any]:
    header = headers.get(_ABOUT)
    if not isinstance(header, str):
        return {}
    try:
        about = parse_json(header)
    except ValueError:
        return {}
    return restored(about) if isinstance(about, dict) else {}


def _content(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == "text":
        return _text_content(part)
    value = restored(part.get("value"))
    return {"content": [value] if isinstance(value, dict | str) else [], "content_form": "list"}


def _text_content(part: dict[str, Any]) -> dict[str, Any]:
    text, form, rest = part.get("text", ""), part.get("form"), part.get("rest")
    if form == _WHOLE:
        return {"content": text}
    entry = (
        text if form == _BARE else {"type": "text", "text": text} | (restored(rest) if isinstance(rest, dict) else {})
    )
    return {"content": [] if form == _EMPTY else [entry], "content_form": "list"}
