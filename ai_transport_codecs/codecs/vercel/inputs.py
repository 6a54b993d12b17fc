"""What users send, as input events (codec spec a, f.3)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.errors import InvalidArgumentError

from .fork_seed import ForkSeed
from .messages import DATA, UIMessage
from .user_message import SENT_PARTS, is_sent


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

    A message without an id gets a new one, one without a role is the user's. Raises InvalidArgumentError for what is no
    message, and for a part that would not travel.
    """
    if isinstance(value, str):
        return _input({"parts": [{"type": "text", "text": value}]})
    if isinstance(value, list | tuple):
        return _input({"parts": value})
    if isinstance(value, Mapping):
        if "parts" in value:
            return _input(value)
        if isinstance(value.get("type"), str):
            return _input({"parts": [value]})
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
    _check_parts(parts)
    whole: Any = {"id": str(uuid.uuid4()), "role": "user", **message, "parts": list(parts)}
    return {"kind": well_known.USER_MESSAGE, "message": whole}


def _check_parts(parts: Sequence[Any]) -> None:
    for part in parts:
        if not is_sent(part):
            kinds = ", ".join(sorted(SENT_PARTS))
            raise InvalidArgumentError(
                f"codec 'vercel' cannot send a user's message with {_described(part)} in it; its parts may be {kinds}"
                f" and {DATA}*: leave the others out"
            )
        if part["type"].startswith(DATA) and isinstance(part.get("data"), int | float):
            raise InvalidArgumentError(
                f"codec 'vercel' cannot send {part['data']!r} as the data of a {part['type']!r} part, because a"
                " channel's messages hold text, objects, lists or null: put it into an object"
            )


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with type={value.get('type')!r}" if "type" in value else f"a mapping with {sorted(value)}"
    return f"a {type(value).__name__}"
