"""The well-known inputs: what a client says, in every codec the same way (codec spec a)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

USER_MESSAGE: Final = "user-message"
REGENERATE: Final = "regenerate"
TOOL_RESULT: Final = "tool-result"
TOOL_RESULT_ERROR: Final = "tool-result-error"
TOOL_APPROVAL_RESPONSE: Final = "tool-approval-response"
HUMAN_RESPONSE: Final = "human-response"
"""An answer to a question that the agent asked people; of codecs whose framework has such."""


def user_message(message: Any) -> dict[str, Any]:
    """A new message of the user."""
    return {"kind": USER_MESSAGE, "message": message}


def regenerate(target: str, parent: str) -> dict[str, Any]:
    """Ask for another answer in place of message ``target``, to the prompt ``parent``."""
    return {"kind": REGENERATE, "target": target, "parent": parent}


def tool_result(codec_message_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a tool call that message ``codec_message_id`` asked the client to run."""
    return {"kind": TOOL_RESULT, "codecMessageId": codec_message_id, "payload": payload}


def tool_result_error(codec_message_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The failure of such a tool call."""
    return {"kind": TOOL_RESULT_ERROR, "codecMessageId": codec_message_id, "payload": payload}


def tool_approval_response(codec_message_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The user's yes or no to a tool call of message ``codec_message_id``."""
    return {"kind": TOOL_APPROVAL_RESPONSE, "codecMessageId": codec_message_id, "payload": payload}
