"""What users send, as input events (codec spec a, e.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.errors import InvalidArgumentError

from .kinds import MESSAGE
from .messages import ResponsesMessage
from .user_message import TEXT


class UserMessageInput(TypedDict):
    """A new message of the user; ``extended`` when it has parts that readers of other implementations do not see."""

    kind: Literal["user-message"]
    message: ResponsesMessage
    extended: NotRequired[bool]


class RegenerateInput(TypedDict):
    """Another answer, please."""

    kind: Literal["regenerate"]
    target: str
    parent: str


class ToolResultPayload(TypedDict):
    """What a tool returned: text, or a list of content parts."""

    call_id: str
    output: Any


class ToolResultInput(TypedDict):
    """The result of a call that the client ran."""

    kind: Literal["tool-result"]
    codecMessageId: str
    payload: ToolResultPayload


class ToolResultErrorPayload(TypedDict):
    """How a call failed."""

    call_id: str
    message: str


class ToolResultErrorInput(TypedDict):
    """The failure of a call that the client ran."""

    kind: Literal["tool-result-error"]
    codecMessageId: str
    payload: ToolResultErrorPayload


class ToolApprovalPayload(TypedDict):
    """The user's yes or no; ``call_id`` is the id of a call, or of an MCP approval request."""

    call_id: str
    approved: bool
    reason: NotRequired[str]


class ToolApprovalInput(TypedDict):
    """The answer to a call that asked for approval."""

    kind: Literal["tool-approval-response"]
    codecMessageId: str
    payload: ToolApprovalPayload


ResponsesInput: TypeAlias = (
    UserMessageInput | RegenerateInput | ToolResultInput | ToolResultErrorInput | ToolApprovalInput
)

_ROLES: Final = frozenset({"user", "system", "developer"})


def parse_input(value: Any) -> UserMessageInput:
    """What a user says as an input event.

    Takes text; a content part (``{"type": "input_image", ...}``) or a list of parts; an input message as the API takes
    it (``{"role": "user", "content": ...}``); and a message of this codec (``{"role": ..., "items": [...]}``). Raises
    InvalidArgumentError for anything else.
    """
    if isinstance(value, str):
        return _input("user", [{"type": TEXT, "text": value}])
    if isinstance(value, list | tuple):
        return _input("user", value)
    if isinstance(value, Mapping):
        if "items" in value:
            return _of_message(value)
        if "content" in value and value.get("type", MESSAGE) == MESSAGE:
            return _of_item(value.get("role", "user"), value)
        type_ = value.get("type")
        if isinstance(type_, str) and type_.startswith("input_"):
            return _input("user", [value])
    raise InvalidArgumentError(
        f"codec 'openai-responses' cannot send {_described(value)}; pass text, a content part or a list of them, a"
        " message ({'role': 'user', 'content': ...}), or an input event, for example codec.create_tool_result(...)"
    )


def _of_message(message: Mapping[str, Any]) -> UserMessageInput:
    items = message["items"]
    if not isinstance(items, list | tuple) or len(items) != 1 or not isinstance(items[0], Mapping):
        raise InvalidArgumentError(
            "codec 'openai-responses' sends one message at a time, and 'items' of a user's message must be a list of"
            f" exactly one item, not {_described(items)}"
        )
    [item] = items
    if item.get("type") != MESSAGE:
        raise InvalidArgumentError(
            f"codec 'openai-responses' cannot send an item of type {item.get('type')!r} as a user's message; send what"
            " tools returned with codec.create_tool_result(...)"
        )
    return _of_item(message.get("role", "user"), item)


def _of_item(role: Any, item: Mapping[str, Any]) -> UserMessageInput:
    if role not in _ROLES:
        raise InvalidArgumentError(
            f"codec 'openai-responses' cannot send a message of role {role!r}; a user's message has one of"
            f" {', '.join(sorted(_ROLES))}"
        )
    content = item.get("content")
    if isinstance(content, str):
        content = [{"type": TEXT, "text": content}]
    if not isinstance(content, list | tuple):
        raise InvalidArgumentError(
            f"codec 'openai-responses' cannot send a message whose content is {_described(content)}; pass text or a"
            " list of content parts"
        )
    return _input(role, content)


def _input(role: str, parts: Sequence[Any]) -> UserMessageInput:
    content = [_part(part) for part in parts]
    message: ResponsesMessage = {
        "role": role,
        # The item's role is the user's whatever the message's is, as readers rebuild it (codec spec e.3).
        "items": [{"type": MESSAGE, "role": "user", "content": content}],
    }
    event: UserMessageInput = {"kind": well_known.USER_MESSAGE, "message": message}
    if any(part.keys() != {"type", "text"} or part["type"] != TEXT for part in content):
        event["extended"] = True
    return event


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": TEXT, "text": part}
    type_ = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(type_, str) or not type_.startswith("input_"):
        raise InvalidArgumentError(
            f"codec 'openai-responses' cannot send {_described(part)} as a content part; parts of a user's message are"
            " of type input_text, input_image, input_file and other input_ types"
        )
    if type_ == TEXT and not isinstance(part.get("text"), str):
        raise InvalidArgumentError(
            f"codec 'openai-responses' cannot send an input_text part whose text is {_described(part.get('text'))}"
        )
    return dict(part)


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with type={value.get('type')!r}" if "type" in value else f"a mapping with {sorted(value)}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}"
