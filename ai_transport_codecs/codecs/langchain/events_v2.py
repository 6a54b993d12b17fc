"""Events of ``astream_events(version="v2")``: which of them say something new.

The chat models' chunks and the tools' results do; chains and parsers repeat them, up to three times for an agent. What
only a chain's end tells is taken from there: messages that a graph's node made itself, how a graph words a tool's
error, and the output of a chain in which no model spoke.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk, ToolMessage

from .book import Events, MessageBook
from .draft import Event

StreamEvent: TypeAlias = Mapping[str, Any]

_SILENT_TAGS: Final = frozenset({"nostream", "langsmith:nostream"})


def is_v2_event(item: Mapping[str, Any]) -> bool:
    """Whether a mapping is such an event."""
    name = item.get("event")
    return isinstance(name, str) and name.startswith("on_") and "data" in item


def v2_events(book: MessageBook, item: StreamEvent) -> Events:
    """The output events that one v2 event gives; none for one that repeats others."""
    handle = _HANDLERS.get(item["event"])
    data = item["data"]
    if handle is None or not isinstance(data, Mapping) or not _SILENT_TAGS.isdisjoint(item.get("tags") or ()):
        return ()
    return handle(book, item, data)


def _model_stream(book: MessageBook, item: StreamEvent, data: Mapping[str, Any]) -> Events:
    chunk = data.get("chunk")
    if isinstance(chunk, BaseMessageChunk):
        return book.chunk(_run(item), chunk, _node(item))
    return _text(book, item, chunk)


def _model_end(book: MessageBook, item: StreamEvent, data: Mapping[str, Any]) -> Events:
    lane, output = _run(item), data.get("output")
    if book.has_lane(lane):
        return book.end_lane(lane)
    if isinstance(output, BaseMessage):
        return book.message(output, _node(item))
    generations = output.get("generations") if isinstance(output, Mapping) else None
    return _text(book, item, generations[0][0]) if generations and generations[0] else ()


def _text(book: MessageBook, item: StreamEvent, said: Any) -> Events:
    """A piece of text from a model that is no chat model."""
    text = said.get("text") if isinstance(said, Mapping) else getattr(said, "text", said)
    return book.text(_run(item), text) if isinstance(text, str) else ()


def _tool_end(book: MessageBook, item: StreamEvent, data: Mapping[str, Any]) -> Events:
    return _each(messages_in(data.get("output")), ToolMessage, lambda found: book.result(found, _node(item)))


def _tool_error(book: MessageBook, item: StreamEvent, data: Mapping[str, Any]) -> Events:
    call_id = data.get("tool_call_id")
    if not isinstance(call_id, str):
        return ()
    name = item.get("name")
    error = ToolMessage(
        content=str(data.get("error")),
        tool_call_id=call_id,
        name=name if isinstance(name, str) else None,
        status="error",
    )
    return book.result(error, _node(item))


def _chain_start(book: MessageBook, item: StreamEvent, data: Mapping[str, Any]) -> Events:
    """A node may give back the conversation it was given; that is nothing new."""
    for message in messages_in(data.get("input")):
        book.note(message)
    return ()


def _chain_end(book: MessageBook, item: StreamEvent, data: Mapping[str, Any]) -> Events:
    output, node = data.get("output"), _node(item)
    if node is not None and item.get("name") == node:
        found = [message for message in messages_in(output) if isinstance(message, AIMessage | ToolMessage)]
        return [event for message in found for event in _unsaid(book, message, node)]
    if not item.get("parent_ids") and book.is_empty:
        if isinstance(output, BaseMessage):
            return book.message(output)
        if isinstance(output, str):
            return book.text(_run(item), output)
    return ()


def _unsaid(book: MessageBook, message: BaseMessage, node: str) -> Events:
    if book.is_known(message):
        return ()
    return book.restated_result(message, node) if isinstance(message, ToolMessage) else book.message(message, node)


def messages_in(output: Any) -> Iterator[BaseMessage]:
    """The messages in what a tool or a graph's node gives: bare, in lists, in state, in commands that update state."""
    if isinstance(output, BaseMessage):
        yield output
    elif isinstance(output, list | tuple):
        for item in output:
            yield from messages_in(item)
    elif isinstance(output, Mapping):
        for value in output.values():
            if isinstance(value, BaseMessage | list):
                yield from messages_in(value)
    elif type(output).__name__ == "Command":
        # Known by name, since LangGraph need not be installed.
        yield from messages_in(getattr(output, "update", None))


def _each(messages: Iterator[BaseMessage], kind: type[ToolMessage], act: Callable[[Any], Events]) -> list[Event]:
    return [event for message in messages if isinstance(message, kind) for event in act(message)]


def _run(item: StreamEvent) -> str:
    return f"run {item.get('run_id')}"


def _node(item: StreamEvent) -> str | None:
    metadata = item.get("metadata")
    node = metadata.get("langgraph_node") if isinstance(metadata, Mapping) else None
    return node if isinstance(node, str) else None


_HANDLERS: Final[Mapping[str, Callable[[MessageBook, StreamEvent, Mapping[str, Any]], Events]]] = {
    "on_chat_model_stream": _model_stream,
    "on_chat_model_end": _model_end,
    "on_llm_stream": _model_stream,
    "on_llm_end": _model_end,
    "on_tool_end": _tool_end,
    "on_tool_error": _tool_error,
    "on_chain_start": _chain_start,
    "on_chain_end": _chain_end,
}
"""The events that count; all others (models' starts, parsers, prompts, retrievers, chains' streams) say nothing new."""
