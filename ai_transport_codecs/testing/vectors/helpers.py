"""The helper functions that ``helper`` vectors call, by the vector's codec."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from ai_transport_codecs.errors import AITransportError, ErrorCode, has_code
from ai_transport_codecs.wire.absent import ABSENT

from .comparing import difference

Json = Mapping[str, Any]


class CodecHelpers(NamedTuple):
    """Where a codec's helpers are, by the name that the vectors use; imported when a vector asks for them."""

    module: str
    functions: Mapping[str, str]

    def find(self, name: str) -> Callable[[Any], Any]:
        """The helper that a vector calls ``name``."""
        found: Callable[[Any], Any] = getattr(importlib.import_module(self.module), self.functions[name])
        return found


CODEC_HELPERS: Final[Mapping[str, CodecHelpers]] = {
    "responses": CodecHelpers(
        "ai_transport_codecs.codecs.openai.responses.model_input",
        {
            "toResponsesInput": "model_input",
            "resolvedCallIds": "resolved_call_ids",
            "unansweredCalls": "unanswered_calls",
            "approvedUnexecutedCalls": "approved_unexecuted_calls",
        },
    ),
    "uimessage": CodecHelpers(
        "ai_transport_codecs.codecs.vercel",
        {
            "pendingToolCalls": "pending_tool_calls",
            "approvedPendingToolCalls": "approved_pending_tool_calls",
            "stripToolExecutes": "strip_tool_executes",
        },
    ),
}
"""Helpers of one argument, a case's ``input``; its ``result`` has what each of them returns for it."""


def _error_codes() -> dict[str, int]:
    return {"".join(word.capitalize() for word in code.name.split("_")): int(code) for code in ErrorCode}


_UTILITIES: Final[Mapping[str, Callable[..., Any]]] = {
    "mergeHeaders": lambda first, second: (first or {}) | (second or {}),
    "stripUndefined": lambda value: {key: item for key, item in value.items() if item is not ABSENT},
    "errorCodes": _error_codes,
    "errorInfoIs": lambda code, asked: has_code(AITransportError("", code=code), asked),
}
"""Functions that belong to no codec; a case names the one it calls, with its arguments."""


def helper_difference(vector: Json) -> str | None:
    """How our helpers answer otherwise than the vector says, or None."""
    helpers = CODEC_HELPERS.get(vector["codec"])
    for index, case in enumerate(vector["helper"]):
        asked, expected = case["input"], case["result"]
        if helpers is None:
            found = difference(expected, _UTILITIES[asked["fn"]](*asked["args"]), f"helper[{index}] {asked['fn']}")
        else:
            found = difference(expected, {name: helpers.find(name)(asked) for name in expected}, f"helper[{index}]")
        if found:
            return found
    return None
