"""How the reference's kinds carry items: which ones, and what of a finished item (codec spec e.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ai_transport_codecs.codec.contract import Event
from ai_transport_codecs.codec.descriptors import Data
from ai_transport_codecs.errors import InvalidArgumentError, UnsupportedEventError
from ai_transport_codecs.wire.absent import ABSENT

from .kinds import FUNCTION_CALL, MESSAGE, REASONING, REFERENCE_ITEMS


def item_type(event: Event) -> Any:
    """The type of the item in an event; None when there is none."""
    item = event.get("item")
    return item.get("type") if isinstance(item, Mapping) else None


def part_type(event: Event) -> Any:
    """The type of the content part in an event; None when there is none."""
    part = event.get("part")
    return part.get("type") if isinstance(part, Mapping) else None


def reduced(item: Mapping[str, Any]) -> dict[str, Any]:
    """What of a finished item is not on the channel yet: its status, logprobs and encrypted reasoning (g.46)."""
    short = {key: item[key] for key in ("type", "id", "status") if key in item}
    if item["type"] == MESSAGE:
        content = item.get("content")
        parts = [_logprobs(part) for part in content] if isinstance(content, list | tuple) else []
        if any("logprobs" in part for part in parts):
            short["content"] = parts
    elif item["type"] == REASONING and isinstance(item.get("encrypted_content"), str):
        short["encrypted_content"] = item["encrypted_content"]
    return short


def _logprobs(part: Any) -> dict[str, Any]:
    """One entry per part, so that the index tells which part it is about."""
    if not isinstance(part, Mapping):
        return {}
    logprobs = part.get("logprobs")
    if part.get("type") == "output_text" and isinstance(logprobs, list | tuple) and logprobs:
        return {"type": "output_text", "logprobs": list(logprobs)}
    return {"type": part["type"]} if "type" in part else {}


def _added(event: Event) -> dict[str, Any]:
    _check(event, REFERENCE_ITEMS)
    return {"item": event["item"]}


def _done(event: Event) -> dict[str, Any]:
    _check(event, REFERENCE_ITEMS)
    return {"item": reduced(event["item"])}


def _check(event: Event, allowed: Collection[str]) -> None:
    found = item_type(event)
    if found not in allowed:
        raise UnsupportedEventError(
            f"unable to encode output; codec 'openai-responses' has no row for {event.get('type')!r} with an item of"
            f" type {found!r}: pass the API's events through the codec's translator (run.pipe does), which carries"
            " items of every type"
        )


def _item(data: Any) -> dict[str, Any]:
    """The item as it came, unchecked: the reducer looks at it. No data at all is no event."""
    if data is None or data is ABSENT:
        raise ValueError("the message has no data, so no item")
    return {"item": data["item"]} if isinstance(data, Mapping) and "item" in data else {}


def _output(event: Event) -> dict[str, Any]:
    return {"item": event["item"]} if "item" in event else {}


ADDED: Data = Data(_added, _item)
DONE: Data = Data(_done, _item)
OUTPUT: Data = Data(_output, _item)


def call_stream_id(event: Event) -> str:
    """The id of a function call's stream: its item's id. Raises InvalidArgumentError for a call without one (g.52)."""
    item = event.get("item")
    id_ = item.get("id") if isinstance(item, Mapping) else event.get("item_id")
    if not isinstance(id_, str):
        raise InvalidArgumentError(
            f"unable to encode output; a {event.get('type')!r} event for a {FUNCTION_CALL} needs the item's id, which"
            " names its stream of arguments: pass the API's events through the codec's translator (run.pipe does)"
        )
    return id_
