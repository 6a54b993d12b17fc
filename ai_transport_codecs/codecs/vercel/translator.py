"""What a Python source streams in the shape of the AI SDK, to the chunks that a reader of version 6 takes.

A source may give chunks as dictionaries, as objects with ``model_dump`` (pydantic), or as the lines of a UI message
stream. A chunk of version 6 passes as it is. What version 7 added is carried where a reader of version 6 takes no harm,
and refused where leaving it out would change what the message says:

* ``citations`` of a ``text-end``: as ``source-url`` and ``source-document`` chunks, each source once;
* ``custom``, ``reasoning-file``, ``steering-message``: as ``data-custom`` and so on, with their other fields as data;
* an input that a call has when its stream ends, and no text of it before: as the stream's one delta;
* ``tool-approval-response``: a no as ``tool-output-denied``; a yes not at all, since the tool's output follows;
* a finish reason that version 6 does not know: as ``other``;
* text that goes on when its step, or its message, ends: ended with it, and begun anew after it;
* ``reset-step``: refused, for what readers have seen cannot be taken back;
* any other type: left out, with one warning per type.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec.descriptors import Drop, OutputStream
from ai_transport_codecs.codec.sse import EventReader
from ai_transport_codecs.errors import UnsupportedEventError
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.json_text import dump_json

from .chunks import FINISH_REASONS
from .messages import DATA
from .open_parts import Chunk, OpenParts
from .plain import plain_of
from .tables import OUTPUTS

_log = logging.getLogger("ai_transport_codecs.codecs.vercel")

Chunks: TypeAlias = Iterable[Chunk]


def event_reader() -> EventReader:
    """A reader of one UI message stream's lines."""
    return EventReader(
        "a UI message stream",
        "pass the stream as the AI SDK sends it (lines of 'data: {...}'), or chunks as dictionaries",
    )


class _LaterChunk(dict[str, Any]):
    """A chunk of a message that is not the source's first."""

    __slots__ = ("message_key",)

    def __init__(self, chunk: Chunk, message_key: str) -> None:
        super().__init__(chunk)
        self.message_key = message_key


class VercelTranslator:
    """Chunks of one source to chunks of version 6, and the message that each belongs to.

    All are of one message, until one that is over is followed by a ``start`` with another ``messageId``.
    """

    def __init__(self) -> None:
        self._events = event_reader()
        self._parts = OpenParts()
        self._call_ids: dict[str, str] = {}
        """Tool calls by approval id."""
        self._streamed: dict[str, bool] = {}
        """Whether there is text of its input yet, by tool call whose input began as a stream."""
        self._sources: set[str] = set()
        self._skipped: set[str] = set()
        self._message_key = ""
        self._message_id: str | None = None
        self._is_over = False
        self._is_stopped = False
        self._adapted = self._adaptations()

    def translate(self, item: Any) -> Chunks:
        """The chunks of one item. Raises UnsupportedEventError for what is no chunk, or cannot be carried."""
        if isinstance(item, str | bytes | bytearray):
            return self._read(self._events.feed(item))
        return self._chunks(_checked(item))

    def finish(self) -> Chunks:
        """The chunks of a last line that has no end, and the ends of text that has none, unless it was broken off."""
        yield from self._read(self._events.finish())
        if not self._is_stopped:
            yield from self._keyed(self._parts.end_all())

    def message_key(self, event: Any) -> str:
        """The message that a translated chunk belongs to."""
        return event.message_key if isinstance(event, _LaterChunk) else ""

    def _read(self, values: Iterable[Any]) -> Iterator[Chunk]:
        for value in values:
            yield from self._chunks(_checked(value))

    def _chunks(self, chunk: Chunk) -> Chunks:
        type_ = chunk["type"]
        adapt = self._adapted.get(type_)
        if adapt is not None:
            chunks = adapt(chunk)
        elif type_ in _KNOWN_TYPES:
            chunks = (chunk,)
        elif type_.startswith(DATA):
            chunks = (_checked_data(chunk),)
        else:
            chunks = self._skip(type_)
        return self._keyed(chunks) if self._message_key else chunks

    def _keyed(self, chunks: Chunks) -> Chunks:
        key = self._message_key
        return [_LaterChunk(each, key) for each in chunks] if key else chunks

    def _skip(self, type_: str) -> Chunks:
        if type_ not in self._skipped:
            self._skipped.add(type_)
            _log.warning(
                "skipped a chunk of type %r: codec 'vercel' carries the chunks of AI SDK 6 and does not know it;"
                " update ai-transport-codecs, or send what it says as a 'data-*' chunk",
                type_,
            )
        return ()

    def _adaptations(self) -> Mapping[str, Callable[[Chunk], Chunks]]:
        """What each type needs besides passing."""
        parts = self._parts
        return {
            "text-delta": parts.delta,
            "text-start": parts.start,
            "text-end": self._text_end,
            "reasoning-delta": parts.delta,
            "reasoning-start": parts.start,
            "reasoning-end": parts.end,
            "finish-step": parts.end_before,
            "start": self._start,
            "finish": self._finish,
            "abort": self._stop,
            "error": self._stop,
            "source-url": self._source,
            "source-document": self._source,
            "tool-input-start": self._input_start,
            "tool-input-delta": self._input_delta,
            "tool-input-available": self._input_available,
            "tool-approval-request": self._approval_request,
            "tool-approval-response": self._approval_response,
            "custom": _as_data,
            "reasoning-file": _as_data,
            "steering-message": _as_data,
            "reset-step": _refuse_reset,
            "done": lambda chunk: (),  # pydantic-ai's object for the stream's last line
        }

    # ------------------------------------------------------------------------------------------------- messages

    def _start(self, chunk: Chunk) -> Chunks:
        id_ = chunk.get("messageId")
        if isinstance(id_, str):
            if self._is_over and id_ != self._message_id:
                self._message_key = id_
                self._parts.clear()
                self._streamed.clear()
            self._message_id = id_
        self._is_over = self._is_stopped = False
        return (chunk,)

    def _finish(self, chunk: Chunk) -> Chunks:
        self._is_over = True
        reason = chunk.get("finishReason")
        if isinstance(reason, str) and reason not in FINISH_REASONS:
            chunk = {**chunk, "finishReason": "other"}  # a reader would take it for "stop"
        return self._parts.end_before(chunk)

    def _stop(self, chunk: Chunk) -> Chunks:
        self._is_over = self._is_stopped = True
        return (chunk,)

    def _text_end(self, chunk: Chunk) -> Chunks:
        return (*self._parts.end(chunk), *self._cited(chunk.get("citations")))

    def _source(self, chunk: Chunk) -> Chunks:
        self._sources.add(str(chunk.get("sourceId")))
        return (chunk,)

    def _cited(self, citations: Any) -> Iterator[Chunk]:
        for citation in citations if isinstance(citations, list | tuple) else ():
            source = citation.get("source") if isinstance(citation, Mapping) else None
            if isinstance(source, Mapping) and str(source.get("id")) not in self._sources:
                self._sources.add(str(source.get("id")))
                fields = {key: value for key, value in source.items() if key not in {"type", "sourceType", "id"}}
                kind = "source-url" if source.get("sourceType") == "url" else "source-document"
                yield {"type": kind, "sourceId": source.get("id"), **fields}

    # ----------------------------------------------------------------------------------------------- tool calls

    def _input_start(self, chunk: Chunk) -> Chunks:
        self._streamed[str(chunk.get("toolCallId"))] = False
        return (chunk,)

    def _input_delta(self, chunk: Chunk) -> Chunks:
        if chunk.get("inputTextDelta"):
            self._streamed[str(chunk.get("toolCallId"))] = True
        return (chunk,)

    def _input_available(self, chunk: Chunk) -> Chunks:
        """An input given at once travels as message data: that cannot be a number or a boolean, and may lose null.

        The end of a stream carries no input, because readers have its text; so what has none is given as text here.
        """
        value, call_id = chunk.get("input", ABSENT), str(chunk.get("toolCallId"))
        has_text = self._streamed.get(call_id)
        if has_text or value is ABSENT or not (has_text is False or value is None or isinstance(value, int | float)):
            return (chunk,)
        self._streamed[call_id] = True
        delta = {"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": dump_json(value)}
        if has_text is False:
            return delta, chunk
        start = {key: item for key, item in chunk.items() if key != "input"} | {"type": "tool-input-start"}
        return start, delta, chunk

    def _approval_request(self, chunk: Chunk) -> Chunks:
        self._call_ids[str(chunk.get("approvalId"))] = str(chunk.get("toolCallId"))
        return (chunk,)

    def _approval_response(self, chunk: Chunk) -> Chunks:
        approval_id = str(chunk.get("approvalId"))
        call_id = self._call_ids.get(approval_id)
        if call_id is None:
            raise UnsupportedEventError(
                f"unable to encode output; codec 'vercel' cannot carry this 'tool-approval-response', because no"
                f" 'tool-approval-request' with approvalId {approval_id!r} came before it in the stream: a client's"
                " answer is an input, send it with create_tool_approval_response"
            )
        return () if chunk.get("approved") is True else ({"type": "tool-output-denied", "toolCallId": call_id},)


def _as_data(chunk: Chunk) -> Chunks:
    fields = {key: value for key, value in chunk.items() if key != "type"}
    return ({"type": f"{DATA}{chunk['type']}", "data": fields},)


def _refuse_reset(chunk: Chunk) -> Chunks:
    raise UnsupportedEventError(
        "unable to encode output; codec 'vercel' cannot carry 'reset-step', because readers of AI SDK 6 keep what they"
        " have seen of a step: pipe the step's next try as another attempt of the same session step, of which readers"
        " show the last"
    )


def _checked(item: Any) -> Chunk:
    """A chunk as a mapping with a type."""
    if type(item) is dict and isinstance(item.get("type"), str):  # as nearly all are
        return item
    chunk = plain_of(item)
    if not isinstance(chunk, Mapping) or not isinstance(chunk.get("type"), str):
        raise UnsupportedEventError(
            f"unable to encode output; codec 'vercel' takes the chunks of an AI SDK UI message stream (mappings with a"
            f" 'type', objects with model_dump, or 'data: ...' lines), not {_described(item)}: turn the stream of"
            " another framework into such chunks first"
        )
    checked: Chunk = chunk
    return checked


def _checked_data(chunk: Chunk) -> Chunk:
    if isinstance(chunk.get("data"), int | float):
        raise UnsupportedEventError(
            f"unable to encode output; codec 'vercel' cannot carry {chunk['data']!r} as the data of a {chunk['type']!r}"
            " chunk, because a channel's messages hold text, objects, lists or null: put it into an object"
        )
    return chunk


def _described(item: Any) -> str:
    if isinstance(item, Mapping):
        return f"a mapping with type={item.get('type')!r}"
    return f"{type(item).__module__}.{type(item).__qualname__}"


def _known_types() -> Iterator[str]:
    for row in OUTPUTS:
        if isinstance(row, OutputStream):
            yield from (row.start.type, row.delta.type, row.end.type)
        elif not isinstance(row, Drop):
            yield row.type


_KNOWN_TYPES: Final = frozenset(_known_types())
