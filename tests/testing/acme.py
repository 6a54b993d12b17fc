"""A small codec with all that codecs have, which keeps every law: what the kit's own tests break on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec.contract import CodecMessage, FoldMeta
from ai_transport_codecs.codec.define import define_codec
from ai_transport_codecs.codec.descriptors import (
    InputRow,
    OutputRow,
    StreamDelta,
    drop,
    event,
    input_batch,
    input_event,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)
from ai_transport_codecs.codec.fields import choice, flag, json, text
from ai_transport_codecs.errors import InvalidArgumentError, UnsupportedEventError
from ai_transport_codecs.testing import Sample, Subject

TEXT: Final = stream(
    "text",
    text("id"),
    json("meta"),
    stream_id=lambda event: str(event["id"]),
    start="text-start",
    delta=StreamDelta("text-delta", "delta", rebuild=("id",)),
    end="text-end",
)
ARGS: Final = stream(
    "args",
    text("id"),
    text("tool"),
    stream_id=lambda event: str(event["id"]),
    start="args-start",
    delta=StreamDelta("args-delta", "delta", rebuild=("id",)),
    end="args-end",
)
NOTE: Final = event("note", text("topic"), flag("loud"), data=value_data("body"))
DONE: Final = event("done", choice("why", ["stop", "length"], "stop"))
PING: Final = drop("ping", "keeps the connection open")
OUTPUTS: Final[tuple[OutputRow, ...]] = (TEXT, ARGS, NOTE, DONE, PING)


def explode(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts of a user's message."""
    return list(event["message"]["parts"])


IMAGE: Final = part("image", text("alt"), data=text_data("url"))
USER: Final = input_batch(
    "user-message",
    part("text", data=text_data("text")),
    IMAGE,
    explode=explode,
    assemble=lambda part, transport, codec: {"message": {"parts": [part]}},
)
RESULT: Final = input_event("tool-result", text("call"), data=value_data("output"))
INPUTS: Final[tuple[InputRow, ...]] = (
    USER,
    RESULT,
    input_event("tool-result-error", text("call"), data=text_data("message")),
    input_event("tool-approval-response", text("call"), flag("approved", default=False)),
    wire_only("regenerate"),
)

Projection = dict[str, dict[str, Any]]


class Reducer:
    """Messages by id; each a role and parts, of which the streamed ones hold their text in pieces."""

    def init(self) -> Projection:
        return {}

    def fold_output(self, projection: Projection, event: Mapping[str, Any], meta: FoldMeta) -> Projection:
        fold = {
            "text-start": self.start,
            "args-start": self.start,
            "text-delta": self.delta,
            "args-delta": self.delta,
            "note": self.note,
            "done": self.done,
        }.get(event.get("type", ""))
        if fold is not None and meta.message_id:
            fold(projection, event, meta.message_id)
        return projection

    def fold_input(self, projection: Projection, event: Mapping[str, Any], meta: FoldMeta) -> Projection:
        kind, message_id = event.get("kind"), meta.message_id
        if not message_id:
            return projection
        if kind == "user-message":
            self.message(projection, message_id, "user")["parts"].extend(dict(each) for each in explode(event))
        elif kind in {"tool-result", "tool-result-error", "tool-approval-response"}:
            self.message(projection, message_id)["parts"].append({"type": kind, **event["payload"]})
        return projection

    def message(self, projection: Projection, message_id: str, role: str = "assistant") -> dict[str, Any]:
        return projection.setdefault(message_id, {"role": role, "parts": []})

    def find(self, projection: Projection, message_id: str, id_: Any) -> dict[str, Any] | None:
        parts = projection.get(message_id, {}).get("parts", ())
        return next((each for each in parts if "pieces" in each and each["id"] == id_), None)

    def start(self, projection: Projection, event: Mapping[str, Any], message_id: str) -> None:
        if not isinstance(event.get("id"), str):
            return
        found = self.find(projection, message_id, event["id"])
        if found is None:
            found = {**event, "type": event["type"].removesuffix("-start")}
            self.message(projection, message_id)["parts"].append(found)
        found["pieces"] = []

    def delta(self, projection: Projection, event: Mapping[str, Any], message_id: str) -> None:
        found = self.find(projection, message_id, event.get("id"))
        if found is not None:
            found["pieces"].append(event["delta"])

    def note(self, projection: Projection, event: Mapping[str, Any], message_id: str) -> None:
        self.message(projection, message_id)["parts"].append(dict(event))

    def done(self, projection: Projection, event: Mapping[str, Any], message_id: str) -> None:
        self.message(projection, message_id)["why"] = event["why"]

    def get_messages(self, projection: Projection) -> list[CodecMessage[Any]]:
        return [CodecMessage(id_, self.shown(message)) for id_, message in projection.items()]

    def shown(self, message: Mapping[str, Any]) -> Any:
        return {**message, "parts": [self.shown_part(each) for each in message["parts"]]}

    def shown_part(self, part: Mapping[str, Any]) -> Any:
        if "pieces" not in part:
            return dict(part)
        return {**{key: part[key] for key in part if key != "pieces"}, "text": "".join(part["pieces"])}


class Translator:
    """The acme framework streams ``{"say": ...}``, ``{"call": id, "args": ...}`` and events as they are."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}

    def translate(self, item: Any) -> Iterable[Any]:
        if not isinstance(item, Mapping):
            raise UnsupportedEventError(f"the acme codec cannot carry a {type(item).__name__}; stream acme's items")
        if "say" in item:
            return self._piece("text", "t", item["say"], {})
        if "call" in item:
            return self._piece("args", item["call"], item["args"], {"tool": "weather"})
        return [item]

    def finish(self) -> Iterator[Any]:
        for id_, kind in self._open.items():
            yield {"type": f"{kind}-end", "id": id_}

    def message_key(self, event: Any) -> str:
        return ""

    def _piece(self, kind: str, id_: str, piece: str, fields: dict[str, Any]) -> Iterator[Any]:
        if id_ not in self._open:
            self._open[id_] = kind
            yield {"type": f"{kind}-start", "id": id_, **fields}
        yield {"type": f"{kind}-delta", "id": id_, "delta": piece}


def to_input(value: Any) -> Mapping[str, Any]:
    """Text as a user's message."""
    if isinstance(value, str):
        return {"kind": "user-message", "message": {"parts": [{"type": "text", "text": value}]}}
    raise InvalidArgumentError(f"the acme codec cannot send a {type(value).__name__}; pass text or an input event")


def user_message(message: Any) -> Mapping[str, Any]:
    """The input that says a message which a view showed."""
    return {"kind": "user-message", "message": message}


def acme(**changes: Any) -> Any:
    """The codec, with other parts."""
    parts: dict[str, Any] = {
        "name": "acme",
        "outputs": OUTPUTS,
        "inputs": INPUTS,
        "reducer": Reducer(),
        "translator": Translator,
        "to_input": to_input,
        "user_message": user_message,
        "tool_inputs": True,
    }
    return define_codec(**(parts | changes))


ACME: Final = acme()

SAY: Final = [{"say": "Lis"}, {"say": " "}, {"say": ""}, {"say": "bon \U0001f600"}]
TURN: Final = [
    {"type": "note", "topic": "plan", "loud": True, "body": {"steps": [1, 2]}},
    {"say": "Let me "},
    {"call": "c1", "args": '{"city":'},
    {"call": "c2", "args": "{}"},
    {"type": "ping"},
    {"call": "c1", "args": ' "Lisbon"}'},
    {"say": "look."},
    {"type": "done", "why": "length"},
]
# The second stream has text before the first one does.
CROSSED: Final = [
    {"type": "text-start", "id": "a"},
    {"type": "text-start", "id": "b"},
    {"type": "text-delta", "id": "b", "delta": "second"},
    {"type": "text-delta", "id": "a", "delta": "first"},
    {"type": "text-end", "id": "a"},
    {"type": "text-end", "id": "b"},
]
SAMPLES: Final[Mapping[str, Sequence[Any]]] = {"say": SAY, "turn": TURN, "crossed": CROSSED}
EXPECTED: Final = {
    "say": [{"role": "assistant", "parts": [{"type": "text", "id": "t", "text": "Lis bon \U0001f600"}]}],
}
USER_INPUT: Final = {
    "kind": "user-message",
    "message": {"parts": [{"type": "text", "text": "Here:"}, {"type": "image", "alt": "a map", "url": "http://x/y"}]},
}
SENT: Final = (
    "Where to?",
    USER_INPUT,
    {"kind": "tool-result", "codecMessageId": "run-1:", "payload": {"call": "c1", "output": {"sky": "blue"}}},
)
EVENT_TYPES: Final = ("text-start", "text-delta", "text-end", "note", "ping")


def subject(codec: Any = ACME, make: Callable[..., Subject] = Subject, **changes: Any) -> Subject:
    """The codec with its samples, or a variant of it."""
    given: dict[str, Any] = {
        "samples": [Sample(name, items, EXPECTED.get(name)) for name, items in SAMPLES.items()],
        "inputs": SENT,
        "event_types": {type_: {"type": type_, "id": "x", "delta": "x"} for type_ in EVENT_TYPES},
        "writes_streams": True,
        "takes_inputs": True,
        "takes_tool_inputs": True,
    }
    return make(codec, **(given | changes))
