"""What users send, as input events (codec spec a, f.3)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict, get_args

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.json_text import dump_json

from .fork_seed import ForkSeed
from .messages import DATA, Role, UIMessage
from .plain import plain_of
from .user_message import SENT_PARTS, is_sent

_ROLES: Final[tuple[str, ...]] = get_args(Role)


class UserMessageInput(TypedDict):
    """A new message of the user."""

    kind: Literal["user-message"]
    message: UIMessage


class RegenerateInput(TypedDict):
    """Another answer, please."""

    kind: Literal["regenerate"]
    target: str
    parent: str


class ToolResultPayload(TypedDict):
    """What a tool returned; ``forkSeed`` when the answer goes on in a run of its own."""

    toolCallId: str
    output: Any
    forkSeed: NotRequired[ForkSeed]


class ToolResultInput(TypedDict):
    """The result of a tool that the client ran."""

    kind: Literal["tool-result"]
    codecMessageId: str
    payload: ToolResultPayload


class ToolResultErrorPayload(TypedDict):
    """How a tool failed; ``forkSeed`` as for a result."""

    toolCallId: str
    message: str
    forkSeed: NotRequired[ForkSeed]


class ToolResultErrorInput(TypedDict):
    """The failure of a tool that the client ran."""

    kind: Literal["tool-result-error"]
    codecMessageId: str
    payload: ToolResultErrorPayload


class ToolApprovalPayload(TypedDict):
    """The user's yes or no to a tool call."""

    toolCallId: str
    approved: bool
    reason: NotRequired[str]


class ToolApprovalInput(TypedDict):
    """The answer to a tool call that asked for approval."""

    kind: Literal["tool-approval-response"]
    codecMessageId: str
    payload: ToolApprovalPayload


VercelInput: TypeAlias = UserMessageInput | RegenerateInput | ToolResultInput | ToolResultErrorInput | ToolApprovalInput


def parse_input(value: Any) -> UserMessageInput:
    """What a user says (text, a UI message, a part or several parts) as an input event.

    Messages and parts may be dictionaries or objects with ``model_dump``. A message without an id gets a new one, one
    without a role is the user's. Raises InvalidArgumentError for what is no message, and for a part that would not
    travel.
    """
    if isinstance(value, str):
        return _input({"parts": [{"type": "text", "text": value}]})
    if isinstance(value, list | tuple) and value:
        return _input({"parts": value})
    plain = plain_of(value)
    if isinstance(plain, Mapping):
        if "parts" in plain:
            return _input(plain)
        if isinstance(plain.get("type"), str):
            return _input({"parts": [plain]})
    raise InvalidArgumentError(
        f"codec 'vercel' cannot send {_described(value)}; pass text, a UI message ({{'parts': [...]}}), a list of"
        " parts, or an input event, for example codec.create_tool_result(...)"
    )


def _input(message: Mapping[str, Any]) -> UserMessageInput:
    parts = message["parts"]
    if not isinstance(parts, list | tuple):
        raise InvalidArgumentError(
            f"codec 'vercel' cannot send a UI message whose 'parts' are {type(parts).__name__}; pass a list of parts"
        )
    given = {key: value for key, value in message.items() if value is not None or key not in {"id", "role"}}
    whole: Any = {"id": str(uuid.uuid4()), "role": "user", **given, "parts": [_part(part) for part in parts]}
    if not isinstance(whole["id"], str):
        raise InvalidArgumentError(
            f"codec 'vercel' cannot send a UI message whose 'id' is {_described(whole['id'])}; pass text, or leave it"
            " out to get a new one"
        )
    if whole["role"] not in _ROLES:
        raise InvalidArgumentError(
            f"codec 'vercel' cannot send a UI message whose 'role' is {whole['role']!r}; it is one of"
            f" {', '.join(_ROLES)}, by default user"
        )
    return {"kind": well_known.USER_MESSAGE, "message": whole}


def _part(given: Any) -> Mapping[str, Any]:
    part = plain_of(given)
    if not is_sent(part):
        kinds = ", ".join(sorted(SENT_PARTS))
        raise InvalidArgumentError(
            f"codec 'vercel' cannot send a user's message with {_described(part)} in it; its parts may be {kinds}"
            f" and {DATA}*: leave the others out"
        )
    # A part of a dumped message has nulls for what was not set; only data may be null.
    checked: dict[str, Any] = {key: value for key, value in part.items() if value is not None or key == "data"}
    if checked["type"].startswith(DATA):
        _check_data(checked)
    else:
        _check_text(checked)
    return checked


def _check_text(part: Mapping[str, Any]) -> None:
    for key in SENT_PARTS[part["type"]]:
        if not isinstance(part.get(key), str):
            raise InvalidArgumentError(
                f"codec 'vercel' cannot send a {part['type']!r} part whose {key!r} is {_described(part.get(key))};"
                " it must be text"
            )


def _check_data(part: Mapping[str, Any]) -> None:
    if "data" not in part:
        raise InvalidArgumentError(
            f"codec 'vercel' cannot send a {part['type']!r} part without 'data'; null is data too"
        )
    data = part["data"]
    if isinstance(data, int | float):
        raise InvalidArgumentError(
            f"codec 'vercel' cannot send {data!r} as the data of a {part['type']!r} part, because a"
            " channel's messages hold text, objects, lists or null: put it into an object"
        )
    try:
        dump_json(data)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"codec 'vercel' cannot send a {part['type']!r} part whose 'data' is not JSON: {error}"
        ) from error


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with type={value['type']!r}" if "type" in value else f"a mapping with keys {[*value]}"
    return "an empty list" if value in ([], ()) else f"a {type(value).__name__}"
