"""What LlamaIndex streams, to output events.

Accepted, each item for itself, so a source may mix them:

* responses of ``LLM.astream_chat``, ``astream_chat_with_tools`` and ``astream_complete``;
* strings, as a chat engine's generator yields them, and the engine's response itself after them: its sources, and its
  text as the engine keeps it;
* events of a workflow's handler: an agent's, a tool's, requests for human input, ``chat_ui``'s, and those of the
  user's own classes, as plain data;
* whole ``ChatMessage`` objects.

Only what is new goes on the wire, never the cumulative message that LlamaIndex repeats with each piece of it. Message
ids are not LlamaIndex's, which has none: each ``AgentInput`` begins a message, and so does what follows a complete one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from llama_index.core.agent.workflow import AgentOutput
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.chat_engine.types import AgentChatResponse, StreamingAgentChatResponse
from llama_index.core.schema import NodeWithScore

from ai_transport_codecs.errors import UnsupportedEventError

from .agents import AgentBook
from .blocks import plain_blocks, plain_kwargs
from .draft import Event, Events
from .events import CARRIED, DROPPED, REFUSED, is_unknown, plain_fields
from .responses import CompletionWriter, ResponseWriter, TextWriter

_log = logging.getLogger("ai_transport_codecs.codecs.llamaindex")

_NOTHING: Final[Events] = ()


class LlamaIndexTranslator:
    """The items of one source to output events; see the module for what it accepts."""

    __slots__ = ("_agent_stream", "_book", "_handlers", "_skipped", "_writer")

    def __init__(self) -> None:
        self._book = AgentBook()
        self._agent_stream = self._book.stream
        self._handlers: dict[type[Any], Callable[[Any], Events]] = {}
        self._skipped: set[type[Any]] = set()
        self._writer: ResponseWriter | CompletionWriter | TextWriter | None = None

    def translate(self, item: Any) -> Events:
        """The output events that one item gives. The item may change afterwards.

        Raises UnsupportedEventError for an item that is none of LlamaIndex's, or says nothing by itself.
        """
        handle = self._handlers.get(type(item))
        if handle is None:
            handle = self._handlers[type(item)] = self._handler(item)
        return handle(item)

    def finish(self) -> Events:
        """The events still owed at the end of the source: the ends of what is open."""
        return [*self._end_writer(), *self._book.finish()]

    def message_key(self, event: Any) -> str:
        """The key of the message that an output event belongs to."""
        return str(event["key"])

    def _handler(self, item: Any) -> Callable[[Any], Events]:
        for kind in type(item).__mro__:
            if kind in REFUSED:
                raise _unsupported(item, REFUSED[kind])
            if kind in DROPPED:
                return lambda _: _NOTHING
            if kind in _ITEMS:
                return getattr(self, _ITEMS[kind])  # type: ignore[no-any-return]  # one of the methods below
            if kind in CARRIED:
                if is_unknown(item):
                    return self._skip
                return getattr(self, CARRIED[kind])  # type: ignore[no-any-return]  # as above
        raise _unsupported(item, "stream responses of an LLM, text, messages, or the events of a workflow's handler")

    def _skip(self, event: Any) -> Events:
        """An event of a framework newer than this codec: nobody knows here what it holds."""
        if type(event) not in self._skipped:
            self._skipped.add(type(event))
            _log.warning(
                "codec 'llamaindex' does not know events of type %s.%s and left them out of the stream;"
                " a newer version of this package may carry them",
                type(event).__module__,
                type(event).__qualname__,
            )
        return _NOTHING

    # --- messages of one lane: an LLM's responses, text

    def _response(self, response: ChatResponse) -> Events:
        writer = self._writer
        if type(writer) is ResponseWriter:
            return writer.add(response)
        ends = self._end_writer()
        self._writer = writer = ResponseWriter(self._book.draft("assistant"))
        return [*ends, *writer.add(response)]

    def _completion(self, response: CompletionResponse) -> Events:
        writer = self._writer
        if type(writer) is CompletionWriter:
            return writer.add(response)
        ends = self._end_writer()
        self._writer = writer = CompletionWriter(self._book.draft("assistant"))
        return [*ends, *writer.add(response)]

    def _text(self, text: str) -> Events:
        writer = self._writer
        if type(writer) is TextWriter:
            return writer.add(text)
        ends = self._end_writer()
        self._writer = writer = TextWriter(self._book.draft("assistant"))
        return [*ends, *writer.add(text)]

    def _message(self, message: ChatMessage) -> Events:
        ends = self._end_writer()
        draft = self._book.draft(message.role.value)
        blocks = plain_blocks(self._book.plainer, message.blocks)
        return [*ends, *draft.settle(message.role.value, blocks, plain_kwargs(self._book.plainer, message))]

    def _engine_response(self, response: AgentChatResponse | StreamingAgentChatResponse) -> Events:
        """A chat engine's response, after its text: what it drew from, and the text as its memory has it."""
        text = response.response if isinstance(response.response, str) else ""
        events: list[Event] = []
        writer = self._writer
        if type(writer) is TextWriter:
            self._writer = None
            said = writer.draft.text
            events += writer.finish(text if text and text == said.strip() else None)
        elif text:
            events += self._book.draft("assistant").settle("assistant", [{"block_type": "text", "text": text}], {})
        nodes = list(response.source_nodes) or list(source_nodes(response.sources))
        return [*events, *self._book.sources(nodes)]

    def _end_writer(self) -> Events:
        writer, self._writer = self._writer, None
        return _NOTHING if writer is None else writer.finish()

    # --- events of a workflow

    def _agent_input(self, event: Any) -> Events:
        return [*self._end_writer(), *self._book.begin(event.current_agent_name)]

    def _agent_output(self, event: Any) -> Events:
        return self._book.output(event)

    def _tool_call(self, event: Any) -> Events:
        return self._book.tool_call(event)

    def _tool_result(self, event: Any) -> Events:
        events = self._book.tool_result(event)
        nodes = list(source_nodes([event.tool_output]))
        return [*events, *self._book.sources(nodes)] if nodes else events

    def _structured(self, event: Any) -> Events:
        return self._book.structured(event.output)

    def _stop(self, event: Any) -> Events:
        """The end of a run. An agent's repeats its last output, so only what that lacks is said."""
        result = event.result
        if isinstance(result, ChatResponse):
            result = result.message
        if isinstance(result, AgentOutput):
            return self._book.result(result)
        if isinstance(result, ChatMessage):
            return self._book.result_message(result)
        if isinstance(result, str):
            return self._result_text(result)
        events = self._book.structured(result) if result is not None else _NOTHING
        return [*events, *self._custom(event)] if plain_fields(self._book.plainer, event) else events

    def _result_text(self, text: str) -> Events:
        if type(self._writer) is TextWriter and self._writer.draft.text.strip() == text.strip():
            return _NOTHING
        ends = self._end_writer()
        return [*ends, *self._book.result_message(ChatMessage(text, role="assistant"))]

    def _custom(self, event: Any) -> Events:
        return self._event("event", event)

    def _input_required(self, event: Any) -> Events:
        return self._event("input-required", event)

    def _human_response(self, event: Any) -> Events:
        return self._event("human-response", event)

    def _event(self, type_: str, event: Any) -> Events:
        return self._book.item(type_, plain_fields(self._book.plainer, event), name=type(event).__name__)

    def _ui(self, event: Any) -> Events:
        data = {"data": self._book.plainer.try_plain("UIEvent.data", event.data)}
        return self._book.item("ui", data, name=str(event.type))

    def _artifact(self, event: Any) -> Events:
        return self._book.item("artifact", plain_fields(self._book.plainer, event), name=type(event).__name__)

    def _source_nodes(self, event: Any) -> Events:
        return self._book.sources(event.nodes)

    def _failed(self, event: Any) -> Events:
        # What went wrong in words is for the agent's own end of the run to say: it may hold anything.
        return self._book.item(
            "outcome", {"step": event.step_name, "error": type(event.exception).__name__}, name="failed"
        )

    def _timed_out(self, event: Any) -> Events:
        data = {"timeout": event.timeout, "active_steps": list(event.active_steps)}
        return self._book.item("outcome", self._book.plainer.plain_object("outcome", data), name="timed-out")

    def _cancelled(self, event: Any) -> Events:
        return self._book.item("outcome", {}, name="cancelled")


_ITEMS: Final[dict[type[Any], str]] = {
    ChatResponse: "_response",
    CompletionResponse: "_completion",
    ChatMessage: "_message",
    AgentChatResponse: "_engine_response",
    StreamingAgentChatResponse: "_engine_response",
    str: "_text",
}
"""What a source may yield that is no event, and the method for each."""


def source_nodes(outputs: Iterable[Any]) -> Iterable[NodeWithScore]:
    """The nodes that tools drew on: of a query engine's response, or found by a retriever."""
    for output in outputs:
        raw = getattr(output, "raw_output", None)
        found = raw if isinstance(raw, list) else getattr(raw, "source_nodes", None)
        if isinstance(found, list):
            yield from (node for node in found if isinstance(node, NodeWithScore))


def _unsupported(item: Any, advice: str) -> UnsupportedEventError:
    return UnsupportedEventError(
        f"codec 'llamaindex' cannot carry an item of type {type(item).__name__} as output, {_shortened(item)}; {advice}"
    )


def _shortened(item: Any, limit: int = 80) -> str:
    try:
        text = repr(item)
    except Exception:  # foreign code
        text = object.__repr__(item)
    return text if len(text) <= limit else f"{text[:limit]}..."
