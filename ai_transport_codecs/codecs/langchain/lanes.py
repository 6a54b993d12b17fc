"""Which message a chunk belongs to, where a stream does not say so.

Ids differ within one message: a provider's id, LangChain's own ``lc_run-...`` on chunks that have none, and always on
the closing one. So a message may have one id of each rank. An id of a rank that the current message has another id of
begins a new message, and so does whatever follows the chunk marked as last, unless its id is known. The chunks of a
tool's result go by the id of the tool call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessageChunk, ToolMessageChunk

from .chunks import ChunkWriter, id_rank

Begin: TypeAlias = Callable[[BaseMessageChunk], ChunkWriter]


class _Open:
    """One message of a lane: its writer, its class, and the ranks of the ids it goes by."""

    __slots__ = ("kind", "ranks", "writer")

    def __init__(self, writer: ChunkWriter, kind: type[BaseMessageChunk]) -> None:
        self.writer = writer
        self.kind = kind
        self.ranks: set[int] = set()


class Lane:
    """The messages of one source of chunks: a model's stream, a run of a model, or one task of a graph."""

    __slots__ = ("_begin", "_by_id", "_current", "_last_id")

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._by_id: dict[tuple[type[Any], str], _Open] = {}
        self._current: _Open | None = None
        self._last_id: str | None = None

    def writer(self, chunk: BaseMessageChunk) -> ChunkWriter:
        """The writer of the message that ``chunk`` belongs to; begins a message when it belongs to none."""
        current = self._current
        id_ = chunk.id
        if current is not None and id_ == self._last_id and type(chunk) is current.kind:
            writer = current.writer
            if not writer.draft.ended and current.kind is not ToolMessageChunk:
                return writer
        self._last_id = id_
        self._current = current = self._found(chunk)
        return current.writer

    @property
    def current(self) -> ChunkWriter | None:
        """The writer of the message that was spoken last."""
        return None if self._current is None else self._current.writer

    def try_writer(self, kind: type[BaseMessageChunk], id_: str | None) -> ChunkWriter | None:
        """The writer of the message of class ``kind`` that has chunks with this id."""
        known = self._by_id.get((kind, id_)) if id_ else None
        return None if known is None else known.writer

    def _found(self, chunk: BaseMessageChunk) -> _Open:
        kind = type(chunk)
        identity = chunk.tool_call_id if isinstance(chunk, ToolMessageChunk) else chunk.id
        known = self._by_id.get((kind, identity)) if identity else None
        if known is not None:
            return known
        current = self._current
        rank = id_rank(identity)
        if current is None or current.kind is not kind or current.writer.draft.ended or rank in current.ranks:
            current = _Open(self._begin(chunk), kind)
        if identity:
            current.ranks.add(rank)
            self._by_id[kind, identity] = current
        return current
