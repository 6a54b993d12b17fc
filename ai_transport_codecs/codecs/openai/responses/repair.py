"""What a reader needs who joins in the middle: the item that a part's stream belongs to (codec spec e.2).

Made up for every stream of a part, also for readers that have the item: the reducer takes an item once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ai_transport_codecs.codec.decoder_core import StreamTracker
from ai_transport_codecs.codec.fields import json, text, values_of
from ai_transport_codecs.codec.lifecycle import LifecyclePolicy

from .kinds import ITEM_ADDED, MESSAGE, REASONING

_FIELDS: Final = (text("item_id"), json("output_index"), json("part"))
_MESSAGE_PARTS: Final = frozenset({"output_text", "refusal"})
_REASONING_PARTS: Final = frozenset({"reasoning_text", "summary_text"})


def create_policy() -> LifecyclePolicy:
    """The policy of one decoder; it has no state."""
    return LifecyclePolicy(on_stream_start=_item_of_part)


def _item_of_part(_: str, stream: StreamTracker) -> Iterable[Any]:
    values = values_of(_FIELDS, stream.codec_headers)
    part = values.get("part")
    if "item_id" not in values or not isinstance(part, dict):
        return ()
    item = _item(values["item_id"], part.get("type"))
    if item is None:
        return ()
    index = values.get("output_index")
    return ({"type": ITEM_ADDED, "item": item, "output_index": 0 if index is None else index},)


def _item(id_: str, part_type: Any) -> dict[str, Any] | None:
    if not isinstance(part_type, str):
        return None
    if part_type in _MESSAGE_PARTS:
        return {"id": id_, "type": MESSAGE, "role": "assistant", "status": "in_progress", "content": []}
    return {"id": id_, "type": REASONING, "summary": []} if part_type in _REASONING_PARTS else None
