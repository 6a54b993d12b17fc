"""The messages of one source: which there are, under which keys, and who writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from langchain_core.messages import AIMessageChunk, BaseMessage, BaseMessageChunk, RemoveMessage, ToolMessage

from ai_transport_codecs.errors import UnsupportedEventError

from .blocks import BlockWriter
from .chunks import ChunkWriter
from .draft import Draft, Event
from .lanes import Lane
from .messages import CLASSES
from .plain import Plainer
from .whole import message_values, whole_events

Events: TypeAlias = Sequence[Event]

_KINDS: Final[Mapping[type[BaseMessage], str]] = {cls: kind for kind, classes in CLASSES.items() for cls in classes}


class MessageBook:
    """Keeps the messages of one source apart. ``lane`` arguments name what in the source speaks: a run, a task."""

    __slots__ = (
        "_blocks",
        "_drafts",
        "_keys",
        "_known",
        "_lanes",
        "_plainer",
        "_progress",
        "_results",
        "_streaming_results",
        "_texts",
    )

    def __init__(self) -> None:
        self._plainer = Plainer()
        self._keys = 0
        self._drafts: dict[Draft, None] = {}
        self._known: dict[int | str, BaseMessage] = {}
        self._lanes: dict[str, Lane] = {}
        self._blocks: dict[str, BlockWriter] = {}
        self._texts: dict[str, ChunkWriter] = {}
        self._streaming_results: dict[str, tuple[Draft, list[str]]] = {}
        self._results: dict[str, tuple[Draft, dict[str, Any]]] = {}
        self._progress: dict[tuple[str, str], tuple[Draft, int]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is no message yet."""
        return not self._keys

    def chunk(
        self, lane: str, chunk: BaseMessageChunk, node: str | None = None, namespace: str | None = None
    ) -> Events:
        """A piece of a message."""
        found = self._lanes.get(lane)
        if found is None:
            found = self._lanes[lane] = Lane(lambda first: self._chunk_writer(first, node, namespace))
        return found.writer(chunk).add(chunk)

    def text(self, lane: str, text: str) -> Events:
        """A piece of a message that is only text."""
        writer = self._texts.get(lane)
        if writer is None:
            writer = self._texts[lane] = ChunkWriter(self._draft("ai", "chunks", None), self._plainer)
        return writer.add_text(text)

    def end_lane(self, lane: str) -> Events:
        """Nothing more will be said in a lane, or something else: what was being said ends."""
        found = self._lanes.get(lane)
        writer = self._texts.pop(lane, None) if found is None else found.current
        return () if writer is None else writer.end()

    def has_lane(self, lane: str) -> bool:
        """Whether anything was said in a lane."""
        return lane in self._lanes or lane in self._texts

    def note(self, message: BaseMessage) -> None:
        """Remember a message that readers have, or need not get: what a graph starts from, and what it said."""
        self._known[id(message)] = message  # held, so that no other object gets this id
        if message.id:
            self._known[message.id] = message

    def is_known(self, message: BaseMessage) -> bool:
        """Whether a message was noted, or streamed."""
        return (
            message.id in self._known
            or self._known.get(id(message)) is message
            or self._streamed(message.id) is not None
        )

    def message(self, message: BaseMessage, node: str | None = None, namespace: str | None = None) -> Events:
        """A whole message; one with the id of a message that came in pieces states that one anew."""
        if isinstance(message, RemoveMessage):
            return ()  # an edit of a graph's own state, nothing that anybody said
        self.note(message)
        if isinstance(message, ToolMessage) and message.tool_call_id in self._streaming_results:
            return self.result(message, node)
        kind = _kind(message)
        streamed = self._streamed(message.id) if kind == "ai" else None
        ends = () if streamed is None else streamed.end()
        draft = self._draft(kind, "whole", node, namespace, instead_of=streamed)
        return [*ends, *whole_events(draft, message_values(self._plainer, message))]

    def block_event(self, lane: str, event: Mapping[str, Any], node: str | None = None) -> Events:
        """A v3 event of a message."""
        writer = self._blocks.get(lane)
        if writer is None or event.get("event") == "message-start":
            role = event.get("role")
            kind = role if isinstance(role, str) and role in CLASSES else "ai"
            writer = self._blocks[lane] = BlockWriter(self._draft(kind, "blocks", node), self._plainer)
        return writer.add(event)

    def result_delta(self, call_id: str, text: str, node: str | None = None) -> Events:
        """A piece of what a tool has to say, before its result."""
        draft, pieces = self._streaming_results.get(call_id) or (None, [])
        if draft is None:
            draft = self._draft("tool", "whole", node)
            draft.put("tool_call_id", call_id)
            self._streaming_results[call_id] = (draft, pieces)
        pieces.append(text)
        draft.grow("content/#0", text)
        return draft.events()

    def result(self, message: ToolMessage, node: str | None = None) -> Events:
        """The result of a tool call, which may be known in pieces."""
        values = message_values(self._plainer, message)
        draft, pieces = self._streaming_results.pop(message.tool_call_id, (None, []))
        if draft is None:
            draft = self._draft("tool", "whole", node)
        else:
            values = _without_text(values, "".join(pieces), draft)
        self._results[message.tool_call_id] = (draft, message_values(self._plainer, message))
        return whole_events(draft, values)

    def restated_result(self, message: ToolMessage, node: str | None = None) -> Events:
        """A result as the graph keeps it: the same as the tool gave, or what an error was made into."""
        draft, before = self._results.pop(message.tool_call_id, (None, {}))
        values = message_values(self._plainer, message)
        if draft is None:
            return self.message(message, node)
        self.note(message)
        if values | {"id": None} == before | {"id": None}:
            return ()
        return whole_events(self._draft("tool", "whole", node, instead_of=draft), values)

    def progress(
        self, kind: str, lane: str, value: Any, node: str | None = None, namespace: str | None = None
    ) -> Events:
        """One more of what a graph says beside its messages: a message for each kind and lane, which gets longer."""
        draft, count = self._progress.get((kind, lane), (None, 0))
        if draft is None:
            draft = self._draft("ai", "whole", node, namespace)
        self._progress[kind, lane] = (draft, count + 1)
        draft.extend(f"additional_kwargs/{kind}", count, self._plainer.try_plain(kind, value), is_final=True)
        return draft.events()

    def finish(self) -> Events:
        """The ends of all messages that have not ended."""
        return [event for draft in list(self._drafts) for event in draft.end()]

    def _chunk_writer(self, chunk: BaseMessageChunk, node: str | None, namespace: str | None) -> ChunkWriter:
        return ChunkWriter(self._draft(_kind(chunk), "chunks", node, namespace), self._plainer)

    def _draft(
        self,
        kind: str,
        form: str,
        node: str | None,
        namespace: str | None = None,
        *,
        instead_of: Draft | None = None,
    ) -> Draft:
        header = {"messageType": kind, "form": form}
        header |= {name: value for name, value in (("node", node), ("namespace", namespace)) if value}
        if instead_of is None:
            self._keys += 1
            draft = Draft(f"m{self._keys}", header)
        else:
            draft = instead_of.successor(header)
            self._drafts.pop(instead_of, None)
        self._drafts[draft] = None
        return draft

    def _streamed(self, id_: str | None) -> Draft | None:
        writers = (lane.try_writer(AIMessageChunk, id_) for lane in self._lanes.values())
        return next((writer.draft for writer in writers if writer is not None), None)


def _without_text(values: dict[str, Any], text: str, draft: Draft) -> dict[str, Any]:
    """``values`` without the text that readers have already."""
    content = values.get("content/#0", "")
    if isinstance(content, str) and "content" not in values and content.startswith(text):
        rest = content[len(text) :]
        if rest:
            draft.grow("content/#0", rest)
        return {path: value for path, value in values.items() if path != "content/#0"}
    return values


def _kind(message: BaseMessage) -> str:
    for cls in type(message).__mro__:
        kind = _KINDS.get(cls)
        if kind is not None:
            return kind
    raise UnsupportedEventError(
        f"codec 'langchain' cannot carry a {type(message).__name__}; it knows the messages of langchain_core"
        f" ({', '.join(CLASSES)}): convert it to one of them before it is streamed"
    )
