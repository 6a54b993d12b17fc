"""Events of our own kinds, into a projection (see :mod:`.kinds`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.codec.contract import Event

from . import kinds
from .chunks import assemble
from .fold import Fold
from .json_values import copy_json
from .projection import ResponsesProjection
from .state import EventState, GrowingText, ItemState, MessageState

MAX_EVENTS: Final = 1_000
"""Events without a place in an item that a message keeps, the latest."""


def _item(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    """An item of any type; one of the same name is stated anew."""
    item, name = event.get("item"), event.get("item_id")
    if not isinstance(item, Mapping) or not isinstance(name, str) or not name:
        return
    own = copy_json(item)
    message = projection.ensure(message_id)
    held = message.by_id.get(name)
    if held is None:
        message.add(own, name)
    else:
        fresh = message.by_id[name] = ItemState(own)
        message.items[message.items.index(held)] = fresh


def _patch(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    message, patch = projection.states.get(message_id), event.get("patch")
    item = None if message is None else message.find(event.get("item_id"))
    if message is None or item is None or not isinstance(patch, Mapping):
        return
    item.patch(patch)
    if patch.get("done") is True:
        message.settle(event["item_id"])


def _text_start(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    name, pointer = event.get("item_id"), event.get("path")
    if name == "":
        message = projection.ensure(message_id)
        if message.audio is None:
            message.audio = ItemState({})
    item = _find(projection, message_id, name)
    if item is not None and isinstance(pointer, str):
        item.open_text(pointer)


def _find(projection: ResponsesProjection, message_id: str, name: Any) -> ItemState | None:
    message = projection.states.get(message_id)
    return None if message is None else message.find(name)


def _text(projection: ResponsesProjection, message_id: str, event: Event) -> GrowingText | None:
    item = _find(projection, message_id, event.get("item_id"))
    return None if item is None else item.texts.get(("", event.get("path")))


def _text_delta(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    _extend(_text(projection, message_id, event), event)


def _text_end(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    _restate(_text(projection, message_id, event), event)


def _extend(text: GrowingText | None, event: Event) -> None:
    fragment = event.get("delta")
    if text is not None and isinstance(fragment, str):
        text.append(fragment)


def _restate(text: GrowingText | None, event: Event) -> None:
    whole = event.get("text")
    if text is not None and isinstance(whole, str):
        text.replace(whole)


def _progress(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    """The phase of an item: its status, if it has one."""
    message, name, phase = projection.states.get(message_id), event.get("item_id"), event.get("phase")
    item = None if message is None else message.find(name)
    if message is None or item is None or not isinstance(name, str) or not isinstance(phase, str):
        return
    if "status" in item.item:
        item.item["status"] = phase
    else:
        message.progress[name] = phase


def _response(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    """More of what is known of the response; and the order of the items, where it is not that of their arrival."""
    told = event.get("response")
    if not isinstance(told, Mapping):
        return
    info = {key: value for key, value in copy_json(told).items() if key != "items"}
    message = projection.ensure(message_id)
    message.response |= info
    order = told.get("items")
    if isinstance(order, list):
        _reorder(message, order)


def _reorder(message: MessageState, order: list[Any]) -> None:
    names = dict.fromkeys(name for name in order if isinstance(name, str) and name in message.by_id)
    wanted = [message.by_id[name] for name in names]
    places = [index for index, item in enumerate(message.items) if any(item is each for each in wanted)]
    for index, item in zip(places, wanted, strict=False):
        message.items[index] = item


def _event(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    told, key = event.get("event"), event.get("key")
    if isinstance(told, Mapping):
        own = copy_json(told)
        message = projection.ensure(message_id)
        is_keyed = isinstance(key, str)
        _keep(message, key if is_keyed else _number(message), EventState(own, event.get("item_id"), is_keyed=is_keyed))


def _delta_start(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    key, fields = event.get("key"), event.get("fields")
    if isinstance(key, str) and isinstance(fields, Mapping):
        own = {**copy_json(fields), "delta": ""}
        message = projection.ensure(message_id)
        # Texts of their own name stay apart from the keys of events, which anybody may choose.
        _keep(message, ("delta", key), EventState(own, event.get("item_id")))


def _grown(projection: ResponsesProjection, message_id: str, event: Event) -> GrowingText | None:
    message, key = projection.states.get(message_id), event.get("key")
    held = message.events.get(("delta", key)) if message is not None and isinstance(key, str) else None
    return None if held is None else held.grow()


def _delta(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    _extend(_grown(projection, message_id, event), event)


def _delta_end(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    _restate(_grown(projection, message_id, event), event)


def _keep(message: MessageState, key: Any, event: EventState) -> None:
    if key not in message.events and len(message.events) >= MAX_EVENTS:
        del message.events[next(iter(message.events))]
    message.events[key] = event


def _number(message: MessageState) -> int:
    return max((key for key in message.events if isinstance(key, int)), default=-1) + 1


def _chunk(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    whole = assemble(projection.ensure(message_id), event)
    fold = None if whole is None else WHOLE_FOLDS.get(str(whole.get("type")))
    if whole is not None and fold is not None:
        fold(projection, message_id, whole)


WHOLE_FOLDS: Final[Mapping[str, Fold]] = {
    kinds.ITEM: _item,
    kinds.PATCH: _patch,
    kinds.RESPONSE: _response,
    kinds.EVENT: _event,
}
"""What may come in pieces."""

OWN_FOLDS: Final[Mapping[str, Fold]] = {
    **WHOLE_FOLDS,
    kinds.TEXT_DELTA: _text_delta,
    kinds.TEXT_START: _text_start,
    kinds.TEXT_END: _text_end,
    kinds.DELTA_DELTA: _delta,
    kinds.DELTA_START: _delta_start,
    kinds.DELTA_END: _delta_end,
    kinds.PROGRESS: _progress,
    kinds.CHUNK: _chunk,
}
