"""Messages of this codec: the reference's shape, and what it has no place for (codec spec e)."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Item: TypeAlias = dict[str, Any]
"""An item of the Responses API, input or output, as the API writes it."""


class ToolCallState(TypedDict, total=False):
    """What became of one call besides the items: who was asked, what was said, and how it ended."""

    approval: Literal["pending", "approved", "denied"]
    result: Literal["ok", "failed"]
    name: str
    arguments: str
    reason: str


class ResponseInfo(TypedDict, total=False):
    """What is known of the response that a message is the output of."""

    id: str
    model: str
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    created_at: float
    completed_at: float | None
    service_tier: str | None
    previous_response_id: str | None
    conversation: dict[str, Any] | None


class Audio(TypedDict, total=False):
    """Audio that was streamed: all of it as one base64 text, and what is said in it."""

    data: str
    transcript: str


class ResponsesMessage(TypedDict):
    """One message. ``role``, ``items`` and ``toolCallStates`` are the reference's, the others are ours.

    ``response`` tells status and usage; ``progress`` the phase of each item that has no status of its own; ``events``
    what has no place in an item: previews of images until the image is done, and events that this version does not
    know.
    """

    role: str
    items: list[Item]
    toolCallStates: NotRequired[dict[str, ToolCallState]]
    response: NotRequired[ResponseInfo]
    progress: NotRequired[dict[str, str]]
    events: NotRequired[list[dict[str, Any]]]
    audio: NotRequired[Audio]
