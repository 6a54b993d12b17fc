"""What LangChain and LangGraph stream, to output events.

Accepted, each item for itself, so a source may mix them:

* message chunks and whole messages, bare or with LangGraph's metadata, also inside ``(mode, data)`` and
  ``(namespace, mode, data)`` tuples;
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
import logging
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
from .plain import Plainer

_log = logging.getLogger("ai_transport_codecs.codecs.langchain")

_BARE: Final = ""
_TEXT: Final = "text"
GRAPH_MODES: Final = frozenset({"checkpoints", "custom", "debug", "messages", "tasks", "tools", "updates", "values"})

_NOTHING_SAID: Final[Events] = ()


class LangChainTranslator:
    """The items of one source to output events; see the module for what it accepts."""

    __slots__ = ("_book", "_graph", "_handlers", "_parsed", "_skipped_modes")

    def __init__(self) -> None:
        self._book = MessageBook()
        self._graph = GraphEvents(self._book)
        self._parsed: list[Any] = []
        self._skipped_modes: set[str] = set()
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
            return self._mode(item["type"], item["data"])
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
            case (tuple(), str() as mode, data) if mode in GRAPH_MODES:
                return self._mode(mode, data)
            case (tuple(), data):
                return self.translate(data)
        raise _unsupported(item, 'stream a graph with stream_mode="messages"')

    def _mode(self, mode: str, data: Any) -> Events:
        if mode == "messages":
            return self.translate(tuple(data) if isinstance(data, list) else data)
        if mode == "custom" and mode not in self._skipped_modes:
            self._skipped_modes.add(mode)
            _log.warning("a graph's custom events are left out of the stream: they belong to no message")
        return _NOTHING_SAID

    def _with_metadata(self, message: BaseMessage, metadata: Mapping[str, Any]) -> Events:
        node = metadata.get("langgraph_node")
        if isinstance(message, BaseMessageChunk):
            lane = metadata.get("run_id") or metadata.get("langgraph_checkpoint_ns") or metadata.get("checkpoint_ns")
            return self._book.chunk(str(lane or _BARE), message, node)
        return self._book.message(message, node)


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


def _is_patch(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.keys() >= {"op", "path"}


def _unsupported(item: Any, advice: str) -> UnsupportedEventError:
    return UnsupportedEventError(
        f"codec 'langchain' cannot carry an item of type {type(item).__name__} as output, {_shortened(repr(item))};"
        f" {advice}"
    )


def _shortened(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
