"""Answering a tool call in a run of its own, beside the one that asked (codec spec f.4, session spec 3.7)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypedDict

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.errors import InvalidArgumentError

from .fork_seed import ForkSeed
from .inputs import ToolResultErrorInput, ToolResultInput
from .messages import UIMessage, is_tool_part
from .plain import copy_json


class ForkOptions(TypedDict):
    """Where the fork belongs, as a send takes it. There is no run id: the answer's run is a new one."""

    parent: str | None
    role: str
    supersedes: str


class ToolResultFork(NamedTuple):
    """An input that answers a tool call in a new run, and the options to send it with."""

    input: ToolResultInput | ToolResultErrorInput
    options: ForkOptions


def fork_with_result(
    messages: Sequence[CodecMessage[UIMessage]],
    call_id: str,
    output: Any,
    *,
    run_id: str,
    parent: str | None,
    mint_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> ToolResultFork:
    """The fork that goes on with a tool's result.

    ``messages`` are those of the suspended run ``run_id``, whose place the new run takes; ``parent`` is what that
    run answers. The messages travel along under fresh ids, from ``mint_id``, and are not changed. Raises
    InvalidArgumentError when none of them has the call.
    """
    target, seed = _seed(messages, call_id, mint_id)
    return ToolResultFork(
        {
            "kind": well_known.TOOL_RESULT,
            "codecMessageId": target,
            "payload": {"toolCallId": call_id, "output": output, "forkSeed": seed},
        },
        {"parent": parent, "role": "assistant", "supersedes": run_id},
    )


def fork_with_error(
    messages: Sequence[CodecMessage[UIMessage]],
    call_id: str,
    message: str,
    *,
    run_id: str,
    parent: str | None,
    mint_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> ToolResultFork:
    """The fork that goes on with a tool's failure; as :func:`fork_with_result`."""
    target, seed = _seed(messages, call_id, mint_id)
    return ToolResultFork(
        {
            "kind": well_known.TOOL_RESULT_ERROR,
            "codecMessageId": target,
            "payload": {"toolCallId": call_id, "message": message, "forkSeed": seed},
        },
        {"parent": parent, "role": "assistant", "supersedes": run_id},
    )


def _seed(
    messages: Sequence[CodecMessage[UIMessage]], call_id: str, mint_id: Callable[[], str]
) -> tuple[str, ForkSeed]:
    seed: ForkSeed = {
        "messages": [{"codecMessageId": mint_id(), "message": copy_json(entry.message)} for entry in messages]
    }
    for entry in seed["messages"]:
        parts: list[Any] = [*entry["message"]["parts"]]
        if any(is_tool_part(part) and part["toolCallId"] == call_id for part in parts):
            return entry["codecMessageId"], seed
    raise InvalidArgumentError(
        f"unable to fork; none of the run's {len(messages)} messages has the tool call {call_id!r}, pass the"
        " messages of the run that asked for it"
    )
