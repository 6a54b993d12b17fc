"""The conversation as LlamaIndex messages, built when somebody reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.schema import NodeWithScore

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.wire.json_text import parse_json
from ai_transport_codecs.wire.text import TextBuffer

from .blocks import build_blocks, build_message
from .nodes import build_nodes
from .plain import Restorer

_TEXT_KEYS: Final = {
    "text": ("text", "text"),
    "thinking": ("thinking", "content"),
    "tool-call": ("tool_call", "tool_kwargs"),
}


@dataclass(frozen=True, slots=True)
class CarriedEvent:
    """An event of a workflow, as plain data.

    ``kind`` says what sort of event: ``event`` (of the user's own class), ``ui``, ``artifact``, ``input-required``,
    ``human-response`` or ``outcome``; ``name`` is its type's name, or what it calls itself.
    """

    kind: str
    name: str
    data: Any
    message_id: str


@dataclass(frozen=True, slots=True)
class CarriedCall:
    """A tool that was run. ``kwargs`` are what it was called with."""

    id: str
    tool_name: str
    kwargs: Mapping[str, Any]
    message_id: str


class StreamSlot:
    """One stream of a message."""

    __slots__ = ("fields", "kind", "text")

    def __init__(self, kind: str, fields: Mapping[str, Any]) -> None:
        self.kind = kind
        self.fields = fields
        self.text = TextBuffer()

    def block(self) -> dict[str, Any]:
        """The block that it is, until the end of the message says otherwise; arguments are text until then."""
        block_type, key = _TEXT_KEYS[self.kind]
        return {"block_type": block_type, **self.fields, key: str(self.text)}


class StreamedMessage:
    """One message of the agent: its streams, and what was said of it."""

    __slots__ = ("data", "header", "is_complete", "is_message", "message", "metadata", "role", "slots")

    def __init__(self) -> None:
        self.role = "assistant"
        self.header: Mapping[str, Any] = {}
        self.data: Any = None
        self.slots: dict[str, StreamSlot] = {}
        self.is_complete = False
        self.is_message = False
        """Whether it is more than a place for events."""
        self.metadata: Mapping[str, Any] = {}
        self.message: ChatMessage | None = None
        """What was built last; None when something changed since."""

    def restored(self, value: Any) -> Any:
        """What plain data that names the message's streams stands for."""
        return Restorer(self._text).value(value)

    def built(self) -> ChatMessage:
        """The message as it is now."""
        if self.message is None:
            data = self.restored(self.data)
            said = data if isinstance(data, dict) else {}
            metadata = said.get("metadata")
            self.metadata = metadata if isinstance(metadata, dict) else {}
            blocks = said.get("blocks")
            if not isinstance(blocks, list):
                blocks = [slot.block() for slot in self.slots.values() if slot.kind in _TEXT_KEYS]
            self.message = build_message(self.role, build_blocks(blocks), said.get("kwargs"))
        return self.message

    def _text(self, id_: str) -> str | None:
        slot = self.slots.get(id_)
        return None if slot is None else str(slot.text)


class GivenMessage:
    """One message of the client."""

    __slots__ = ("message",)

    def __init__(self, message: ChatMessage) -> None:
        self.message = message

    def built(self) -> ChatMessage:
        """The message."""
        return self.message


class Item:
    """Something that goes with a message: kept as it came, read when asked for."""

    __slots__ = ("data", "fields", "kind", "message_id", "state")

    def __init__(
        self, kind: str, message_id: str, state: StreamedMessage, fields: Mapping[str, Any], data: Any
    ) -> None:
        self.kind = kind
        self.message_id = message_id
        self.state = state
        self.fields = fields
        self.data = data

    def value(self) -> Any:
        """Its data."""
        return self.state.restored(self.data)


class LlamaIndexProjection:
    """What a run or an input amounts to, as LlamaIndex messages.

    A message that is complete equals LlamaIndex's own: a ``ChatMessage`` with all its blocks, a tool's result as a
    message of role ``tool``. One that is still arriving, or was cut off, is a ``ChatMessage`` of what came; half of a
    tool call is a ``ToolCallBlock`` whose ``tool_kwargs`` are text. :meth:`is_complete` tells one from the other, and
    ``as_history`` makes of either what a model accepts.

    Reading builds each changed message once; do not change the messages it returns.
    """

    __slots__ = ("answers", "approvals", "items", "states")

    def __init__(self) -> None:
        self.states: dict[str, StreamedMessage | GivenMessage] = {}
        """By codec-message-id, oldest first."""
        self.items: list[Item] = []
        """What came beside messages, oldest first."""
        self.approvals: dict[str, Mapping[str, Any]] = {}
        """The user's answers to tool calls that asked for approval, by tool call id: ``approved`` and ``reason``."""
        self.answers: list[CarriedEvent] = []
        """What humans answered to requests for input, oldest first; ``message_id`` is that of the request."""

    @property
    def messages(self) -> list[ChatMessage]:
        """All messages, oldest first."""
        return [entry.message for entry in self.entries]

    @property
    def entries(self) -> list[CodecMessage[ChatMessage]]:
        """All messages with their codec-message-ids, oldest first."""
        return [
            CodecMessage(message_id, state.built())
            for message_id, state in self.states.items()
            if isinstance(state, GivenMessage) or state.is_message
        ]

    @property
    def events(self) -> list[CarriedEvent]:
        """The workflow's events beside messages, oldest first."""
        return [
            CarriedEvent(item.kind, item.fields.get("name") or "", item.value(), item.message_id)
            for item in self.items
            if item.kind not in {"call", "sources", "structured"}
        ]

    @property
    def tool_calls(self) -> list[CarriedCall]:
        """The tools that were run, in order; not those that a model only asked for."""
        return [self._call(item) for item in self.items if item.kind == "call"]

    @property
    def structured_output(self) -> Any:
        """The last structured output as plain data, None when there is none."""
        found = [item for item in self.items if item.kind == "structured"]
        return found[-1].value() if found else None

    def sources(self, message_id: str | None = None) -> list[NodeWithScore]:
        """The source nodes of one message, or of all; as text nodes, with their metadata and scores."""
        return [
            node
            for item in self.items
            if item.kind == "sources" and message_id in {None, item.message_id}
            for node in build_nodes(item.value())
        ]

    def is_complete(self, message_id: str) -> bool:
        """Whether a message has arrived to its end; False for one that is not here."""
        state = self.states.get(message_id)
        return isinstance(state, GivenMessage) or (state is not None and state.is_complete)

    def agent(self, message_id: str) -> str | None:
        """The name of the agent that wrote a message, when one did."""
        found = self._header(message_id, "agent")
        return found if isinstance(found, str) else None

    def is_error(self, message_id: str) -> bool:
        """Whether a message is the failure of a tool."""
        return self._header(message_id, "is_error") is True

    def metadata(self, message_id: str) -> Mapping[str, Any]:
        """Model, finish reason and token counts of a message, as far as its provider told them."""
        state = self.states.get(message_id)
        if not isinstance(state, StreamedMessage):
            return {}
        state.built()
        return state.metadata

    def _header(self, message_id: str, key: str) -> Any:
        state = self.states.get(message_id)
        return state.header.get(key) if isinstance(state, StreamedMessage) else None

    def _call(self, item: Item) -> CarriedCall:
        id_, name = item.fields.get("tool_call_id") or "", item.fields.get("tool_name") or ""
        data = item.value()
        kwargs = data.get("kwargs") if isinstance(data, dict) else None
        if not isinstance(kwargs, dict):
            kwargs = _kwargs_of(item.state.built().blocks, id_)
        return CarriedCall(id_, name, kwargs, item.message_id)


def _kwargs_of(blocks: Sequence[Any], id_: str) -> Mapping[str, Any]:
    """A call's arguments as the blocks of its message have them."""
    for block in blocks:
        if getattr(block, "block_type", "") == "tool_call" and block.tool_call_id == id_:
            kwargs = parse_arguments(block.tool_kwargs)
            if isinstance(kwargs, dict):
                return kwargs
    return {}


def parse_arguments(kwargs: Any) -> Any:
    """Arguments as the value they spell; the text itself when they spell none."""
    if not isinstance(kwargs, str):
        return kwargs
    try:
        return parse_json(kwargs or "{}")
    except ValueError:
        return kwargs
