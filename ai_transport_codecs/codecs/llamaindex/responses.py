"""Answers of LlamaIndex to one message each: responses of an LLM, and what an agent streams of them.

There is no common rule for what a response's ``message`` is: with some integrations the whole message so far, with
others only what is new, with some the deltas are missing. So text is taken from ``delta`` where there is one, and at
the end the last message counts only if it is no less than what was streamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, TextBlock

from .blocks import plain_blocks, plain_kwargs
from .draft import Draft, Event, Events
from .metadata import note_counts, note_raw

_NOTHING: Final[Events] = ()


class ResponseWriter:
    """Writes one message from the responses of ``astream_chat`` and its like."""

    __slots__ = ("_has_thinking_deltas", "_last", "_size", "draft")

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._last: ChatResponse | None = None
        self._has_thinking_deltas = False
        self._size = 0

    def add(self, response: ChatResponse) -> Events:
        """The events of one response. Cheap when it only has more text, whatever else its message repeats."""
        self._last = response
        delta, kwargs = response.delta, response.additional_kwargs
        if response.raw is not None:
            note_raw(self.draft.metadata, response.raw)
        events: Events = _NOTHING
        if kwargs:
            note_counts(self.draft.metadata, kwargs)
            thinking = kwargs.get("thinking_delta")
            if thinking and isinstance(thinking, str):
                self._has_thinking_deltas = True
                events = self.draft.say("thinking", str.__str__(thinking))
        blocks = response.message.blocks
        if len(blocks) != 1 or type(blocks[0]) is not TextBlock:
            events = [*events, *self._blocks(blocks)]
        if not delta:
            delta = self._new_text(_text(blocks), is_delta=delta is None)
        if not delta:
            return events
        self._size += len(delta)
        said = self.draft.say("text", str.__str__(delta))
        return [*events, *said] if events else said

    def finish(self) -> Events:
        """The end of the message: LlamaIndex's own last word, or what was streamed when that is less."""
        if self._last is None:
            return self.draft.abandon()
        message = self._last.message
        blocks = plain_blocks(self.draft.plainer, message.blocks)
        if not is_whole(self.draft, message):
            blocks = self.draft.accumulated()
        return self.draft.settle(message.role.value, blocks, plain_kwargs(self.draft.plainer, message))

    def _blocks(self, blocks: Sequence[Any]) -> list[Event]:
        events: list[Event] = []
        calls = 0
        for block in blocks:
            kind = getattr(block, "block_type", None)
            if kind == "thinking":
                if not self._has_thinking_deltas:
                    events += self._think(block)
            elif kind == "tool_call":
                events += self.draft.call(calls, block.tool_call_id, block.tool_name, block.tool_kwargs)
                calls += 1
        return events

    def _think(self, block: Any) -> Events:
        information = self.draft.plainer.plain_object("additional_information", block.additional_information)
        return self.draft.think(block.content or "", information) if block.content else _NOTHING

    def _new_text(self, text: str, *, is_delta: bool) -> str:
        """What a message adds that says it without a delta: it is all of the text so far, or else only what is new."""
        if len(text) <= self._size and not is_delta:
            return ""
        if self.draft.goes_on(text, self._size):
            return text[self._size :]
        return text if is_delta else ""


class CompletionWriter:
    """Writes one message from the responses of ``astream_complete``."""

    __slots__ = ("_size", "draft")

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._size = 0

    def add(self, response: CompletionResponse) -> Events:
        """The events of one response."""
        if response.raw is not None:
            note_raw(self.draft.metadata, response.raw)
        delta = response.delta
        if delta is None:
            delta = response.text[self._size :]
        self._size = len(response.text)
        return self.draft.say("text", delta) if delta else _NOTHING

    def finish(self) -> Events:
        """The end of the message."""
        return self.draft.settle("assistant", self.draft.accumulated(), {})


class TextWriter:
    """Writes one message of text, as a chat engine's generator yields it."""

    __slots__ = ("draft",)

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def add(self, text: str) -> Events:
        """The events of one piece of text."""
        return self.draft.say("text", str.__str__(text)) if text else _NOTHING

    def finish(self, text: str | None = None) -> Events:
        """The end of the message, which is ``text`` when its engine says so."""
        blocks = self.draft.accumulated() if text is None else [{"block_type": "text", "text": text}]
        return self.draft.settle("assistant", blocks, {})


def is_whole(draft: Draft, message: ChatMessage) -> bool:
    """Whether a last message is the whole one, and not just the last piece of it."""
    raw_calls = message.additional_kwargs.get("tool_calls")
    calls = sum(getattr(block, "block_type", None) == "tool_call" for block in message.blocks)
    calls = max(calls, len(raw_calls) if isinstance(raw_calls, list) else 0)
    return calls >= draft.call_count and len(_text(message.blocks).strip()) >= len(draft.text.strip())


def _text(blocks: Sequence[Any]) -> str:
    return "".join(block.text for block in blocks if isinstance(block, TextBlock))
