"""The ``acme`` codec: what acme agents stream, on the wire and back as messages."""

from __future__ import annotations

from typing import Any

from acme_sdk import Heartbeat, ToolUse, Word  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

from ai_transport_codecs import InvalidArgumentError, UnsupportedEventError, define_codec
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.codec.descriptors import (
    InputRow,
    OutputRow,
    StreamDelta,
    drop,
    event,
    input_batch,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)
from ai_transport_codecs.codec.fields import text

OUTPUTS: list[OutputRow] = [
    stream(
        "text",
        text("id"),
        stream_id=lambda event: event["id"],
        start="text-start",
        delta=StreamDelta("text-delta", "delta", rebuild=("id",)),
        end="text-end",
    ),
    event("tool", text("name"), data=value_data("result")),
    drop("heartbeat", "keeps the agent's connection open; readers have the channel's own"),
]

INPUTS: list[InputRow] = [
    input_batch(
        "user-message",
        part("text", data=text_data("text")),
        explode=lambda event: [{"type": "text", "text": event["message"]["text"]}],
        assemble=lambda part, transport, codec: {"message": {"role": "user", "text": part["text"], "tools": []}},
    ),
    wire_only("regenerate"),
]


class Reducer:
    """A conversation: messages by id, each with the pieces of its texts, by stream, and the tools it used."""

    def init(self) -> dict[str, Any]:
        return {}

    def fold_input(self, projection: dict[str, Any], event: Any, meta: Any) -> dict[str, Any]:
        if meta.message_id and event["kind"] == "user-message":
            projection[meta.message_id] = {"role": "user", "texts": {"": [event["message"]["text"]]}, "tools": []}
        return projection

    def fold_output(self, projection: dict[str, Any], event: Any, meta: Any) -> dict[str, Any]:
        if not meta.message_id:
            return projection
        message = projection.setdefault(meta.message_id, {"role": "assistant", "texts": {}, "tools": []})
        if event["type"] == "text-start":
            message["texts"][event.get("id")] = []
        elif event["type"] == "text-delta":
            message["texts"].get(event.get("id"), []).append(event["delta"])
        elif event["type"] == "tool":
            message["tools"].append({"name": event.get("name"), "result": event.get("result")})
        return projection

    def get_messages(self, projection: dict[str, Any]) -> list[CodecMessage[Any]]:
        return [CodecMessage(id, self.shown(message)) for id, message in projection.items()]

    def shown(self, message: dict[str, Any]) -> dict[str, Any]:
        text = "".join(piece for pieces in message["texts"].values() for piece in pieces)
        return {"role": message["role"], "text": text, "tools": list(message["tools"])}


class Translator:
    """What an acme agent streams, to the events of the table."""

    def __init__(self) -> None:
        self.is_open = False

    def translate(self, item: Any) -> Any:
        if isinstance(item, Word):
            if not self.is_open:
                self.is_open = True
                yield {"type": "text-start", "id": "text"}
            yield {"type": "text-delta", "id": "text", "delta": item.text}
        elif isinstance(item, ToolUse):
            yield {"type": "tool", "name": item.name, "result": item.result}
        elif isinstance(item, Heartbeat):
            yield {"type": "heartbeat"}
        else:
            raise UnsupportedEventError(f"codec 'acme' cannot carry {type(item).__name__}; leave it out of the stream")

    def finish(self) -> Any:
        if self.is_open:
            yield {"type": "text-end", "id": "text"}

    def message_key(self, event: Any) -> str:
        return ""


def to_input(value: Any) -> dict[str, Any]:
    """What a user says, as an input event."""
    if not isinstance(value, str):
        raise InvalidArgumentError(f"codec 'acme' cannot send a {type(value).__name__}; pass text")
    return say({"text": value})


def say(message: dict[str, Any]) -> dict[str, Any]:
    """The input that says a message, new or shown before."""
    return {"kind": "user-message", "message": {"role": "user", "text": message["text"], "tools": []}}


CODEC: Any = define_codec(
    name="acme",
    outputs=OUTPUTS,
    inputs=INPUTS,
    reducer=Reducer(),
    translator=Translator,
    to_input=to_input,
    user_message=say,
)
