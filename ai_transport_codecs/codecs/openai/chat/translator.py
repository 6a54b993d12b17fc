"""What OpenAI's SDK, or a server that speaks its API, streams for a chat completion, to output events.

Accepted, each item for itself, so a source may mix them:

* chunks, as objects of the SDK (or of a library with objects like them) or as dictionaries; a whole completion too;
* the HTTP body, as bytes or text in any pieces, or line by line: no objects are built;
* the events of ``client.chat.completions.stream(...)``: the chunks in them; what the others repeat is left out;
* messages of role ``tool`` or ``assistant`` that the agent gives whole, as dictionaries;
* the agent's requests that a person approves a tool call of the completion before them:
  ``{"type": "tool-approval-request", "tool_call_id": ..., "name": ..., "arguments": ...}``.

Anything else raises UnsupportedEventError, which says what to stream instead; an error that the provider sends in the
stream raises StreamError.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec.sse import EventReader
from ai_transport_codecs.codecs.openai.plain import plain_value, try_plain
from ai_transport_codecs.errors import StreamError, UnsupportedEventError

from .projection import MESSAGE_ROLES
from .streams import APPROVAL_REQUEST, CONTENT, Event, TextStream
from .writer import CompletionWriter

_log = logging.getLogger("ai_transport_codecs.codecs.openai")

Events: TypeAlias = Iterable[Event]

CHUNK_EVENT: Final = "chunk"

STREAM_EVENTS_LEFT_OUT: Final[Mapping[str, str]] = {
    "content.delta": "the chunk before it has the text",
    "content.done": "repeats the text",
    "refusal.delta": "the chunk before it has the text",
    "refusal.done": "repeats the text",
    "tool_calls.function.arguments.delta": "the chunk before it has the text",
    "tool_calls.function.arguments.done": "repeats the text",
    "logprobs.content.delta": "the chunk before it has the entries",
    "logprobs.content.done": "repeats the entries",
    "logprobs.refusal.delta": "the chunk before it has the entries",
    "logprobs.refusal.done": "repeats the entries",
}
"""The events of ``.stream()`` beside ``chunk``, and why they need not travel."""

_STREAM_MODULE: Final = "openai.lib.streaming.chat"

LONG_CONTENT: Final = 16_384
"""A content of more characters than this is streamed even when it comes whole: appends can be cut to fit a channel."""

_OTHER_APIS: Final = (
    ("response.", "it is an event of the Responses API: use the codec 'openai-responses'"),
    ("message_", "it is an event of Anthropic's API: stream it through LangChain with the codec 'langchain'"),
    ("content_block_", "it is an event of Anthropic's API: stream it through LangChain with the codec 'langchain'"),
)
_ADVICE: Final = (
    "stream the chunks of client.chat.completions.create(stream=True), the events of client.chat.completions.stream(),"
    " or the bytes of the response"
)


class ChatTranslator:
    """The items of one source to output events; see the module for what it accepts."""

    __slots__ = ("_completions", "_messages", "_reader", "_skipped", "_writer")

    def __init__(self) -> None:
        self._reader = EventReader("a chat completion's stream", "pass the body of the provider's response as it comes")
        self._writer: CompletionWriter | None = None
        self._completions = 0
        self._messages = 0
        self._skipped: set[str] = set()

    def translate(self, item: Any) -> Events:
        """The output events that one item gives. The item may change afterwards.

        Raises UnsupportedEventError for an item that is no part of a chat completion, StreamError for an error that the
        provider sent.
        """
        if type(item) is dict:
            return self._chunk(item) if _is_plain_chunk(item) else self._object(item, item)
        if isinstance(item, str | bytes | bytearray):
            values = self._reader.feed(item)
            if type(values) is tuple:  # nearly always, of one
                return self._value(values[0]) if values else ()
            return self._read(values)
        type_ = getattr(item, "type", None)
        if type_ == CHUNK_EVENT and hasattr(item, "chunk"):
            return self.translate(item.chunk)
        if isinstance(type_, str) and (
            type_ in STREAM_EVENTS_LEFT_OUT or type(item).__module__.startswith(_STREAM_MODULE)
        ):
            return self._skip(type_)
        found = try_plain(item)
        if found is None:
            raise _unsupported(item, None)
        return self._object(found, item)

    def finish(self) -> Events:
        """The events still owed when the source is exhausted: of a last line without an end, and the ends of all."""
        yield from self._read(self._reader.finish())
        if self._writer is not None:
            yield from self._writer.end()

    def message_key(self, event: Any) -> str:
        """The key of the message that an output event belongs to."""
        key: str = event["key"]
        return key

    def _read(self, values: Iterable[Any]) -> Iterator[Event]:
        for value in values:
            yield from self._value(value)

    def _value(self, value: Any) -> Events:
        if type(value) is not dict:
            raise _unsupported(value, None)
        return self.translate(value)

    def _object(self, found: Mapping[str, Any], item: Any) -> Events:
        if found.get("error") is not None:
            raise _provider_error(found["error"])
        choices = found.get("choices")
        if isinstance(choices, list | tuple):
            if choices and _is_legacy(choices):
                raise _unsupported(item, "it is of the legacy completions API: use client.chat.completions")
            return self._chunk(found)
        type_ = found.get("type")
        if type_ == CHUNK_EVENT and isinstance(found.get("chunk"), Mapping):
            return self.translate(dict(found["chunk"]))
        if isinstance(type_, str) and type_ in STREAM_EVENTS_LEFT_OUT:
            return ()
        if type_ == APPROVAL_REQUEST:
            return self._approval_request(found, item)
        if found.get("role") in MESSAGE_ROLES:
            return self._message(found)
        if "chat.completion" in str(found.get("object")):
            return self._chunk(found)  # without choices: null, or left out
        raise _unsupported(item, _advice_for(type_))

    def _approval_request(self, found: Mapping[str, Any], item: Any) -> Events:
        call_id = found.get("tool_call_id")
        if self._writer is None or not isinstance(call_id, str) or not call_id:
            raise _unsupported(item, "ask with the id of a tool call, after the chunks of the completion that makes it")
        said = {key: value for key in ("name", "arguments") if isinstance(value := found.get(key), str)}
        return ({"type": APPROVAL_REQUEST, "key": f"c{self._completions}", "tool_call_id": call_id, **said},)

    def _chunk(self, chunk: Mapping[str, Any]) -> Events:
        writer = self._writer
        if writer is None:
            writer = self._writer = self._begin()
        elif writer.is_finished and writer.begins_another(chunk):
            ended = writer.end()
            writer = self._writer = self._begin()
            return ended + writer.write(chunk)
        return writer.write(chunk)

    def _begin(self) -> CompletionWriter:
        self._completions += 1
        return CompletionWriter(f"c{self._completions}")

    def _message(self, message: Mapping[str, Any]) -> Events:
        if self._writer is not None:
            # What follows a message is of another completion.
            yield from self._writer.end()
            self._writer = None
        self._messages += 1
        key = f"m{self._messages}"
        data = plain_value(message)
        content = data.get("content")
        is_long = isinstance(content, str) and len(content) > LONG_CONTENT
        if is_long:
            del data["content"]
        yield {"type": "message", "key": key, "data": data}
        if is_long:
            stream = TextStream(key, CONTENT, "content")
            yield from (stream.start(), stream.delta(content), stream.end())
        yield {"type": "completion-end", "key": key}

    def _skip(self, type_: str) -> Events:
        if type_ not in STREAM_EVENTS_LEFT_OUT and type_ not in self._skipped:
            self._skipped.add(type_)
            _log.warning(
                "skipped an event of type %r: codec 'openai-chat' does not know it and carries the chunks that"
                " .stream() gives beside its events; update ai-transport-codecs if it says more than they do",
                type_,
            )
        return ()


def _is_plain_chunk(item: dict[str, Any]) -> bool:
    """Whether an item is what nearly all are, so that nothing else about it needs to be looked at."""
    choices = item.get("choices")
    return type(choices) is list and bool(choices) and "error" not in item and _has_delta(choices[0])


def _has_delta(choice: Any) -> bool:
    return type(choice) is dict and "delta" in choice


def _is_legacy(choices: Any) -> bool:
    first = choices[0]
    return isinstance(first, Mapping) and "text" in first and "delta" not in first and "message" not in first


def _advice_for(type_: Any) -> str | None:
    if isinstance(type_, str):
        return next((advice for prefix, advice in _OTHER_APIS if type_.startswith(prefix)), None)
    return None


def _provider_error(error: Any) -> StreamError:
    said = error.get("message") if isinstance(error, Mapping) else error
    code = error.get("code") if isinstance(error, Mapping) else None
    about = f" (code {code!r})" if code is not None else ""
    return StreamError(f"the provider ended the chat completion with an error: {said}{about}")


def _unsupported(item: Any, advice: str | None) -> UnsupportedEventError:
    cls = type(item)
    name = cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    said = f"an item of type {name}"
    type_ = item.get("type") if isinstance(item, Mapping) else getattr(item, "type", None)
    if isinstance(type_, str):
        said += f" with type={type_!r}"
    return UnsupportedEventError(f"codec 'openai-chat' cannot carry {said} as output; {advice or _ADVICE}")
