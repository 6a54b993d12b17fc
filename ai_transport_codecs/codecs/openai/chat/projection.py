"""The conversation as the messages and completions of the API, built when somebody reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.wire.text import TextBuffer

from .completion import ChatMessage, Completion, build_completion, build_message, with_approvals
from .document import Document
from .lines import LineBuffer

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

MESSAGE_ROLES: Final = frozenset({"assistant", "tool"})
"""The roles of messages that an agent may write whole."""


class AgentMessage:
    """One message of the agent: a completion, or a message given whole, such as a tool's result."""

    __slots__ = ("_completion", "_message", "approvals", "buffers", "document", "is_complete", "is_given")

    def __init__(self) -> None:
        self.document = Document()
        self.buffers: dict[str, TextBuffer | LineBuffer] = {}
        """The streams that grow the document, by path."""
        self.approvals: dict[str, str] = {}
        """How the questions to a person about its tool calls stand, by tool call id."""
        self.is_complete = False
        self.is_given = False
        self._completion: Completion | None = None
        self._message: ChatMessage | None = None

    def changed(self) -> None:
        """What was built is no longer so."""
        self._completion = self._message = None

    def completion(self) -> Completion:
        """The completion as it is now."""
        if self._completion is None:
            self._completion = build_completion(self.document.value())
        return self._completion

    def message(self) -> ChatMessage:
        """The message as it is now."""
        if self._message is None:
            if self.is_given:
                value = self.document.value()
                role = value.get("role")
                self._message = {**value, "role": role if role in MESSAGE_ROLES else "assistant"}
            else:
                message = build_message(self.completion(), is_complete=self.is_complete)
                self._message = with_approvals(message, self.approvals)
        return self._message


class GivenMessage:
    """One message of the client."""

    __slots__ = ("_message",)

    def __init__(self, message: ChatMessage) -> None:
        self._message = message

    def message(self) -> ChatMessage:
        """The message."""
        return self._message


class ChatProjection:
    """What a run or an input amounts to, as messages of the chat completions API.

    Reading builds each changed message once; do not change the messages it returns.
    """

    __slots__ = ("approvals", "states")

    def __init__(self) -> None:
        self.states: dict[str, AgentMessage | GivenMessage] = {}
        """By codec-message-id, oldest first."""
        self.approvals: dict[str, Mapping[str, Any]] = {}
        """The user's answers to tool calls that asked for approval, by tool call id: ``approved`` and ``reason``."""

    @property
    def messages(self) -> list[ChatMessage]:
        """All messages, oldest first."""
        return [state.message() for state in self.states.values()]

    @property
    def entries(self) -> list[CodecMessage[ChatMessage]]:
        """All messages with their codec-message-ids, oldest first."""
        return [CodecMessage(message_id, state.message()) for message_id, state in self.states.items()]

    @property
    def completions(self) -> list[Completion]:
        """The completions, oldest first: more than one when the turn ran tools."""
        found = self.states.values()
        return [state.completion() for state in found if isinstance(state, AgentMessage) and not state.is_given]

    def try_completion(self, message_id: str) -> Completion | None:
        """The completion that a message is of, with all its choices and extras; None for any other message."""
        state = self.states.get(message_id)
        return state.completion() if isinstance(state, AgentMessage) and not state.is_given else None

    def try_sdk_completion(self, message_id: str) -> ChatCompletion | None:
        """The same as an object of OpenAI's SDK."""
        found = self.try_completion(message_id)
        if found is None:
            return None
        from .sdk import sdk_completion  # noqa: PLC0415  # the SDK takes seconds to import, and few readers ask for it

        return sdk_completion(found)

    def is_complete(self, message_id: str) -> bool:
        """Whether a message has arrived to its end; False for one that is not here."""
        state = self.states.get(message_id)
        return isinstance(state, GivenMessage) or (state is not None and state.is_complete)
