"""The calls that a model makes of functions: their arguments, and the answers as messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .completion import ChatMessage
from .reducer import result_content


def arguments_of_call(call: Mapping[str, Any]) -> dict[str, Any] | str:
    """The arguments that a model calls a function with, or what to tell it when they are none."""
    name, text = call["function"]["name"], call["function"]["arguments"]
    try:
        arguments = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        return f"Error: the arguments are not JSON ({error}); call {name} again with valid JSON."
    if not isinstance(arguments, dict):
        return f"Error: the arguments are no JSON object; call {name} again with an object."
    return arguments


def tool_message(call: Mapping[str, Any], content: Any) -> ChatMessage:
    """The message that answers a call."""
    return {"role": "tool", "tool_call_id": call["id"], "content": result_content(content)}
