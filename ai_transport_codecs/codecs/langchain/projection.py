"""The conversation as LangChain messages, built when somebody reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.wire.text import TextBuffer

from .document import Document
from .messages import build_message


class StreamedMessage:
    """One message of the agent: its data so far, and the streams that extend it."""

    __slots__ = ("blocks", "document", "form", "is_complete", "kind", "message", "namespace", "node")

    def __init__(self) -> None:
        self.kind = "ai"
        self.form = "chunks"
        self.node: str | None = None
        self.namespace: str | None = None
        self.document = Document()
        self.blocks: dict[str, TextBuffer] = {}
        self.is_complete = False
        self.message: BaseMessage | None = None
        """What was built last; None when something changed since."""

    def built(self) -> BaseMessage:
        """The message as it is now."""
        if self.message is None:
            self.message = build_message(self.kind, self.form, self.document.value(), is_complete=self.is_complete)
        return self.message


class GivenMessage:
    """One message of the client."""

    __slots__ = ("message",)

    def __init__(self, message: BaseMessage) -> None:
        self.message = message

    def built(self) -> BaseMessage:
        """The message."""
        return self.message


class LangChainProjection:
    """What a run or an input amounts to, as LangChain messages.

    A message that is complete has LangChain's final class (``AIMessage``, ``ToolMessage``, ...) and equals what
    LangChain makes of the same stream. One that is still arriving, or was cut off, is a message chunk
    (``AIMessageChunk``): valid as it is, with ``tool_call_chunks`` but no ``tool_calls``, for half of a call must not
    look like a call.

    Reading builds each changed message once; do not change the messages it returns.
    """

    __slots__ = ("approvals", "states")

    def __init__(self) -> None:
        self.states: dict[str, StreamedMessage | GivenMessage] = {}
        """By codec-message-id, oldest first."""
        self.approvals: dict[str, Mapping[str, Any]] = {}
        """The user's answers to tool calls that asked for approval, by tool call id: ``approved`` and ``reason``."""

    @property
    def messages(self) -> list[BaseMessage]:
        """All messages, oldest first."""
        return [state.built() for state in self.states.values()]

    @property
    def entries(self) -> list[CodecMessage[BaseMessage]]:
        """All messages with their codec-message-ids, oldest first."""
        return [CodecMessage(message_id, state.built()) for message_id, state in self.states.items()]

    def is_complete(self, message_id: str) -> bool:
        """Whether a message has arrived to its end; False for one that is not here."""
        state = self.states.get(message_id)
        return isinstance(state, GivenMessage) or (state is not None and state.is_complete)

    def node(self, message_id: str) -> str | None:
        """The name of the graph node that produced a message, when a graph did."""
        state = self.states.get(message_id)
        return state.node if isinstance(state, StreamedMessage) else None

    def namespace(self, message_id: str) -> str | None:
        """The subgraph that a message came from, as LangGraph names it (``"research:4f…|search:9c…"``); None for none.

        Two runs of one subgraph in the same turn have two namespaces.
        """
        state = self.states.get(message_id)
        return state.namespace if isinstance(state, StreamedMessage) else None
