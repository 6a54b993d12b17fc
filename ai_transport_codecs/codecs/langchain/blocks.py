"""LangChain's v3 content-block events to output events, one writer per message.

The message is what LangChain's own v3 stream assembles; but a text that never finished, or a block of a type that the
stream does not know, stays in it. A block that finishes is not sent again: only what its finish adds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .draft import Draft, Event, Place
from .messages import parse_args
from .plain import Plainer
from .pointers import child

DELTAS: Final[Mapping[str, tuple[str, str | None]]] = {
    "text-delta": ("text", "text"),
    "reasoning-delta": ("reasoning", "reasoning"),
    "tool-call-delta": ("args", None),
    "data-delta": ("data", None),
}
"""Delta types: the key of the text, in delta and block; the type of a block whose start was missed, if it tells."""

_STREAMED: Final[Mapping[str, str]] = {
    "text": "text",
    "reasoning": "reasoning",
    "tool_call_chunk": "args",
    "server_tool_call_chunk": "args",
}
"""Block types, and the key whose value comes in deltas."""

_CALLS: Final[Mapping[str, str]] = {"tool_call_chunk": "tool_call", "server_tool_call_chunk": "server_tool_call"}
"""Types of calls that are arriving, and what they become."""

_TEXTS: Final = frozenset({"text", "reasoning"})
"""Block types whose text, under the key of that name, is what the deltas said, unless their finish says other."""

_WITHOUT_INDEX: Final = frozenset({"tool_call", "invalid_tool_call"})
_INVALID: Final = "Failed to parse tool call arguments as JSON"


class _Text:
    """One field that grows: where, and its pieces so far."""

    __slots__ = ("pieces", "place")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.place: Place | None = None

    def __str__(self) -> str:
        self.pieces = ["".join(self.pieces)]
        return self.pieces[0]


class _Block:
    """One block: the fields its readers have, and apart from them those that grow, usually one."""

    __slots__ = ("fields", "path", "texts")

    def __init__(self, path: str, fields: dict[str, Any]) -> None:
        self.path = path
        self.fields = fields
        self.texts: dict[str, _Text] = {}


class BlockWriter:
    """Writes one message from its v3 events."""

    __slots__ = ("_blocks", "_metadata", "_plainer", "draft")

    def __init__(self, draft: Draft, plainer: Plainer) -> None:
        self.draft = draft
        self._plainer = plainer
        self._blocks: dict[int, _Block] = {}
        self._metadata: dict[str, Any] = {}

    def add(self, event: Mapping[str, Any]) -> Sequence[Event]:
        """The events that one v3 event gives; none for one of a kind that adds nothing."""
        handle = _EVENTS.get(event.get("event") or "")
        return () if handle is None else handle(self, event)

    def end(self) -> Sequence[Event]:
        """The events that end the message; none if it has ended already."""
        return self.draft.end()

    def start(self, event: Mapping[str, Any]) -> Sequence[Event]:
        """``message-start``: who speaks."""
        if event.get("id"):
            self.draft.put("id", str(event["id"]))
        hints = event.get("metadata")
        if isinstance(hints, Mapping):
            named = {"model_provider": hints.get("provider"), "model_name": hints.get("model")}
            self._add_metadata({key: value for key, value in named.items() if value is not None})
        return self.draft.events()

    def start_block(self, event: Mapping[str, Any]) -> Sequence[Event]:
        """``content-block-start``: a block without its text, which is what the deltas say."""
        content = event.get("content") or event.get("content_block")
        if isinstance(content, Mapping):
            fields = self._plainer.plain_object("content", content)
            key = _STREAMED.get(fields.get("type") or "")
            said = fields.pop(key, None) if key else None
            block = self._begin(event.get("index"), fields)
            if key == "args" and isinstance(said, str) and said:
                self._grow(block, key, said)
        return self.draft.events()

    def add_delta(self, event: Mapping[str, Any]) -> Sequence[Event]:
        """``content-block-delta``: more text of a block."""
        delta = event.get("delta")
        if not isinstance(delta, Mapping):
            return ()
        block = self._blocks.get(_index(event))
        key, kind = DELTAS.get(delta.get("type") or "", ("", None))
        text = delta.get(key)
        if not isinstance(text, str):
            return self._add_fields(block, delta) if delta.get("type") == "block-delta" else ()
        if block is None and kind is not None:
            block = self._begin(_index(event), {"type": kind})
        if block is None or not text:
            # The finish of a block carries all of it, so the deltas of one whose start was missed can be left out.
            return ()
        grown = block.texts.get(key)
        if grown is not None and grown.place is not None and (stream := grown.place.stream) is not None:
            grown.pieces.append(text)
            return (self.draft.delta(stream, text),)
        self._grow(block, key, text)
        return self.draft.events()

    def finish_block(self, event: Mapping[str, Any]) -> Sequence[Event]:
        """``content-block-finish``: the whole block, of which most is known."""
        content = event.get("content") or event.get("content_block")
        if not isinstance(content, Mapping):
            return ()
        final = self._plainer.plain_object("content", content)
        kind = final.get("type")
        block = self._blocks.get(_index(event)) or self._begin(_index(event), {"type": kind})
        if kind in _WITHOUT_INDEX:
            final.pop("index", None)
        else:
            final.setdefault("index", _index(event))
        if kind in _TEXTS and (kind == "text" or kind in block.texts):
            final[kind] = final.get(kind) or str(block.texts.get(kind, ""))
        if (block.fields.keys() | block.texts.keys()) - final.keys() - {"index"}:
            self.draft.replace(block.path, final)
        else:
            self._complete(block, final)
        block.fields = final
        block.texts = {}
        return self.draft.events()

    def finish(self, event: Mapping[str, Any]) -> Sequence[Event]:
        """``message-finish``: usage and metadata; calls that never finished are finished here."""
        for block in self._blocks.values():
            if block.fields.get("type") in _CALLS:
                swept = _swept(block)
                self._complete(block, swept)
                block.fields |= swept
        usage, metadata, kwargs = (event.get(key) for key in ("usage", "metadata", "additional_kwargs"))
        if usage is not None:
            self.draft.put("usage_metadata", self._plainer.try_plain("usage_metadata", usage))
        if isinstance(metadata, Mapping):
            self._add_metadata(self._plainer.plain_object("response_metadata", metadata))
        if isinstance(kwargs, Mapping) and kwargs:
            self.draft.put("additional_kwargs", self._plainer.plain_object("additional_kwargs", kwargs))
        return self.draft.end()

    def _begin(self, index: Any, fields: dict[str, Any]) -> _Block:
        if not self._blocks:
            self.draft.put("content_form", "list")
        position = index if isinstance(index, int) else len(self._blocks)
        fields.setdefault("index", position)
        block = self._blocks[position] = _Block(f"content/#{position}", fields)
        self.draft.replace(block.path, dict(fields))
        return block

    def _grow(self, block: _Block, key: str, text: str) -> None:
        grown = block.texts.setdefault(key, _Text())
        grown.pieces.append(text)
        grown.place = self.draft.grow(child(block.path, key), text)

    def _add_fields(self, block: _Block | None, delta: Mapping[str, Any]) -> Sequence[Event]:
        """``block-delta``: a snapshot of some fields, as older versions send for calls."""
        fields = delta.get("fields")
        if block is not None and isinstance(fields, Mapping):
            plain = self._plainer.plain_object("content", fields)
            snapshot = {key: value for key, value in plain.items() if value is not None}
            text = snapshot.get("args")
            if (
                "args" not in block.fields
                and isinstance(text, str)
                and text.startswith(str(block.texts.get("args", "")))
            ):
                self._grow(block, "args", snapshot.pop("args")[len(str(block.texts.get("args", ""))) :])
            self._complete(block, snapshot)
            block.fields |= snapshot
        return self.draft.events()

    def _complete(self, block: _Block, final: Mapping[str, Any]) -> None:
        """State of ``final`` what readers do not have."""
        for key, value in final.items():
            path = child(block.path, key)
            if key in block.texts:
                self._complete_text(block, key, path, value)
            elif key not in block.fields:
                self.draft.put(path, value)
            elif block.fields[key] != value:
                self.draft.replace(path, value)

    def _complete_text(self, block: _Block, key: str, path: str, value: Any) -> None:
        text = str(block.texts[key])
        if isinstance(value, str) and value.startswith(text):
            if value != text:
                self._grow(block, key, value[len(text) :])
        elif isinstance(value, str) or parse_args(text) != value:
            self.draft.replace(path, value)
            del block.texts[key]

    def _add_metadata(self, metadata: dict[str, Any]) -> None:
        for key, value in metadata.items():
            if key not in self._metadata or self._metadata[key] != value:
                self._metadata[key] = value
                self.draft.replace(child("response_metadata", key), value)


def _index(event: Mapping[str, Any]) -> Any:
    return event.get("index")


def _swept(block: _Block) -> dict[str, Any]:
    """A call that never finished, as LangChain finishes it at the end of the message."""
    named = {key: block.fields.get(key) or "" for key in ("id", "name")}
    text = str(block.texts.get("args", "")) or "{}"
    try:
        json.loads(text)
    except ValueError:
        return {"type": "invalid_tool_call", "args": text, "error": _INVALID}
    return {"type": _CALLS[block.fields["type"]], **named} | ({} if block.texts else {"args": {}})


_EVENTS: Final[Mapping[str, Callable[[BlockWriter, Mapping[str, Any]], Sequence[Event]]]] = {
    "message-start": BlockWriter.start,
    "content-block-start": BlockWriter.start_block,
    "content-block-delta": BlockWriter.add_delta,
    "content-block-finish": BlockWriter.finish_block,
    "message-finish": BlockWriter.finish,
}
"""The message events of the protocol; its ``error`` adds nothing, the source raises as well."""

BLOCK_EVENTS: Final = frozenset({*_EVENTS, "error"})
