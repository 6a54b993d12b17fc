"""The reference's output events, into a projection (codec spec e.4).

An event that does not fit what came before it is ignored. All are about the message that the wire names, and an item is
looked up in that message only (g.42).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec.contract import Event

from .json_values import copy_json, slot_index
from .kinds import (
    APPROVAL_REQUEST,
    FUNCTION_CALL,
    ITEM_ADDED,
    ITEM_DONE,
    MESSAGE,
    OUTPUT,
    PART_ADDED,
    REASONING,
    REFERENCE_ITEMS,
    SUMMARY_PART_ADDED,
)
from .projection import ResponsesProjection
from .state import FIELD_OF, SUMMARY_TEXT, GrowingText, ItemState

Fold: TypeAlias = Callable[[ResponsesProjection, str, Event], None]

_OWNER: Final[Mapping[str, str]] = {"output_text": MESSAGE, "refusal": MESSAGE, "reasoning_text": REASONING}


def _item(projection: ResponsesProjection, message_id: str, item_id: Any, type_: str) -> ItemState | None:
    """The item that an event names, if it is of the right type."""
    message = projection.states.get(message_id)
    if message is None or not isinstance(item_id, str):
        return None
    item = message.by_id.get(item_id)
    return item if item is not None and item.type == type_ else None


def _item_added(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    """A new item; a second one of its id is the one that a reader's decoder made up, or saw before (g.43)."""
    item = event.get("item")
    if not isinstance(item, Mapping):
        return
    type_, id_ = item.get("type"), item.get("id")
    if not isinstance(type_, str) or type_ not in REFERENCE_ITEMS:
        return
    own = copy_json(item)
    message = projection.ensure(message_id)
    if not isinstance(id_, str) or id_ not in message.by_id:
        message.add(own)


def _item_done(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    done = event.get("item")
    if not isinstance(done, Mapping):
        return
    type_, id_ = done.get("type"), done.get("id")
    if not isinstance(type_, str) or type_ not in REFERENCE_ITEMS or not isinstance(id_, str):
        return
    state = _item(projection, message_id, id_, type_)
    if state is None:
        return
    if "status" in done:
        state.item["status"] = copy_json(done["status"])
    else:
        state.item.pop("status", None)
    if type_ == MESSAGE:
        _take_logprobs(state, done.get("content"))
    elif type_ == REASONING and isinstance(done.get("encrypted_content"), str):
        state.item["encrypted_content"] = done["encrypted_content"]
    projection.states[message_id].settle(id_)


def _take_logprobs(state: ItemState, content: Any) -> None:
    for index, entry in enumerate(content if isinstance(content, list) else ()):
        if isinstance(entry, dict) and entry.get("type") == "output_text" and entry.get("logprobs") is not None:
            part = state.part("content", index)
            if isinstance(part, dict) and part.get("type") == "output_text":
                part["logprobs"] = copy_json(entry["logprobs"])


def _part_added(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    part, index = event.get("part"), slot_index(event.get("content_index"))
    type_ = part.get("type") if isinstance(part, Mapping) else None
    owner = _OWNER.get(type_) if isinstance(type_, str) else None
    if owner is None or index is None:
        return
    item = _item(projection, message_id, event.get("item_id"), owner)
    if item is not None:
        item.set_part("content", index, copy_json(part))


def _summary_part_added(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    part, index = event.get("part"), slot_index(event.get("summary_index"))
    item = _item(projection, message_id, event.get("item_id"), REASONING)
    if item is not None and index is not None and isinstance(part, Mapping):
        text = {"text": copy_json(part["text"])} if "text" in part else {}
        item.set_part("summary", index, {"type": SUMMARY_TEXT, **text})


def _part_texts(part_type: str, events: str, index_key: str, key: str) -> dict[str, Fold]:
    """The folds of a part's delta, which extends its text at ``key``, and of its end, which states it (g.47)."""
    owner = REASONING if FIELD_OF[part_type] == "summary" else _OWNER[part_type]

    def find(projection: ResponsesProjection, message_id: str, event: Event) -> GrowingText | None:
        item = _item(projection, message_id, event.get("item_id"), owner)
        index = event.get(index_key)
        if item is None:
            return None
        if type(index) is not int:
            index = slot_index(index)
        return None if index is None else item.part_text(part_type, index, key)

    def delta(projection: ResponsesProjection, message_id: str, event: Event) -> None:
        index, fragment, item_id = event.get(index_key), event.get("delta"), event.get("item_id")
        message = projection.states.get(message_id)
        item = message.by_id.get(item_id) if message is not None and type(item_id) is str else None
        # Once per token: a text that grows already is found without asking what it is.
        text = item.texts.get((part_type, index)) if item is not None and type(index) is int else None
        if text is None:
            text = find(projection, message_id, event)
        if text is not None and isinstance(fragment, str):
            text.append(fragment)

    def done(projection: ResponsesProjection, message_id: str, event: Event) -> None:
        text, whole = find(projection, message_id, event), event.get(key)
        if text is not None and isinstance(whole, str):
            text.replace(whole)

    return {f"response.{events}.delta": delta, f"response.{events}.done": done}


def _arguments_delta(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    item, fragment = _item(projection, message_id, event.get("item_id"), FUNCTION_CALL), event.get("delta")
    if item is not None and isinstance(fragment, str):
        item.arguments().append(fragment)


def _arguments_done(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    item, whole = _item(projection, message_id, event.get("item_id"), FUNCTION_CALL), event.get("arguments")
    if item is not None and isinstance(whole, str):
        item.arguments().replace(whole)


def _output(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    """What the agent's own tool returned; one more each time (g.48)."""
    item = event.get("item")
    if isinstance(item, Mapping):
        own = copy_json(item)
        projection.ensure(message_id).items.append(ItemState(own, is_output=False))


def _approval_request(projection: ResponsesProjection, message_id: str, event: Event) -> None:
    call_id = event.get("call_id")
    if isinstance(call_id, str):
        state = {"approval": "pending", **{key: event[key] for key in ("name", "arguments") if key in event}}
        projection.ensure(message_id).merge_tool_state(call_id, copy_json(state))


FOLDS: Final[Mapping[str, Fold]] = {
    **_part_texts("output_text", "output_text", "content_index", "text"),
    **_part_texts("refusal", "refusal", "content_index", "refusal"),
    **_part_texts("reasoning_text", "reasoning_text", "content_index", "text"),
    **_part_texts(SUMMARY_TEXT, "reasoning_summary_text", "summary_index", "text"),
    "response.function_call_arguments.delta": _arguments_delta,
    "response.function_call_arguments.done": _arguments_done,
    ITEM_ADDED: _item_added,
    ITEM_DONE: _item_done,
    PART_ADDED: _part_added,
    SUMMARY_PART_ADDED: _summary_part_added,
    OUTPUT: _output,
    APPROVAL_REQUEST: _approval_request,
}
