"""One response on its way to the channel: what readers hold of it so far, and what they still have to be told.

Readers get the API's own events where the reference has a kind for them. Whatever those leave out, and whatever a
provider leaves out (an item that was never added, a text that only its end states), is found by comparing what readers
hold with what the API says in the end, and sent in our own kinds. So a reader ends with the items of the response.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ai_transport_codecs.wire.absent import ABSENT

from . import kinds
from .chunks import fitting, size_of
from .items import reduced
from .json_values import changes, copy_json, pointer_to
from .lanes import ARGUMENTS, Lane, LaneKey, PartLane, PathLane, lane_of
from .messages import Item
from .projection import ResponsesProjection
from .reducer import ALL_FOLDS
from .state import GrowingText, ItemState, MessageState

Events: TypeAlias = Iterator[dict[str, Any]]

_ONLY: Final = ""
"""The id of the one message in a draft's projection."""

_SKELETON: Final = frozenset({"id", "type", "role", "status", "call_id", "name"})


class OpenText(NamedTuple):
    """A text whose stream is open."""

    lane: Lane
    output_index: int
    text: GrowingText


class Draft:
    """The message that one response becomes."""

    __slots__ = ("_held", "_indexes", "_names", "_unknown", "done", "is_over", "key", "message", "open")

    def __init__(self, key: str) -> None:
        self.key = key
        self._held = ResponsesProjection()
        self.message: MessageState = self._held.ensure(_ONLY)
        """What readers hold."""
        self._names: dict[int, str] = {}
        self._indexes: dict[str, int] = {}
        self.open: dict[LaneKey, OpenText] = {}
        self._unknown: dict[str, dict[str, Any]] = {}
        self.done: set[str] = set()
        self.is_over = False

    def tell(self, event: dict[str, Any]) -> Events:
        """Send an event; readers hold more after it. What is too large for a message goes in pieces."""
        ALL_FOLDS[event["type"]](self._held, _ONLY, event)
        if event["type"] in _MAY_BE_LARGE:
            yield from fitting(event)
        else:
            yield event

    # ------------------------------------------------------------------------------------------------- names

    def name_of(self, event: Mapping[str, Any]) -> str:
        """The name of the item that an event is about: its id, or what its place in the output is called."""
        name = event.get("item_id")
        if isinstance(name, str) and name:
            return name
        index = _index(event, "output_index")
        return self._names.get(index, f"item_{index}")

    def _name(self, item: Mapping[str, Any], index: int) -> str:
        id_ = item.get("id")
        name = id_ if isinstance(id_, str) and id_ else f"item_{index}"
        self._names[index] = name
        self._indexes[name] = index
        return name

    # ------------------------------------------------------------------------------------------------- texts

    def begin(self, lane: Lane, name: str, index: int, part: Mapping[str, Any] | None = None) -> Events:
        """Open the stream of a text, with the text that readers hold already as its first piece."""
        key = (name, lane.name, index)
        if key in self.open:
            yield from self.end(key)
        item = self.message.find(name)
        if item is None and name:
            yield from self._make_up(lane, name)
            item = self.message.find(name)
        if lane is ARGUMENTS:
            return  # the call's own event opens its text, once; what comes after its end is put right in the end
        held = self._held_text(lane, item, index, part)
        yield from self.tell(self._start(lane, name, index, part))
        text = self._text(lane, name, index)
        if text is not None:
            found = self.open[key] = OpenText(lane, self._indexes.get(name, 0), text)
            if held:
                yield from self.tell(lane.delta(name, index, found.output_index, held))

    def _start(self, lane: Lane, name: str, index: int, part: Mapping[str, Any] | None) -> dict[str, Any]:
        output_index = self._indexes.get(name, 0)
        if isinstance(lane, PartLane):
            item = self.message.find(name)
            held = item.part(lane.field, index) if item is not None else None
            known = part if part is not None else held
            if isinstance(known, Mapping) and known.get("type") == lane.name:
                start = lane.start_with(name, index, output_index, copy_json(known))
                if size_of(start["part"]) <= kinds.MAX_HEADER:
                    return start
        return lane.start(name, index, output_index)

    @staticmethod
    def _held_text(lane: Lane, item: ItemState | None, index: int, part: Mapping[str, Any] | None) -> str:
        found = None
        if part is not None:
            found = part.get(lane.whole_key)
        elif item is not None:
            found = lane.in_item(item.current(), index)
        return found if isinstance(found, str) else ""

    def _text(self, lane: Lane, name: str, index: int) -> GrowingText | None:
        item = self.message.find(name)
        return None if item is None else lane.text(item, index)

    def extend(self, lane: Lane, name: str, index: int, fragment: str) -> Events:
        """Send more of a text, whose stream is opened if need be."""
        if (name, lane.name, index) not in self.open:
            yield from self.begin(lane, name, index)
        found = self.open.get((name, lane.name, index))
        if found is not None and fragment:
            yield from self.tell(lane.delta(name, index, found.output_index, fragment))

    def end(self, key: LaneKey, whole: Any = None) -> Events:
        """Close the stream of a text; what of ``whole`` was not streamed goes first. Other text is put right later."""
        found = self.open.pop(key, None)
        if found is None:
            return
        name, _, index = key
        held = str(found.text.buffer)
        if isinstance(whole, str) and len(whole) > len(held) and whole.startswith(held):
            yield from self.tell(found.lane.delta(name, index, found.output_index, whole[len(held) :]))
            held = whole
        yield from self.tell(found.lane.end(name, index, found.output_index, held))

    def state(self, lane: Lane, name: str, index: int, whole: Any) -> Events:
        """Close the stream of a text that is known in the end; one that was never opened is sent whole."""
        key = (name, lane.name, index)
        if key not in self.open:
            item = self.message.find(name)
            if item is not None and (name in self.done or lane.in_item(item.current(), index) == whole):
                return
            yield from self.begin(lane, name, index)
        yield from self.end(key, whole)

    def end_texts(self, name: str | None, item: Mapping[str, Any] | None = None) -> Events:
        """Close the streams of one item, or all; ``item`` is what the API says of it in the end."""
        for key, found in list(self.open.items()):
            if name is None or key[0] == name:
                yield from self.end(key, None if item is None else found.lane.in_item(item, key[2]))

    def extend_unknown(self, own: dict[str, Any], fields: Mapping[str, Any], fragment: str) -> Events:
        """Send more of the text of an event that we do not know; ``own`` names it."""
        key = own["key"]
        if key not in self._unknown:
            self._unknown[key] = own
            yield from self.tell({"type": kinds.DELTA_START, **own, "fields": fields})
        yield from self.tell({"type": kinds.DELTA_DELTA, **own, "delta": fragment})

    def _end_unknown(self) -> Events:
        for key, own in self._unknown.items():
            text = str(self.message.events["delta", key].grow().buffer) if ("delta", key) in self.message.events else ""
            yield from self.tell({"type": kinds.DELTA_END, **own, "text": text})
        self._unknown.clear()

    # ------------------------------------------------------------------------------------------------- items

    def _make_up(self, lane: Lane, name: str) -> Events:
        """The item of a text whose item was never added."""
        index = next((index for index, held in self._names.items() if held == name), len(self._names))
        if isinstance(lane, PartLane):
            item: Item = {"id": name, "type": lane.owner, "status": "in_progress"}
            item |= {"role": "assistant", "content": []} if lane.owner == kinds.MESSAGE else {"summary": []}
        elif isinstance(lane, PathLane):
            item = {"id": name, "type": lane.owner, "status": "in_progress"}
        else:
            item = lane.start(name, 0, index)["item"]
        yield from self.add(item, index)

    def add(self, item: Item, index: int) -> Events:
        """Send a new item; of one that readers hold already, what is new."""
        name = self._name(item, index)
        type_ = item.get("type")
        if self.message.find(name) is not None:
            yield from self._put_right(name, item)
        elif type_ == kinds.FUNCTION_CALL:
            yield from self._add_call(item, name, index)
        elif type_ in kinds.REFERENCE_ITEMS:
            yield from self._add_reference_item(item, name, index)
        else:
            yield from self.tell({"type": kinds.ITEM, "item_id": name, "item": copy_json(item)})

    def _add_call(self, item: Item, name: str, index: int) -> Events:
        header = _call_header(item, name)
        yield from self.tell({"type": kinds.ITEM_ADDED, "output_index": index, "item": header})
        held = self.message.by_id[name]
        self.open[name, ARGUMENTS.name, 0] = OpenText(ARGUMENTS, index, held.arguments())
        arguments = item.get("arguments")
        if isinstance(arguments, str) and arguments:
            yield from self.tell(ARGUMENTS.delta(name, 0, index, arguments))

    def _add_reference_item(self, item: Item, name: str, index: int) -> Events:
        whole = {**copy_json(item), "id": name}
        if size_of(whole) > kinds.MAX_WHOLE:
            whole = {key: value for key, value in whole.items() if key in _SKELETON}
            whole |= {"content": []} if item["type"] == kinds.MESSAGE else {"summary": []}
        yield from self.tell({"type": kinds.ITEM_ADDED, "output_index": index, "item": whole})

    def finish(self, item: Item, index: int) -> Events:
        """Send what readers lack of a finished item, and that it is finished."""
        name = self._name(item, index)
        if self.message.find(name) is None:
            yield from self.add(item, index)
        yield from self.end_texts(name, item)
        if name in self.done:
            yield from self._put_right(name, item)
            return
        self.done.add(name)
        yield from self._state_parts(name, item)
        if item.get("type") in kinds.REFERENCE_ITEMS and self.message.by_id[name].type == item.get("type"):
            done = reduced({**item, "id": name})
            if size_of(done) > kinds.MAX_WHOLE:
                done = {key: done[key] for key in ("type", "id", "status") if key in done}
            yield from self.tell({"type": kinds.ITEM_DONE, "output_index": index, "item": done})
        yield from self._put_right(name, item)

    def _state_parts(self, name: str, item: Item) -> Events:
        """The text of parts that were never streamed goes in the reference's kinds, so that its readers see it."""
        held = self.message.by_id[name]
        for field in ("content", "summary") if item.get("type") in kinds.REFERENCE_ITEMS else ():
            parts = item.get(field)
            for index, part in enumerate(parts if isinstance(parts, list) else ()):
                lane = lane_of(part)
                if lane is not None and lane.owner == held.type and held.part(field, index) is None:
                    yield from self.begin(lane, name, index, part)
                    yield from self.end((name, lane.name, index))

    def _put_right(self, name: str, item: Item) -> Events:
        """Make what readers hold of an item equal to what the API says."""
        held = self.message.by_id[name]
        differing = list(changes(held.current(), item))
        patch: dict[str, Any] = {}
        settings = {pointer_to(*path): copy_json(value) for path, value in differing if value is not ABSENT}
        removed = [pointer_to(*path) for path, value in differing if value is ABSENT]
        if settings:
            patch["set"] = settings
        if removed:
            patch["remove"] = removed
        if name in self.done and self._is_unsettled(name):
            patch["done"] = True
        if patch:
            yield from self.patch(name, patch)

    def _is_unsettled(self, name: str) -> bool:
        return name in self.message.progress or any(
            event.is_keyed and event.item_id == name for event in self.message.events.values()
        )

    def patch(self, name: str, patch: Mapping[str, Any]) -> Events:
        """Change an item that readers hold."""
        yield from self.tell({"type": kinds.PATCH, "item_id": name, "patch": patch})

    # ------------------------------------------------------------------------------------------------- response

    def inform(self, response: Mapping[str, Any], order: list[str] | None = None) -> Events:
        """Send what is new about the response, and the order of its items if readers have another."""
        held = self.message.response
        news = {key: value for key, value in response.items() if key not in held or held[key] != value}
        if order is not None and order != [name for name in self._order() if name in order]:
            news["items"] = order
        if news:
            yield from self.tell({"type": kinds.RESPONSE, "response": copy_json(news)})

    def _order(self) -> list[str]:
        names = {id(item): name for name, item in self.message.by_id.items()}
        return [names[id(item)] for item in self.message.items if id(item) in names]

    def complete(self, response: Mapping[str, Any], info: Mapping[str, Any]) -> Events:
        """The response is over, and this is what the API says of it."""
        self.is_over = True
        output = response.get("output")
        items = [item for item in output if isinstance(item, Mapping)] if isinstance(output, list) else []
        for index, item in enumerate(items):
            yield from self.finish(dict(item), index)
        yield from self.end_texts(None)
        yield from self._end_unknown()
        yield from self.inform(info, [self._names[index] for index in range(len(items))] if items else None)

    def break_off(self) -> Events:
        """The source ended and the response did not: mark what is unfinished, as the API marks it."""
        if self.is_over:
            return
        self.is_over = True
        for name, item in list(self.message.by_id.items()):
            if item.item.get("status") == "in_progress":
                yield from self.patch(name, {"set": {"/status": "incomplete"}})
        if self.message.response.get("status") in {"queued", "in_progress"}:
            yield from self.inform({"status": "incomplete"})


_MAY_BE_LARGE: Final = frozenset({kinds.ITEM, kinds.PATCH, kinds.RESPONSE, kinds.EVENT})


def _call_header(item: Mapping[str, Any], name: str) -> Item:
    """A call without its arguments, which are streamed. What is too large for a header comes in the end."""
    header: Item = {**copy_json(item), "id": name, "arguments": ""}
    if size_of(header) > kinds.MAX_HEADER:
        header = {key: value for key, value in header.items() if key in _SKELETON or key == "arguments"}
    return header


def _index(event: Mapping[str, Any], key: str) -> int:
    value = event.get(key)
    return value if type(value) is int and value >= 0 else 0
