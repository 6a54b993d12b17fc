"""Message chunks (``AIMessageChunk`` and its siblings) to output events, one writer per message.

The hot path is a chunk that only adds text to the text before it; everything else goes through the merge rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import BaseMessageChunk

from .draft import Draft, Event, Place, Stream
from .merge import addition, is_mergeable, merge_list, merge_object, target
from .plain import Plainer
from .usage import added, is_cumulative, replaced

_TEXT_KEYS: Final = {"text": "text", "reasoning": "reasoning", "thinking": "thinking"}
"""Block types whose text is streamed from its first character, and the key it is at."""

_GROWING: Final = frozenset({*_TEXT_KEYS.values(), "args", "arguments", "partial_json"})
"""Keys of a block that the hot path knows."""

_COMMON: Final = frozenset(
    {
        "additional_kwargs",
        "chunk_position",
        "content",
        "id",
        "invalid_tool_calls",
        "name",
        "response_metadata",
        "tool_call_chunks",
        "tool_calls",
        "type",
        "usage_metadata",
    }
)

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_NO_RANK: Final = -1


def id_rank(id_: str | None) -> int:
    """How much a message id is worth: a provider's own 2, one of LangChain's runs 1, another made up one 0, none -1."""
    if not id_:
        return _NO_RANK
    if id_.startswith("lc_run-"):
        return 1
    return 0 if id_.startswith("lc_") else 2


class ChunkWriter:
    """Writes one message from its chunks. What it writes is what the sum of the chunks would be (see :mod:`.merge`)."""

    __slots__ = (
        "_block_places",
        "_call_places",
        "_calls",
        "_draft",
        "_entries",
        "_fields",
        "_id_rank",
        "_is_list",
        "_last_id",
        "_metadata",
        "_more",
        "_plainer",
        "_report",
        "_started",
        "_text_place",
        "_usage",
    )

    def __init__(self, draft: Draft, plainer: Plainer) -> None:
        self._draft = draft
        self._plainer = plainer
        self._entries: list[Any] = []
        self._is_list = False
        self._text_place: Place | None = None
        self._block_places: dict[Any, tuple[str, Place]] = {}
        self._fields: dict[str, Any] = {"additional_kwargs": {}, "response_metadata": {}, "extra": {}}
        self._calls: list[Any] = []
        self._call_places: dict[Any, Place] = {}
        self._metadata: dict[str, Any] | None = {}
        """Response metadata that is known to add nothing; most chunks repeat it."""
        self._more: tuple[str, ...] | None = None
        self._usage: dict[str, Any] | None = None
        self._report: dict[str, Any] = {}
        self._started = False
        self._last_id: str | None = None
        self._id_rank = _NO_RANK

    @property
    def draft(self) -> Draft:
        """The message being written."""
        return self._draft

    def add(self, chunk: BaseMessageChunk) -> Sequence[Event]:
        """The events that one more chunk gives. The chunk may change afterwards."""
        fields = chunk.__dict__
        if self._repeats(fields) and not chunk.__pydantic_extra__:
            found = self._try_growth(fields)
            if found is not None:
                stream, text = found
                return ({"type": stream.delta_type, "key": self._draft.key, "block": stream.block, "delta": text},)
        self._add(chunk, fields)
        self._started = True
        if fields.get("chunk_position") == "last":
            self._draft.put("chunk_position", "last")
            return self._draft.end()
        return self._draft.events()

    def add_text(self, text: str) -> Sequence[Event]:
        """The events that a piece of text gives, in a message that is nothing else."""
        place = self._text_place
        if place is not None and text and (stream := place.stream) is not None:
            return (self._draft.delta(stream, text),)
        self._add_text(text)
        return self._draft.events()

    def end(self) -> Sequence[Event]:
        """The events that end the message; none if it has ended already."""
        return self._draft.end()

    def _repeats(self, fields: Mapping[str, Any]) -> bool:
        """Whether all but content, calls and ``additional_kwargs`` is as in the chunk before."""
        return (
            fields["id"] == self._last_id
            and fields["response_metadata"] == self._metadata
            and fields.get("usage_metadata") is None
            and fields.get("chunk_position") is None
            and fields["name"] is None
            and not self._more
        )

    def _try_growth(self, fields: Mapping[str, Any]) -> tuple[Stream, str] | None:
        """The open stream and the text that extends it, when that is all that the chunk does."""
        content, calls, kwargs = fields["content"], fields.get("tool_call_chunks"), fields["additional_kwargs"]
        if calls:
            return None if kwargs else self._try_call(content, calls)
        if kwargs:
            return self._try_kwargs(kwargs) if self._is_nothing(content) else None
        if type(content) is str:
            return _solo(self._text_place, content)
        return _solo(*self._block_text(content))

    def _is_nothing(self, content: Any) -> bool:
        """Whether content adds nothing; even an empty list does, to a string."""
        return not content and (self._is_list or type(content) is str)

    def _block_text(self, content: list[Any]) -> tuple[Place | None, Any]:
        """The place and the text of content that is one block with nothing but text for a block known before."""
        if len(content) == 1 and type(block := content[0]) is dict and len(block) == 3 and "type" in block:
            index = block.get("index")
            known = self._block_places.get(index) if type(index) is int or type(index) is str else None
            if known is not None and known[0] in block:
                return known[1], block[known[0]]
        return None, None

    def _try_call(self, content: Any, calls: list[Any]) -> tuple[Stream, str] | None:
        call = calls[0]
        place = self._call_places.get(call.get("index")) if len(calls) == 1 else None
        args = call.get("args")
        if place is None or call.get("id") or call.get("name") or type(args) is not str:
            return None
        if self._is_nothing(content):
            return _solo(place, args)
        twin, text = (None, None) if type(content) is str else self._block_text(content)
        stream = place.stream
        if stream is None or text != args or not args or stream.places != (twin, place):
            return None
        return stream, args

    def _try_kwargs(self, kwargs: dict[Any, Any]) -> tuple[Stream, str] | None:
        place = self._draft.try_place("additional_kwargs/reasoning_content")
        return _solo(place, kwargs.get("reasoning_content")) if place is not None and len(kwargs) == 1 else None

    def _add(self, chunk: BaseMessageChunk, fields: Mapping[str, Any]) -> None:
        content = fields["content"]
        self._add_id(fields["id"])
        if isinstance(content, str):
            self._add_text(str.__str__(content))
        else:
            self._add_blocks(self._plainer.plain_list("content", content))
        if fields["additional_kwargs"]:
            self._merge("additional_kwargs", fields["additional_kwargs"])
        self._add_metadata(fields["response_metadata"])
        if calls := fields.get("tool_call_chunks"):
            self._add_calls(self._plainer.plain_list("tool_call_chunks", calls))
        if fields.get("usage_metadata") is not None:
            self._add_usage(fields["usage_metadata"])
        if fields["name"] is not None:
            merge_object(self._draft, self._fields, "", {"name": fields["name"]})
        if chunk.__pydantic_extra__:
            self._merge("extra", chunk.__pydantic_extra__)
        self._add_more(chunk, fields)

    def _merge(self, name: str, value: dict[Any, Any], *, whole_strings: bool = False) -> None:
        plain = self._plainer.plain_object(name, value)
        merge_object(self._draft, self._fields[name], name, plain, whole_strings=whole_strings)

    def _add_metadata(self, metadata: dict[Any, Any]) -> None:
        if metadata and metadata != self._metadata:
            self._merge("response_metadata", metadata, whole_strings=True)
            held = self._fields["response_metadata"]
            repeats = all(type(value) in _SCALARS and held.get(key) == value for key, value in metadata.items())
            self._metadata = dict(metadata) if repeats else None

    def _add_id(self, id_: str | None) -> None:
        self._last_id = id_
        rank = id_rank(id_)
        if rank > self._id_rank:
            self._id_rank = rank
            self._draft.put("id", id_)

    def _add_text(self, text: str) -> None:
        if not text:
            return
        if not self._is_list:
            self._text_place = self._draft.grow("content/#0", text)
            return
        if not self._entries or type(self._entries[-1]) is not str:
            self._begin_block("")
        self._text_place = self._draft.grow(f"content/#{len(self._entries) - 1}", text)

    def _add_blocks(self, blocks: list[Any]) -> None:
        if not self._is_list:
            self._begin_list()
        before = len(self._entries)
        for block in blocks:
            position = target(self._entries, block, before)
            if position is None:
                position = self._begin_block(block)
            else:
                held = self._entries[position]
                merge_object(self._draft, held, f"content/#{position}", addition(held, block))
            self._note_place(position, block)

    def _begin_list(self) -> None:
        """Content turns from one string into a list; the string, even an empty one, is its first entry."""
        self._is_list = True
        self._draft.put("content_form", "list")
        if self._started:
            self._entries.append("")
            if self._text_place is None:
                self._draft.put("content/#0", "")

    def _begin_block(self, block: Any) -> int:
        position = len(self._entries)
        path = f"content/#{position}"
        self._entries.append(block)
        if type(block) is str:
            # Text that follows may join it, so it is never settled as other entries are.
            self._draft.extend("content", position, "", is_final=False)
            if block:
                self._draft.grow(path, block)
            return position
        if not is_mergeable(block):
            self._draft.extend("content", position, block, is_final=True)
            return position
        key = _TEXT_KEYS.get(block.get("type") or "", "")
        text = block.get(key)
        if type(text) is str and text:
            block = {name: value for name, value in block.items() if name != key}
            self._draft.grow(f"{path}/{key}", text)
        self._draft.extend("content", position, block, is_final=False)
        return position

    def _note_place(self, position: int, block: Any) -> None:
        """Remember where the next such block will add its text, for the hot path."""
        path = f"content/#{position}"
        self._text_place = self._draft.try_place(path) if type(block) is str else None
        if is_mergeable(block) and not block.get("id"):
            for key in block.keys() & _GROWING:
                place = self._draft.try_place(f"{path}/{key}")
                if place is not None:
                    self._block_places[block["index"]] = (key, place)

    def _add_calls(self, calls: list[Any]) -> None:
        merge_list(self._draft, self._calls, "tool_call_chunks", calls)
        for call in calls:
            position = target(self._calls, call, len(self._calls)) if not call.get("id") else None
            place = None if position is None else self._draft.try_place(f"tool_call_chunks/#{position}/args")
            if place is not None:
                self._call_places[call["index"]] = place

    def _add_usage(self, usage: Any) -> None:
        report = self._plainer.plain_object("usage_metadata", usage)
        if self._usage is None:
            self._usage = report
            self._draft.put("usage_metadata", report)
        else:
            combine = replaced if is_cumulative(self._report, report) else added
            total = combine(self._usage, report)
            if total != self._usage:
                self._usage = total
                self._draft.restate("usage_metadata", total)
        self._report = report

    def _add_more(self, chunk: BaseMessageChunk, fields: Mapping[str, Any]) -> None:
        """Fields that only some classes have, such as a tool message's call id, status and artifact."""
        if self._more is None:
            self._more = tuple(sorted(type(chunk).model_fields.keys() - _COMMON))
        held = self._fields
        for name in self._more:
            if name == "status" and held.get(name) == "error":
                continue
            value = self._plainer.try_plain(name, fields[name])
            if value is not None:
                merge_object(self._draft, held, "", {name: value})


def _solo(place: Place | None, text: Any) -> tuple[Stream, str] | None:
    """The open stream of a place that has one for itself, and text that extends it."""
    if place is not None and (stream := place.stream) is not None and len(stream.places) == 1:
        return (stream, text) if type(text) is str and text else None
    return None
