"""One message while it grows: its items, the texts in them that are being written, and what it says beside them.

The reducer keeps one for each message of a projection; the translator keeps one of what readers hold so far, so that
both mean the same by the same events.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.text import TextBuffer

from .json_values import MAX_POINTER, child, copy_json, drop, path_of, put
from .kinds import MESSAGE, REASONING
from .messages import Item, ResponsesMessage

TextKey: TypeAlias = tuple[str, Any]
"""What names a text within an item: the type of its part and the slot, or ``("", pointer)``."""

SUMMARY_TEXT: Final = "summary_text"

FIELD_OF: Final[Mapping[str, str]] = {
    "output_text": "content",
    "refusal": "content",
    "reasoning_text": "content",
    SUMMARY_TEXT: "summary",
}
"""Where an item keeps the parts of each type."""

_ARGUMENTS: Final[TextKey] = ("", "/arguments")

_POSITIONAL: Final[Mapping[str, tuple[str, ...]]] = {MESSAGE: ("content",), REASONING: ("content", "summary")}


class GrowingText:
    """A text in an item, at ``key`` of ``container``; written there when it is read."""

    __slots__ = ("_is_dirty", "buffer", "container", "key")

    def __init__(self, container: dict[str, Any] | list[Any], key: str) -> None:
        self.container = container
        self.key = key
        self._is_dirty = False
        held = child(container, key)
        self.buffer = TextBuffer(held if isinstance(held, str) else "")

    def append(self, fragment: str) -> None:
        """More of the text."""
        self._is_dirty = True
        self.buffer.append(fragment)

    def replace(self, text: str) -> None:
        """All of the text."""
        self._is_dirty = True
        self.buffer.replace(text)

    def flush(self) -> None:
        """Write the text to its place."""
        if self._is_dirty:
            self._is_dirty = False
            put(self.container, self.key, str(self.buffer))

    def reread(self) -> None:
        """Take over what was written to its place."""
        held = child(self.container, self.key)
        self.buffer.replace(held if isinstance(held, str) else "")
        self._is_dirty = False


class ItemState:
    """One item. ``item`` is its own from now on.

    The parts of messages and reasoning with an id are kept by slot, since a slot may come before the ones below it, and
    its number is not ours (codec spec e.4): what is above a gap is held back until the gap is filled.
    """

    __slots__ = ("_positional", "item", "parts", "texts")

    def __init__(self, item: Item, *, is_output: bool = True) -> None:
        self.item = item
        self.parts: dict[str, dict[int, Any]] = {}
        self.texts: dict[TextKey, GrowingText] = {}
        type_ = item.get("type")
        has_slots = is_output and "id" in item
        self._positional = _POSITIONAL.get(type_, ()) if has_slots and isinstance(type_, str) else ()
        for field in self._positional:
            held = item.get(field)
            if isinstance(held, list):
                self.parts[field] = dict(enumerate(held))

    @property
    def type(self) -> Any:
        """The item's type."""
        return self.item.get("type")

    def set_part(self, field: str, index: int, part: dict[str, Any]) -> None:
        """Put a part into a slot, anew if the slot is taken (g.44)."""
        slots = self.parts.get(field)
        if slots is None:
            slots = self.parts[field] = {}
        slots[index] = part
        for key in [key for key in self.texts if key[1] == index and FIELD_OF.get(key[0]) == field]:
            del self.texts[key]

    def part(self, field: str, index: int) -> Any:
        """What is in a slot, or None."""
        return self.parts.get(field, {}).get(index)

    def part_text(self, part_type: str, index: int, key: str) -> GrowingText | None:
        """The text of the part in a slot, if the slot has a part of that type."""
        text = self.texts.get((part_type, index))
        if text is None:
            part = self.part(FIELD_OF[part_type], index)
            if not isinstance(part, dict) or part.get("type") != part_type:
                return None
            text = self.texts[part_type, index] = GrowingText(part, key)
        return text

    def arguments(self) -> GrowingText:
        """The text of a call's arguments."""
        text = self.texts.get(_ARGUMENTS)
        if text is None:
            text = self.texts[_ARGUMENTS] = GrowingText(self.item, "arguments")
        return text

    def open_text(self, pointer: str) -> GrowingText | None:
        """A new, empty text at a pointer; what leads to it is made. None for a place that cannot be."""
        path = path_of(pointer)
        if path is None:
            return None
        container: Any = self.item
        for step, following in itertools.pairwise(path):
            found = child(container, step)
            if not isinstance(found, dict | list):
                found = [] if following.isdigit() else {}
                put(container, step, found)
            container = found
        put(container, path[-1], "")
        if child(container, path[-1]) != "":
            return None
        text = self.texts["", pointer] = GrowingText(container, path[-1])
        return text

    def extend_content(self, parts: list[Any]) -> None:
        """Add parts at the end of the content."""
        slots = self.parts.get("content")
        if slots is None:
            self.item["content"].extend(parts)
        else:
            first = max(slots, default=-1) + 1
            slots.update(enumerate(parts, first))

    def patch(self, patch: Mapping[str, Any]) -> None:
        """Apply what a patch sets and removes, each a JSON pointer; pointers to nowhere are ignored."""
        for text in self.texts.values():
            text.flush()
        removed, settings = patch.get("remove"), patch.get("set")
        for pointer in removed if isinstance(removed, list) else ():
            path = path_of(pointer)
            if path is not None:
                drop(self._container(path), path[-1])
                if len(path) == 1:
                    self.parts.pop(path[0], None)
        for pointer, value in settings.items() if isinstance(settings, dict) else ():
            path = path_of(pointer)
            if path is not None:
                self._set(path, copy_json(value))
        self._reread()

    def _set(self, path: tuple[str, ...], value: Any) -> None:
        if len(path) == 1 and path[0] in self._positional and isinstance(value, list):
            self.parts[path[0]] = dict(enumerate(value))
        elif len(path) == 2 and path[0] in self.parts:
            if path[1].isascii() and path[1].isdigit() and len(path[1]) < 10:
                self.parts[path[0]][int(path[1])] = value
        else:
            if len(path) == 1:
                self.parts.pop(path[0], None)
            put(self._container(path), path[-1], value)

    def _container(self, path: tuple[str, ...]) -> Any:
        container: Any = self.item
        for depth, step in enumerate(path[:-1]):
            if depth == 1 and path[0] in self.parts:
                container = self.parts[path[0]].get(int(step)) if step.isascii() and step.isdigit() else None
            elif not (depth == 0 and step in self.parts):
                container = child(container, step)
        return container

    def _reread(self) -> None:
        """The texts go on from what is in their places now; one whose place is gone is forgotten."""
        for key, text in list(self.texts.items()):
            part_type, index = key
            path = path_of(index) if part_type == "" else None
            place = self._container(path) if path else self.part(FIELD_OF.get(part_type, ""), index)
            if place is text.container:
                text.reread()
            else:
                del self.texts[key]

    def current(self) -> Item:
        """The item as it is now: for looking at, not for keeping."""
        for text in self.texts.values():
            text.flush()
        if not self.parts:
            return self.item
        return self.item | {field: _dense(slots) for field, slots in self.parts.items()}

    def build(self) -> Item:
        """The item as it is now, as its reader's own."""
        # What came from elsewhere was bounded when it came, and pointers are bounded too.
        return cast("Item", copy_json(self.current(), _DEEPEST))


_DEEPEST: Final = 256 + MAX_POINTER


def _dense(slots: Mapping[int, Any]) -> list[Any]:
    """The parts up to the first slot that is not there."""
    dense: list[Any] = []
    while len(dense) in slots:
        dense.append(slots[len(dense)])
    return dense


class MessageState:
    """One message of a projection."""

    __slots__ = ("audio", "by_id", "chunks", "events", "id", "items", "progress", "response", "role", "tool_states")

    def __init__(self, id_: str, role: str = "assistant") -> None:
        self.id = id_
        self.role = role
        self.items: list[ItemState] = []
        self.by_id: dict[str, ItemState] = {}
        """Items that have an id, or a name that stands for one."""
        self.tool_states: dict[str, dict[str, Any]] = {}
        self.response: dict[str, Any] = {}
        self.progress: dict[str, str] = {}
        self.events: dict[Any, EventState] = {}
        """Events that have no place in an item, by key; one without a key has its number."""
        self.audio: ItemState | None = None
        self.chunks: dict[str, dict[int, str]] = {}

    def add(self, item: Item, name: str | None = None) -> ItemState:
        """One more item, found by its id, or by ``name``."""
        state = ItemState(item)
        self.items.append(state)
        id_ = name if name is not None else item.get("id")
        if isinstance(id_, str):
            self.by_id[id_] = state
        return state

    def find(self, item_id: Any) -> ItemState | None:
        """The item of an id; the message's audio for the empty one."""
        if not isinstance(item_id, str):
            return None
        if item_id:
            return self.by_id.get(item_id)
        return self.audio

    def merge_tool_state(self, call_id: str, state: Mapping[str, Any]) -> None:
        """Add to what is known of a call; what it does not say stays (g.49)."""
        self.tool_states[call_id] = {**self.tool_states.get(call_id, {}), **state}

    def put_output(self, output: Item) -> None:
        """The output of a call, in place of the first one for the same call (codec spec e.4)."""
        state = ItemState(output, is_output=False)
        for index, held in enumerate(self.items):
            if held.type == "function_call_output" and held.item.get("call_id") == output["call_id"]:
                self.items[index] = state
                return
        self.items.append(state)

    def settle(self, item_id: str) -> None:
        """The item is done: its phases and previews say nothing any more."""
        self.progress.pop(item_id, None)
        for key in [key for key, event in self.events.items() if event.item_id == item_id and event.is_keyed]:
            del self.events[key]

    def build(self) -> ResponsesMessage:
        """The message as it is now, as its reader's own."""
        message: dict[str, Any] = {"role": self.role, "items": [item.build() for item in self.items]}
        if self.tool_states:
            message["toolCallStates"] = {id_: dict(state) for id_, state in self.tool_states.items()}
        if self.response:
            message["response"] = copy_json(self.response)
        if self.progress:
            message["progress"] = dict(self.progress)
        if self.events:
            message["events"] = [event.build() for event in self.events.values()]
        if self.audio is not None:
            message["audio"] = self.audio.build()
        return cast("ResponsesMessage", message)


class EventState:
    """An event that has no place in an item; with ``text``, its ``delta`` is growing."""

    __slots__ = ("event", "is_keyed", "item_id", "text")

    def __init__(self, event: dict[str, Any], item_id: Any = ABSENT, *, is_keyed: bool = False) -> None:
        self.event = event
        self.item_id = item_id
        self.is_keyed = is_keyed
        self.text: GrowingText | None = None

    def grow(self) -> GrowingText:
        """The event's text."""
        if self.text is None:
            self.text = GrowingText(self.event, "delta")
        return self.text

    def build(self) -> dict[str, Any]:
        """The event as it is now, as its reader's own."""
        if self.text is not None:
            self.text.flush()
        return cast("dict[str, Any]", copy_json(self.event, _DEEPEST))
