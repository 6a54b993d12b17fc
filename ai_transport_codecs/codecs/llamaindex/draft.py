"""One message as its sender writes it: streams for what grows, and at the end what the message amounts to.

The end says the message in full, but each text that was streamed only by naming its stream. So a reader ends with
exactly LlamaIndex's own message, whatever its blocks are, and no text travels twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

from .plain import JSON, Plainer, text_of

Event: TypeAlias = dict[str, Any]
Events: TypeAlias = Sequence[Event]
Spoken: TypeAlias = Literal["text", "thinking"]

LONG: Final = 16_384
"""Data of more characters than this is streamed even when it arrives whole: appends can be cut to fit a channel."""

_KEYS: Final = {"text": "text", "thinking": "content", "tool-call": "tool_kwargs"}
_BLOCK_TYPES: Final = {"text": "text", "thinking": "thinking", "tool-call": "tool_call"}
_KINDS: Final = {block_type: kind for kind, block_type in _BLOCK_TYPES.items()}


class Slot:
    """One stream of a message, and what its sender knows of the block that it extends."""

    __slots__ = ("delta_type", "extra", "id", "is_open", "kind", "parts", "size", "told")

    def __init__(self, id_: str, kind: str, extra: dict[str, Any]) -> None:
        self.id = id_
        self.kind = kind
        self.delta_type = f"{kind}-delta"
        self.extra = extra
        """The block's other fields."""
        self.told = dict(extra)
        """Those of them that the stream began with."""
        self.parts: list[str] = []
        self.size = 0
        """Characters so far; kept for arguments, whose text is not joined before the end."""
        self.is_open = True

    @property
    def text(self) -> str:
        """All of it so far."""
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    def block(self) -> dict[str, Any]:
        """The block as a reader has it before the message ends."""
        return {"block_type": _BLOCK_TYPES[self.kind], **self.told, _KEYS[self.kind]: text_of([self.id])}

    def whole_block(self) -> dict[str, Any]:
        """The block as it is."""
        return {"block_type": _BLOCK_TYPES[self.kind], **self.extra, _KEYS[self.kind]: self.text}


class Draft:
    """One message being written."""

    __slots__ = ("_calls", "_count", "_current", "_header", "_slots", "is_settled", "key", "metadata", "plainer")

    def __init__(self, key: str, plainer: Plainer) -> None:
        self.key = key
        self.plainer = plainer
        self.metadata: dict[str, Any] = {}
        self.is_settled = False
        self._header: Event | None = {}
        self._slots: list[Slot] = []
        self._calls: list[Slot] = []
        self._current: Slot | None = None
        self._count = 0

    def introduce(self, header: Event) -> None:
        """What its ``message`` event says beside the data."""
        self._header = header

    @property
    def text(self) -> str:
        """The text that was streamed."""
        return self._said("text")

    def goes_on(self, text: str, size: int) -> bool:
        """Whether ``text`` begins with the ``size`` characters streamed, as far as the last piece of them tells."""
        slot = next((each for each in reversed(self._slots) if each.kind == "text"), None)
        tail = slot.parts[-1][-32:] if slot is not None and slot.parts else ""
        return len(text) >= size and text.startswith(tail, size - len(tail))

    @property
    def call_count(self) -> int:
        """How many tool calls were streamed."""
        return len(self._calls)

    def say(self, kind: Spoken, text: str) -> Events:
        """More text of the answer, or of the thinking before it."""
        slot = self._current
        if slot is not None and slot.kind == kind:
            slot.parts.append(text)
            return ({"type": slot.delta_type, "key": self.key, "block": slot.id, "delta": text},)
        events = [*self._opened(), *self._end_current()]
        slot = self._current = self._open(kind, {}, events)
        events.append(self._grown(slot, text))
        return events

    def think(self, text: str, information: dict[str, Any]) -> Events:
        """Thinking that comes as a block: all of it so far, one that is complete, or one that is known already."""
        if any(slot.text == text for slot in self._slots if slot.kind == "thinking"):
            return ()
        slot = self._current
        grown = self._grown_to(slot, text) if slot is not None and slot.kind == "thinking" else ()
        if grown:
            return grown
        events = [*self._end_current(), *self.say("thinking", text)]
        if self._current is not None and information:
            self._current.extra["additional_information"] = information
            events += self._end_current()
        return events

    def call(self, position: int, id_: str | None, name: str, kwargs: Any) -> Events:
        """A tool call as far as it is known; ``position`` counts the calls of one response."""
        events: list[Event] = []
        slot = self._try_call(position, id_)
        if slot is None:
            events = [*self._opened(), *self._end_current()]
            slot = self._open("tool-call", _call_fields(id_, name), events)
            self._calls.append(slot)
        else:
            slot.extra |= _call_fields(id_, name)
        if isinstance(kwargs, str):
            events += self._grown_to(slot, kwargs)
        return events

    def accumulated(self) -> list[dict[str, Any]]:
        """The blocks that the streams amount to."""
        return [slot.whole_block() for slot in self._slots]

    def settle(self, role: str, blocks: list[dict[str, Any]], kwargs: dict[str, Any]) -> Events:
        """The message is these blocks, and complete; also for one that was settled otherwise before."""
        events: list[Event] = []
        if not any(block.get("block_type") == "thinking" for block in blocks):
            # A framework whose last word forgets what it streamed; readers have seen it, and keep it.
            blocks = [block for block in self.accumulated() if block["block_type"] == "thinking"] + blocks
        self._say_rest(blocks, events)
        for slot in self._slots:
            self._end(slot, events)
        self._current = None
        data: dict[str, Any] = {}
        layout = self._layout(blocks)
        if layout != [slot.block() for slot in self._slots]:
            data["blocks"] = layout
        if kwargs:
            data["kwargs"] = self._with_calls(kwargs)
        if self.metadata:
            data["metadata"] = dict(self.metadata)
        header, self._header = self._header, None
        self.is_settled = True
        found = self._lifted(data, events)
        if header is None:
            events.append({"type": "message-end", "key": self.key, "role": role, "data": found})
        else:
            events.append(self._message({**header, "role": role}, found, is_complete=True))
        return events

    def abandon(self) -> Events:
        """Nothing more will come, and it is not complete: the ends of what is open."""
        events: list[Event] = []
        for slot in self._slots:
            self._end(slot, events)
        self._current = None
        return events

    def item(self, type_: str, data: Any, **fields: Any) -> Events:
        """Something that goes with the message: its sources, an event."""
        events: list[Event] = []
        found = self._lifted(data, events)
        return [*events, {"type": type_, "key": self.key, **fields, "data": found}]

    def _said(self, kind: Spoken) -> str:
        return "".join(slot.text for slot in self._slots if slot.kind == kind)

    def _opened(self) -> Events:
        if self._header is None:
            return ()
        header, self._header = self._header, None
        return (self._message(header, {}, is_complete=False),)

    def _message(self, header: Event, data: Any, *, is_complete: bool) -> Event:
        completed = {"complete": True} if is_complete else {}
        return {"type": "message", "key": self.key, **header, **completed, "data": data}

    def _open(self, kind: str, extra: dict[str, Any], events: list[Event]) -> Slot:
        slot = Slot(self._next_id(), kind, extra)
        self._slots.append(slot)
        events.append({"type": f"{kind}-start", "key": self.key, "block": slot.id, **extra})
        return slot

    def _next_id(self) -> str:
        self._count += 1
        return str(self._count)

    def _grown(self, slot: Slot, text: str) -> Event:
        slot.parts.append(text)
        slot.size += len(text)
        return {"type": slot.delta_type, "key": self.key, "block": slot.id, "delta": text}

    def _grown_to(self, slot: Slot, text: str) -> Events:
        """What ``text`` adds to a stream, when it begins with all of it, which its last characters tell."""
        size = slot.size if slot.kind == "tool-call" else len(slot.text)
        tail = slot.parts[-1][-32:] if slot.parts else ""
        if slot.is_open and len(text) > size and text.startswith(tail, size - len(tail)):
            return (self._grown(slot, text[size:]),)
        return ()

    def _end_current(self) -> Events:
        events: list[Event] = []
        if self._current is not None:
            self._end(self._current, events)
            self._current = None
        return events

    def _end(self, slot: Slot, events: list[Event]) -> None:
        if slot.is_open:
            slot.is_open = False
            events.append({"type": f"{slot.kind}-end", "key": self.key, "block": slot.id})

    def _try_call(self, position: int, id_: str | None) -> Slot | None:
        for slot in self._calls:
            if id_ and slot.extra.get("tool_call_id") == id_:
                return slot
        if position < len(self._calls):
            held = self._calls[position].extra.get("tool_call_id")
            if not id_ or not held or id_.startswith(held):  # some providers send an id in pieces
                return self._calls[position]
        return None

    def _say_rest(self, blocks: list[dict[str, Any]], events: list[Event]) -> None:
        """Stream what the final blocks have more than was streamed, where a stream is open for it."""
        texts = [block["text"] for block in blocks if block.get("block_type") == "text"]
        slot = self._current
        if slot is not None and slot.kind == "text" and len(texts) == 1:
            said = self.text
            if len(texts[0]) > len(said) and texts[0].startswith(said):
                events.append(self._grown(slot, texts[0][len(said) :]))
        for position, block in enumerate(block for block in blocks if block.get("block_type") == "tool_call"):
            call = self._try_call(position, block.get("tool_call_id"))
            if call is not None and call.is_open:
                kwargs = block.get("tool_kwargs", {})
                if isinstance(kwargs, str):
                    events += self._grown_to(call, kwargs)
                elif not call.text:
                    events.append(self._grown(call, _dumped(kwargs)))

    def _layout(self, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The blocks, with each text that was streamed replaced by the name of its stream."""
        free = {kind: [slot for slot in self._slots if slot.kind == kind] for kind in _KEYS}
        return [self._named(block, free) for block in blocks]

    def _named(self, block: dict[str, Any], free: dict[str, list[Slot]]) -> dict[str, Any]:
        kind = _KINDS.get(block.get("block_type", ""))
        if kind is None:
            return block
        key = _KEYS[kind]
        value = block.get(key)
        if kind == "tool-call":
            found = _named_call(value, block.get("tool_call_id"), free[kind])
        else:
            found = _named_text(value, free[kind])
        return block if found is None else block | {key: found}

    def _with_calls(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """``additional_kwargs`` in which OpenAI's own form of the calls names the streams of their arguments."""
        calls = kwargs.get("tool_calls")
        if not isinstance(calls, list) or not self._calls:
            return kwargs
        return kwargs | {"tool_calls": [_named_openai_call(call, self._calls) for call in calls]}

    def _lifted(self, data: Any, events: list[Event]) -> Any:
        """``data``, or when it is long the name of a stream that carries it."""
        text = _dumped(data)
        if len(text) <= LONG:
            return data
        id_ = self._next_id()
        for type_, more in (("start", {}), ("delta", {"delta": text}), ("end", {})):
            events.append({"type": f"value-{type_}", "key": self.key, "block": id_, **more})
        return {JSON: id_}


def _named_text(text: Any, free: list[Slot]) -> dict[str, Any] | None:
    """What names ``text`` as that of the next streams, which are then used up; None when they say something else."""
    if not text or not isinstance(text, str):
        return None
    joined = ""
    for count, slot in enumerate(free, 1):
        joined += slot.text
        if joined == text or joined.strip() == text:
            ids = [each.id for each in free[:count]]
            del free[:count]
            return text_of(ids, is_stripped=joined != text)
    return None


def _named_call(kwargs: Any, id_: str | None, free: list[Slot]) -> dict[str, Any] | None:
    slot = next((each for each in free if each.extra.get("tool_call_id") == id_), None)
    if slot is None:
        return None
    free.remove(slot)
    if kwargs == slot.text:
        return text_of([slot.id])
    try:
        is_same = isinstance(kwargs, dict) and json.loads(slot.text) == kwargs
    except (ValueError, RecursionError):
        return None
    return {JSON: slot.id} if is_same else None


def _named_openai_call(call: Any, slots: list[Slot]) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    text = function.get("arguments") if isinstance(function, dict) else None
    slot = next((each for each in slots if text and each.text == text), None)
    return (
        call if slot is None or function is None else call | {"function": function | {"arguments": text_of([slot.id])}}
    )


def _call_fields(id_: str | None, name: str) -> dict[str, Any]:
    return ({"tool_call_id": id_} if id_ else {}) | {"tool_name": name}


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
