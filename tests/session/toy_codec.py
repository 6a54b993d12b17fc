"""A small codec for session tests: a message is its text, parts joined by ``|``.

Outputs: streamed text, a ``note`` and a ``boom`` whose fold raises. Inputs: user messages of several parts, tool
results and regenerates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec.contract import CodecMessage, FoldMeta
from ai_transport_codecs.codec.define import TableCodec, define_codec
from ai_transport_codecs.codec.descriptors import (
    InputRow,
    OutputRow,
    StreamDelta,
    event,
    input_batch,
    input_event,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)
from ai_transport_codecs.codec.fields import text

Event: TypeAlias = Mapping[str, Any]
Parts: TypeAlias = dict[str, list[str]]
State: TypeAlias = dict[str, Parts]


class ToyReducer:
    """Message id to parts, in the order they were first folded."""

    def init(self) -> State:
        return {}

    def fold_input(self, projection: State, event: Event, meta: FoldMeta) -> State:
        parts = projection.setdefault(meta.message_id or "", {})
        if event["kind"] == "user-message":
            for each in event["message"]["parts"]:
                parts.setdefault(f"part-{len(parts)}", []).append(each["text"])
        else:
            parts.setdefault(f"result-{len(parts)}", []).append(f"={event['payload']['output']}")
        return projection

    def fold_output(self, projection: State, event: Event, meta: FoldMeta) -> State:
        parts = projection.setdefault(meta.message_id or "", {})
        if event["type"] == "boom":
            raise ValueError("boom")
        if event["type"] == "text-start":
            parts[event["id"]] = []
        elif event["type"] == "text-delta":
            parts[event["id"]].append(event["delta"])
        elif event["type"] == "text-end":
            parts[event["id"]].append(".")
        else:
            parts.setdefault(f"note-{len(parts)}", []).append(event["text"])
        return projection

    def get_messages(self, projection: State) -> list[CodecMessage[str]]:
        return [
            CodecMessage(id, "|".join("".join(text) for text in parts.values())) for id, parts in projection.items()
        ]


def _parts(event: Event) -> list[dict[str, Any]]:
    return list(event["message"]["parts"])


def _assemble(part: dict[str, Any], transport: Mapping[str, Any], codec: Mapping[str, Any]) -> dict[str, Any]:
    return {"message": {"parts": [part]}}


OUTPUTS: Final[tuple[OutputRow, ...]] = (
    stream(
        "text",
        text("id"),
        stream_id=lambda event: event["id"],
        start="text-start",
        delta=StreamDelta("text-delta", "delta", rebuild=("id",)),
        end="text-end",
    ),
    event("note", data=text_data("text")),
    event("boom"),
)
INPUTS: Final[tuple[InputRow, ...]] = (
    input_batch("user-message", part("text", data=text_data("text")), explode=_parts, assemble=_assemble),
    input_event("tool-result", text("toolCallId"), data=value_data("output")),
    wire_only("regenerate"),
)

TOY: Final[TableCodec[Any, Any, State, str]] = define_codec(
    name="toy", outputs=OUTPUTS, inputs=INPUTS, reducer=ToyReducer()
)
