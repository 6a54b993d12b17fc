"""v3 events: those of a message, bare, and the envelopes in which a compiled graph sends them and others.

Tool results come on the graph's ``tools`` channel. Some do not, such as the answer to a call of a tool that does not
exist; these, and how the graph words a tool's error, are found in its ``values``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage, BaseMessageChunk, ToolMessage

from .blocks import BLOCK_EVENTS
from .book import Events, MessageBook
from .draft import Event
from .events_v2 import messages_in

_CALLS: Final = frozenset({"tool_call", "invalid_tool_call"})


def is_v3_event(item: Mapping[str, Any]) -> bool:
    """Whether a mapping is a v3 event of a message, or a graph's envelope."""
    return item.get("event") in BLOCK_EVENTS or is_envelope(item)


def is_envelope(item: Mapping[str, Any]) -> bool:
    """Whether a mapping is a graph's envelope around an event."""
    return item.get("type") == "event" and "method" in item and isinstance(item.get("params"), Mapping)


class GraphEvents:
    """The v3 events of one source."""

    __slots__ = ("_book", "_called", "_handlers")

    def __init__(self, book: MessageBook) -> None:
        self._book = book
        self._called: set[str] = set()
        """Tool calls that were made and have no result yet."""
        self._handlers: Mapping[str, Callable[[Mapping[str, Any]], Events]] = {
            "messages": self._message,
            "tools": self._tool,
            "values": self._values,
        }

    def events(self, item: Mapping[str, Any]) -> Events:
        """The output events that one v3 event gives; none for a channel that says nothing new."""
        if not is_envelope(item):
            return self._block("", item, None)
        handle = self._handlers.get(item["method"])
        return () if handle is None else handle(item["params"])

    def _message(self, params: Mapping[str, Any]) -> Events:
        payload, metadata = _pair(params.get("data"))
        lane = f"run {metadata.get('run_id') or params.get('namespace')}"
        node = metadata.get("langgraph_node")
        if isinstance(payload, Mapping):
            return self._block(lane, payload, node)
        if isinstance(payload, BaseMessageChunk):
            return self._book.chunk(lane, payload, node)
        if isinstance(payload, ToolMessage):
            return self._result(payload, node)
        return self._book.message(payload, node) if isinstance(payload, BaseMessage) else ()

    def _block(self, lane: str, event: Mapping[str, Any], node: str | None) -> Events:
        if event.get("event") == "content-block-finish":
            block = event.get("content")
            if isinstance(block, Mapping) and block.get("type") in _CALLS and isinstance(block.get("id"), str):
                self._called.add(block["id"])
        return self._book.block_event(lane, event, node)

    def _tool(self, params: Mapping[str, Any]) -> Events:
        data = params.get("data")
        if not isinstance(data, Mapping) or not isinstance(call_id := data.get("tool_call_id"), str):
            return ()
        match data.get("event"):
            case "tool-output-delta" if isinstance(data.get("delta"), str):
                return self._book.result_delta(call_id, data["delta"])
            case "tool-finished":
                return self._finished(call_id, data.get("output"))
            case "tool-error":
                return self._book.result(
                    ToolMessage(content=str(data.get("message")), tool_call_id=call_id, status="error")
                )
        return ()

    def _finished(self, call_id: str, output: Any) -> Events:
        found = [message for message in messages_in(output) if isinstance(message, ToolMessage)]
        if not found and call_id in self._called:
            text = output if isinstance(output, str) else json.dumps(output, default=str)
            found = [ToolMessage(content=text, tool_call_id=call_id)]
        return [event for message in found for event in self._book.result(message)]

    def _values(self, params: Mapping[str, Any]) -> Events:
        found = [message for message in messages_in(params.get("data")) if isinstance(message, ToolMessage)]
        events: list[Event] = []
        for message in found:
            if message.tool_call_id in self._called and not self._book.is_known(message):
                events.extend(self._result(message, None))
            self._book.note(message)
        return events

    def _result(self, message: ToolMessage, node: str | None) -> Events:
        self._called.discard(message.tool_call_id)
        return self._book.restated_result(message, node)


def _pair(data: Any) -> tuple[Any, Mapping[str, Any]]:
    if isinstance(data, list | tuple) and len(data) == 2 and isinstance(data[1], Mapping):
        return data[0], data[1]
    return data, {}
