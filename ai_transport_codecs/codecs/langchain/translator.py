"""What LangChain and LangGraph stream, to output events.

Accepted, each item for itself, so a source may mix them:

* message chunks and whole messages, bare or with LangGraph's metadata, also inside ``(mode, data)`` and
  ``(namespace, mode, data)`` tuples;
* in such tuples, what a graph says beside its messages: what nodes write (``custom``), what they do to the state
  (``updates``, without its messages), the words of tools that run (``tools``). What a graph's other modes say is
  said by these already;
* strings, as of ``StrOutputParser``: one message of text;
* events of ``astream_events(version="v2")``: the chat models' chunks and the tools' results; what chains repeat of them
  is left out;
* v3 events: of a chat model, or inside the envelopes of a compiled graph;
* what JSON and pydantic parsers yield, a more complete value each time: the last one is sent, once, as a message whose
  text is its JSON, since each repeats the one before and sending all would cost the square of the length.

Anything else raises UnsupportedEventError, which says what to stream instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from langchain_core.load.serializable import Serializable
from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables.utils import AddableDict
from pydantic import BaseModel

from ai_transport_codecs.errors import UnsupportedEventError

from .book import Events, MessageBook
from .draft import Event
from .events_v2 import is_v2_event, messages_in, v2_events
from .events_v3 import GraphEvents, is_v3_event
from .messages import CUSTOM, UPDATES
from .plain import Plainer

_BARE: Final = ""
_TEXT: Final = "text"
GRAPH_MODES: Final = frozenset({"checkpoints", "custom", "debug", "messages", "tasks", "tools", "updates", "values"})

_NOTHING_SAID: Final[Events] = ()


class LangChainTranslator:
    """The items of one source to output events; see the module for what it accepts."""

    __slots__ = ("_book", "_graph", "_handlers", "_parsed")

    def __init__(self) -> None:
        self._book = MessageBook()
        self._graph = GraphEvents(self._book)
        self._parsed: list[Any] = []
        self._handlers: dict[type[Any], Callable[[Any], Events]] = {}

    def translate(self, item: Any) -> Events:
        """The output events that one item gives. The item may change afterwards.

        Raises UnsupportedEventError for an item that is none of LangChain's, or says nothing by itself.
        """
        handle = self._handlers.get(type(item))
        if handle is None:
            handle = self._handlers[type(item)] = self._handler(item)
        return handle(item)

    def finish(self) -> Events:
        """The events still owed at the end of the source: the ends of what is open, and a parser's last value."""
        events: list[Event] = []
        if self._parsed:
            text = json.dumps(Plainer().try_plain("parsed value", self._parsed.pop()), ensure_ascii=False)
            events.extend(self._book.message(AIMessage(text)))
        return [*events, *self._book.finish()]

    def message_key(self, event: Any) -> str:
        """The key of the message that an output event belongs to."""
        return str(event["key"])

    def _handler(self, item: Any) -> Callable[[Any], Events]:
        for kind, name in _HANDLERS:
            if isinstance(item, kind):
                return getattr(self, name)  # type: ignore[no-any-return]  # one of the methods below
        raise _unsupported(item, "stream messages, message chunks or strings")

    def _chunk(self, chunk: BaseMessageChunk) -> Events:
        return self._book.chunk(_BARE, chunk)

    def _message(self, message: BaseMessage) -> Events:
        return [*self._book.end_lane(_TEXT), *self._book.message(message)]

    def _text(self, text: str) -> Events:
        return self._book.text(_TEXT, str.__str__(text))

    def _generation(self, generation: Generation) -> Events:
        said = generation.message if isinstance(generation, ChatGeneration) else generation.text
        return self.translate(said)

    def _mapping(self, item: Mapping[str, Any]) -> Events:
        if is_v2_event(item):
            return v2_events(self._book, item)
        if is_v3_event(item):
            return self._graph.events(item)
        if item.get("type") in GRAPH_MODES and "data" in item and "ns" in item:
            return self._mode(item["type"], item["data"], tuple(item["ns"]))
        if next(messages_in(list(item.values())), None) is not None or _has_messages(item):
            raise _unsupported(item, 'it is a graph\'s state: stream the graph with stream_mode="messages"')
        return self._value(item)

    def _addable(self, item: Any) -> Events:
        raise _unsupported(item, 'its slices have no common text: stream one key of it, with chain.pick("answer")')

    def _prompt(self, item: PromptValue) -> Events:
        raise _unsupported(item, "it is the input of a model: end the chain with a model")

    def _value(self, value: Any) -> Events:
        """A parser's value: a more complete one each time, so only the last one counts."""
        entries = value if isinstance(value, list) else [value]
        if any(isinstance(entry, Serializable) for entry in entries):
            raise _unsupported(value, "it is no answer of a model: end the chain with a model or a parser")
        if isinstance(value, list) and value and all(map(_is_patch, value)):
            raise _unsupported(value, "it is a JSON patch: stream the parser's values, without diff=True")
        self._parsed[:] = [value]
        return _NOTHING_SAID

    def _tuple(self, item: tuple[Any, ...]) -> Events:
        match item:
            case (BaseMessage() as message, Mapping() as metadata):
                return self._with_metadata(message, metadata)
            case (str() as mode, data) if mode in GRAPH_MODES:
                return self._mode(mode, data)
            case (tuple() as namespace, str() as mode, data) if mode in GRAPH_MODES:
                return self._mode(mode, data, namespace)
            case (tuple() as namespace, (BaseMessage() as message, Mapping() as metadata)):
                return self._with_metadata(message, metadata, namespace)
            case (tuple(), data):
                return self.translate(data)
        raise _unsupported(item, 'stream a graph with stream_mode="messages"')

    def _mode(self, mode: str, data: Any, namespace: tuple[str, ...] = ()) -> Events:
        """What a graph yields in one of several modes; those that only repeat or describe give nothing."""
        if mode == "messages":
            match data:
                case (BaseMessage() as message, Mapping() as metadata):
                    return self._with_metadata(message, metadata, namespace)
                case list():
                    return self.translate(tuple(data))
            return self.translate(data)
        if mode == "custom":
            where = _joined(namespace)
            return self._book.progress(CUSTOM, where or "", data, namespace=where)
        if mode == "updates" and isinstance(data, Mapping):
            return self._updates(data, _joined(namespace))
        if mode == "tools" and isinstance(data, Mapping) and data.get("event") == "tool-output-delta":
            call_id, delta = data.get("tool_call_id"), data.get("delta")
            if isinstance(call_id, str) and isinstance(delta, str):
                return self._book.result_delta(call_id, delta)
        return _NOTHING_SAID

    def _updates(self, data: Mapping[str, Any], namespace: str | None) -> Events:
        """What nodes did to the state, without its messages: these are said when they are made."""
        events: list[Event] = []
        for node, update in data.items():
            said = {} if node.startswith("__") else _without_messages(update)
            if said:
                events += self._book.progress(
                    UPDATES, namespace or "", {"node": node, "update": said}, namespace=namespace
                )
        return events

    def _with_metadata(
        self, message: BaseMessage, metadata: Mapping[str, Any], namespace: tuple[str, ...] = ()
    ) -> Events:
        node = metadata.get("langgraph_node")
        if isinstance(message, BaseMessageChunk):
            lane = metadata.get("run_id") or metadata.get("langgraph_checkpoint_ns") or metadata.get("checkpoint_ns")
            return self._book.chunk(str(lane or _BARE), message, node, _joined(namespace))
        return self._book.message(message, node, _joined(namespace))


_HANDLERS: Final[tuple[tuple[type[Any], str], ...]] = (
    (BaseMessageChunk, "_chunk"),
    (BaseMessage, "_message"),
    (str, "_text"),
    (AddableDict, "_addable"),
    (Mapping, "_mapping"),
    (tuple, "_tuple"),
    (Generation, "_generation"),
    (PromptValue, "_prompt"),
    (BaseModel, "_value"),
    (list, "_value"),
)
"""Types of items, in order, and the method for each."""


def _has_messages(item: Mapping[str, Any]) -> bool:
    """Whether a mapping is what ``stream_mode="updates"`` gives: for each node, what it adds to the state."""
    return any(next(messages_in(value), None) is not None for value in item.values())


def _joined(namespace: tuple[str, ...]) -> str | None:
    """A subgraph's name as one text; None for the graph itself."""
    return "|".join(map(str, namespace)) or None


def _without_messages(update: Any) -> dict[str, Any]:
    """The part of a node's update that is no message; a node may give several updates, or a command."""
    if type(update).__name__ == "Command":  # known by name, since LangGraph need not be installed
        update = update.update
    if isinstance(update, list | tuple):
        return {key: value for each in update for key, value in _without_messages(each).items()}
    if not isinstance(update, Mapping):
        return {}
    return {
        str(key): value
        for key, value in update.items()
        if value is not None and key != "messages" and next(messages_in(value), None) is None
    }


def _is_patch(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.keys() >= {"op", "path"}


def _unsupported(item: Any, advice: str) -> UnsupportedEventError:
    return UnsupportedEventError(
        f"codec 'langchain' cannot carry an item of type {type(item).__name__} as output, {_shortened(repr(item))};"
        f" {advice}"
    )


def _shortened(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
