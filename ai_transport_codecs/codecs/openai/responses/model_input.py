"""What to feed to the model next, and which calls of a conversation are still open (codec spec e.5).

All take the messages of a conversation, oldest first, as a projection or a session's view has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from .kinds import FUNCTION_CALL, OUTPUT
from .messages import Item, ResponsesMessage, ToolCallState

APPROVAL_REQUEST: Final = "mcp_approval_request"
APPROVAL_RESPONSE: Final = "mcp_approval_response"


def _custom_output(call: Item, output: Any) -> Item:
    return {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": output}


def _shell_output(call: Item, output: Any) -> Item:
    if not isinstance(output, list):
        output = [{"stdout": str(output), "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    return {"type": "shell_call_output", "call_id": call["call_id"], "output": output}


def _local_shell_output(call: Item, output: Any) -> Item:
    # Of all outputs this one alone names its call by "id".
    return {"type": "local_shell_call_output", "id": call["call_id"], "output": str(output)}


def _patch_output(call: Item, output: Any) -> Item:
    found = {"type": "apply_patch_call_output", "call_id": call["call_id"], "status": "completed"}
    return found | (output if isinstance(output, dict) else {"output": str(output)})


def _computer_output(call: Item, output: Any) -> Item:
    return {"type": "computer_call_output", "call_id": call["call_id"], "output": output}


_CALLS: Final[Mapping[str, Callable[[Item, Any], Item] | None]] = {
    FUNCTION_CALL: None,
    "custom_tool_call": _custom_output,
    "shell_call": _shell_output,
    "local_shell_call": _local_shell_output,
    "apply_patch_call": _patch_output,
    "computer_call": _computer_output,
}
"""The calls that the application answers, and how the API wants the answer, where it is not a function's output."""

_OUTPUTS: Final[Mapping[str, str]] = {
    OUTPUT: "call_id",
    "custom_tool_call_output": "call_id",
    "shell_call_output": "call_id",
    "local_shell_call_output": "id",
    "apply_patch_call_output": "call_id",
    "computer_call_output": "call_id",
}
"""Where an output names its call."""


def _items(messages: Iterable[ResponsesMessage]) -> Iterator[tuple[ResponsesMessage, Item]]:
    for message in messages:
        for item in message["items"]:
            yield message, item


def model_input(messages: Iterable[ResponsesMessage]) -> list[Item]:
    """All items in order, as the ``input`` of the next ``client.responses.create``.

    What came through the channel as a function's output is stated as the API wants it for the call it answers: a custom
    tool, a shell, a patch, a computer; and a yes or no to an MCP approval request as an ``mcp_approval_response``.
    """
    messages = list(messages)
    calls = {item["call_id"]: item for _, item in _items(messages) if _is_call(item)}
    requests = {item["id"] for _, item in _items(messages) if _is_request(item)}
    answered = {item["approval_request_id"] for _, item in _items(messages) if _is_response(item)}
    found: list[Item] = []
    for message in messages:
        for item in message["items"]:
            if item.get("type") != OUTPUT or item.get("call_id") not in requests:
                found.append(_as_output(item, calls))  # noqa: PERF401  # one of two things that are added in turn
        for request_id, state in message.get("toolCallStates", {}).items():
            if request_id in requests and request_id not in answered and state.get("approval") != "pending":
                found.append(_approval_response(request_id, state))
                answered.add(request_id)
    return found


def _is_request(item: Item) -> bool:
    return item.get("type") == APPROVAL_REQUEST and isinstance(item.get("id"), str)


def _is_response(item: Item) -> bool:
    return item.get("type") == APPROVAL_RESPONSE and isinstance(item.get("approval_request_id"), str)


def _is_call(item: Item) -> bool:
    return item.get("type") in _CALLS and isinstance(item.get("call_id"), str)


def _as_output(item: Item, calls: Mapping[str, Item]) -> Item:
    call = calls.get(item["call_id"]) if item.get("type") == OUTPUT and isinstance(item.get("call_id"), str) else None
    make = None if call is None else _CALLS[call["type"]]
    return item if call is None or make is None else make(call, item.get("output"))


def _approval_response(request_id: str, state: ToolCallState) -> Item:
    reason = {"reason": state["reason"]} if "reason" in state else {}
    approve = state.get("approval") == "approved"
    return {"type": APPROVAL_RESPONSE, "approval_request_id": request_id, "approve": approve, **reason}


def resolved_call_ids(messages: Iterable[ResponsesMessage]) -> list[str]:
    """The ids of the calls that have an output, each once, in order."""
    found: dict[str, None] = {}
    for _, item in _items(messages):
        key = _OUTPUTS.get(item.get("type", ""))
        call_id = item.get(key) if key is not None else None
        if isinstance(call_id, str):
            found[call_id] = None
    return list(found)


def unanswered_calls(messages: Iterable[ResponsesMessage]) -> list[Item]:
    """The calls, in order, that have no output and wait for one, or for approval: those not approved yet.

    A call counts as approved by the state in its own message. Calls of a response that broke off are among them: look
    at ``message["response"]["status"]`` before you run one.
    """
    return [call for call, is_approved in _open_calls(messages) if not is_approved]


def approved_unexecuted_calls(messages: Iterable[ResponsesMessage]) -> list[Item]:
    """The calls, in order, that were approved and have no output yet."""
    return [call for call, is_approved in _open_calls(messages) if is_approved]


def _open_calls(messages: Iterable[ResponsesMessage]) -> Iterator[tuple[Item, bool]]:
    messages = list(messages)
    resolved = set(resolved_call_ids(messages))
    for message, item in _items(messages):
        if item.get("type") in _CALLS and item.get("call_id") not in resolved:
            state = message.get("toolCallStates", {}).get(item.get("call_id", ""), {})
            yield item, state.get("approval") == "approved"
