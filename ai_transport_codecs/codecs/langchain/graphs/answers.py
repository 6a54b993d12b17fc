"""What was asked and answered in a conversation, read off its messages: LangChain's, or a page's UI messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from langchain_core.messages import BaseMessage, ToolMessage

from ai_transport_codecs.codecs.langchain.messages import INTERRUPT


class Answers(Protocol):
    """What people answered."""

    def count(self, interrupt_id: str) -> int:
        """How often a question of that interrupt was asked."""
        ...

    def try_value(self, id_: str, interrupt_id: str) -> tuple[Any] | None:
        """The answer to the question or tool call of that id, in a tuple; None without one."""
        ...


class MessageAnswers:
    """As readers of LangChain messages give them: tool messages beside the question, the first of each id."""

    def __init__(self, messages: Sequence[BaseMessage]) -> None:
        self._messages = messages

    def count(self, interrupt_id: str) -> int:
        """How often a question of that interrupt was asked."""
        return len(self._asked(interrupt_id))

    def try_value(self, id_: str, interrupt_id: str) -> tuple[Any] | None:
        """The answer to the question or tool call of that id, given since it was asked last."""
        asked = self._asked(interrupt_id)
        if not asked:
            return None
        place, last = asked[-1]
        if id_.rpartition(":")[0] == interrupt_id:
            id_ = last  # the question was numbered as the next one
        for message in self._messages[place:]:
            if isinstance(message, ToolMessage) and message.tool_call_id == id_:
                return (message.content if message.artifact is None else message.artifact,)
        return None

    def _asked(self, interrupt_id: str) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for place, message in enumerate(self._messages):
            question = message.additional_kwargs.get(INTERRUPT)
            id_ = question.get("id") if isinstance(question, Mapping) else None
            if isinstance(id_, str) and id_.rpartition(":")[0] == interrupt_id:
                found.append((place, id_))
        return found


class PageAnswers:
    """As a page gives them: each question is a tool part of its own, or the part of the call that it is about."""

    def __init__(self, messages: Iterable[Mapping[str, Any]]) -> None:
        self._parts = {part["toolCallId"]: part for part in _tool_parts(messages)}

    def count(self, interrupt_id: str) -> int:
        """How often a question of that interrupt was asked."""
        return sum(id_.rpartition(":")[0] == interrupt_id for id_ in self._parts)

    def try_value(self, id_: str, interrupt_id: str) -> tuple[Any] | None:
        """The answer that the part of that id has."""
        if id_.rpartition(":")[0] == interrupt_id:
            id_ = f"{interrupt_id}:{self.count(interrupt_id) - 1}"
        part = self._parts.get(id_, {})
        approval = part.get("approval")
        match part.get("state"):
            case "approval-responded" | "output-denied" if isinstance(approval, Mapping):
                return ({key: approval[key] for key in ("approved", "reason") if key in approval},)
            case "output-denied":
                return ({"approved": False},)
            case "output-available":
                return (part.get("output"),)
            case "output-error":
                return (part.get("errorText"),)
        return None


def _tool_parts(messages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        for part in message.get("parts", ()):
            if isinstance(part, Mapping) and isinstance(part.get("toolCallId"), str):
                yield part
