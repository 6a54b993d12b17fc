"""What a reader is told of a response: how it stands and what it cost, and not what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .json_values import copy_json

_TOLD: Final = (
    "id",
    "model",
    "status",
    "created_at",
    "completed_at",
    "error",
    "incomplete_details",
    "usage",
    "service_tier",
    "previous_response_id",
    "conversation",
)
"""Of what the API repeats in each event of a response; instructions, tools and other settings were the agent's own."""


def response_info(response: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a response that readers are told, without what is null."""
    return {key: copy_json(response[key]) for key in _TOLD if response.get(key) is not None}
