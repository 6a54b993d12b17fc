"""What users send: their messages, one wire message per block, and their answers to requests for input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.workflow import HumanResponseEvent

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.headers import Headers
from ai_transport_codecs.wire.json_text import dump_json, parse_json

from .blocks import BLOCKS, build_blocks, build_message, plain_block, plain_kwargs
from .events import plain_fields
from .plain import Plainer, restored

QUESTION: Final = "input-required:"
"""What the tool call ids of a workflow's questions to people begin with."""

_ABOUT: Final = "about"
"""The header with what a message says beside its blocks; every part repeats it."""

_EMPTY: Final = "empty"
"""The form of a text part that stands for a message without blocks."""

_BLOCK_CLASSES: Final = tuple(BLOCKS.values())


def to_input(value: Any) -> dict[str, Any]:
    """The input that says ``value``: a string, the user's ``ChatMessage`` or blocks, or a ``HumanResponseEvent``.

    Raises InvalidArgumentError for anything else, and for a block that is a file of this machine.
    """
    if isinstance(value, HumanResponseEvent):
        return human_response("", value)
    if isinstance(value, str):
        return well_known.user_message(ChatMessage(str.__str__(value)))
    if isinstance(value, list) and value and all(isinstance(block, _BLOCK_CLASSES) for block in value):
        value = ChatMessage(value)
    if isinstance(value, ChatMessage) and value.role == MessageRole.USER:
        _check(value)
        return well_known.user_message(value)
    raise InvalidArgumentError(
        f"codec 'llamaindex' cannot send {_described(value)} as an input; pass a string, a ChatMessage of role 'user',"
        " a list of content blocks, a HumanResponseEvent, or an input event such as"
        " codec.create_tool_result(message_id, payload). System prompts belong in the agent, and it writes the answers"
    )


def human_response(message_id: str, event: HumanResponseEvent, *, question_id: str | None = None) -> dict[str, Any]:
    """The input that answers the request for input of message ``message_id``, and of that question in it.

    As ``InputRequest.answer`` makes it.
    """
    payload: dict[str, Any] = {"name": type(event).__name__, "data": plain_fields(Plainer(), event)}
    if question_id is not None:
        payload["tool_call_id"] = question_id
    return {"kind": well_known.HUMAN_RESPONSE, "codecMessageId": message_id, "payload": payload}


def _described(value: Any) -> str:
    if isinstance(value, ChatMessage):
        return f"a ChatMessage of role {value.role.value!r}"
    return f"a {type(value).__name__}"


def _check(message: ChatMessage) -> None:
    for block in message.blocks:
        if getattr(block, "path", None) is not None:
            raise InvalidArgumentError(
                f"codec 'llamaindex' cannot send a {type(block).__name__} with a path, which names a file of this"
                " machine that no agent can open; pass the file's bytes or a URL"
            )


def explode(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a user's message: at least one, so that an empty message shows too."""
    message = _message(event)
    plainer = Plainer()
    return [_part(plainer, block) for block in message.blocks] or [{"type": "text", "text": "", "form": _EMPTY}]


def _message(event: Mapping[str, Any]) -> ChatMessage:
    message = event.get("message")
    if isinstance(message, ChatMessage):
        _check(message)
        return message
    raise InvalidArgumentError(
        f"unable to encode input; the message of a 'user-message' input must be a ChatMessage,"
        f" not {type(message).__name__}, use codec.to_input(...) to make one"
    )


def _part(plainer: Plainer, block: Any) -> dict[str, Any]:
    if type(block) is TextBlock:
        return {"type": "text", "text": block.text}
    plain = plain_block(plainer, block)
    return {"type": f"block-{plain.get('block_type', '')}", "value": plain}


def message_headers(event: Mapping[str, Any]) -> tuple[Headers, Headers]:
    """What each part repeats: the role, and ``additional_kwargs``."""
    kwargs = plain_kwargs(Plainer(), _message(event))
    return {"role": "user"}, {_ABOUT: dump_json(kwargs)} if kwargs else {}


def assemble(part: dict[str, Any], _: Mapping[str, Any], codec_headers: Mapping[str, Any]) -> dict[str, Any]:
    """The user's message that one untrusted part makes; the reducer joins the parts of one message."""
    if part["type"] == "text":
        blocks: list[Any] = [] if part.get("form") == _EMPTY else [TextBlock(text=part.get("text", ""))]
    else:
        blocks = build_blocks([restored(part.get("value"))])
    return {"message": build_message("user", blocks, _about(codec_headers))}


def _about(headers: Mapping[str, Any]) -> Any:
    header = headers.get(_ABOUT)
    try:
        return restored(parse_json(header)) if isinstance(header, str) else None
    except ValueError:
        return None


def result_data(payload: Mapping[str, Any]) -> Any:
    """A tool's result as message data: text, or a list of plain blocks; any other value as its JSON."""
    content, plainer = payload.get("content"), Plainer()
    if isinstance(content, str):
        return str.__str__(content)
    if isinstance(content, _BLOCK_CLASSES):
        content = [content]
    if isinstance(content, list) and all(isinstance(block, _BLOCK_CLASSES) for block in content):
        return [plain_block(plainer, block) for block in content]
    return dump_json(plainer.try_plain("tool result", content))
