"""What a run or an input amounts to, as messages of the Responses API."""

from __future__ import annotations

from ai_transport_codecs.codec.contract import CodecMessage

from .messages import ResponsesMessage
from .state import MessageState


class ResponsesProjection:
    """Messages by ``codec-message-id``, in the order in which they began.

    Reading builds new dictionaries each time, so that a reader may change what it got. Text is joined when read.
    """

    __slots__ = ("states",)

    def __init__(self) -> None:
        self.states: dict[str, MessageState] = {}

    @property
    def messages(self) -> list[ResponsesMessage]:
        """All messages, oldest first."""
        return [state.build() for state in self.states.values()]

    @property
    def entries(self) -> list[CodecMessage[ResponsesMessage]]:
        """All messages with their codec-message-ids, oldest first."""
        return [CodecMessage(state.id, state.build()) for state in self.states.values()]

    def ensure(self, message_id: str, role: str = "assistant") -> MessageState:
        """The message of that id; a new one when there is none."""
        state = self.states.get(message_id)
        if state is None:
            state = self.states[message_id] = MessageState(message_id, role)
        return state
