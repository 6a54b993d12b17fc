"""UI messages as a framework's history."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.convert import Loss, Message, from_neutral, to_neutral
from ai_transport_codecs.convert.blocks import Block, Data, Reasoning, ToolCall, ToolResult

from .frameworks import check_framework
from .spoken import NOT_JSON

_log: Final = logging.getLogger("ai_transport_codecs.bridges")

_NO_LOSS: Final = frozenset({"model", "finish_reason", "usage", "usage of each step"})
"""What a message of a conversation need not tell a model."""

_PROVIDERS_OWN: Final = frozenset({"non_standard", "openai-item"})
"""Data that is of the provider's own content; all other is an application's, which models do not take."""

_DENIED: Final = "Tool execution was not approved."
"""What a model reads of a call that was denied without a reason."""


def ui_history(
    messages: Iterable[Any],
    framework: str,
    *,
    reasoning: bool = False,
    on_loss: Callable[[Loss], None] | None = None,
) -> list[Any]:
    """What UI messages say, as messages of ``framework``: what a model is to be given as the conversation so far.

    ``messages`` are UI messages, oldest first, or a view's entries of them. Each becomes the framework's own: for an
    answer in several steps that is one for each step, and one for each tool's result. ``data-*`` parts are for the page
    and stay out. Without ``reasoning`` the model's thoughts are left out: providers take them back only with a proof of
    their own, which a UI message has not. What the framework has no place for is told to ``on_loss``, by default as a
    warning in the log.

    Raises InvalidArgumentError for a framework without a bridge and for what is no UI message; MissingExtraError when
    the framework is not installed.
    """
    return [entry.message for entry in history_entries(messages, framework, reasoning=reasoning, on_loss=on_loss)]


def history_entries(
    messages: Iterable[Any], framework: str, *, reasoning: bool, on_loss: Callable[[Loss], None] | None = None
) -> list[CodecMessage[Any]]:
    """As :func:`ui_history`, as a view's entries: under the message's id, or one made of it when it became several."""
    check_framework(framework)
    note = on_loss or LossLog(framework).note
    found: list[CodecMessage[Any]] = []
    for index, entry in enumerate(messages):
        neutral, read = to_neutral([entry], source="vercel")
        neutral = _with_denials(_with_wrong_inputs(neutral))
        neutral = [_without_data(message, index, note) for message in neutral]
        kept = neutral if reasoning else [_without_reasoning(message) for message in neutral]
        written, lost = from_neutral([message for message in kept if message.blocks], to=framework)
        for loss in (*read, *lost):
            if loss.what not in _NO_LOSS:
                note(Loss(index, loss.what, loss.why))
        given = entry.id if isinstance(entry, CodecMessage) else entry.get("id")
        id_ = given if isinstance(given, str) and given else f"message-{index + 1}"
        found.extend(CodecMessage(f"{id_}/{place}" if place else id_, each) for place, each in enumerate(written))
    return found


def _with_wrong_inputs(messages: list[Message]) -> list[Message]:
    """Calls whose input never became JSON, as such: a UI message holds the text, and says it in the error."""
    wrong = {
        block.call_id
        for message in messages
        for block in message.blocks
        if isinstance(block, ToolResult) and block.is_error and block.output == NOT_JSON
    }
    return [replace(message, blocks=tuple(_as_wrong(block, wrong) for block in message.blocks)) for message in messages]


def _as_wrong(block: Block, wrong: set[str]) -> Block:
    is_wrong = isinstance(block, ToolCall) and block.id in wrong and isinstance(block.input, str)
    return replace(block, is_json=False) if is_wrong and isinstance(block, ToolCall) else block


def _with_denials(messages: list[Message]) -> list[Message]:
    """Calls that a person denied, answered with that: a model may not be given a call without an answer."""
    answered = {block.call_id for message in messages for block in message.blocks if isinstance(block, ToolResult)}
    found: list[Message] = []
    for message in messages:
        found.append(message)
        calls = [each for each in message.blocks if isinstance(each, ToolCall) and not each.by_provider]
        denied = [each for each in calls if each.approval == "denied" and each.id not in answered]
        if denied:
            found.append(Message("tool", tuple(ToolResult(each.id, each.reason or _DENIED) for each in denied)))
    return found


def _without_data(message: Message, index: int, note: Callable[[Loss], None]) -> Message:
    """Without what an application shows beside the conversation, such as progress: providers refuse such content."""
    blocks = tuple(block for block in message.blocks if not isinstance(block, Data) or block.name in _PROVIDERS_OWN)
    if len(blocks) == len(message.blocks):
        return message
    note(Loss(index, "data", "it is for the page; say in text what the model is to know of it"))
    return replace(message, blocks=blocks)


def _without_reasoning(message: Message) -> Message:
    blocks = tuple(block for block in message.blocks if not isinstance(block, Reasoning) or block.seal)
    return message if len(blocks) == len(message.blocks) else replace(message, blocks=blocks)


class LossLog:
    """Warns of each kind of loss once."""

    def __init__(self, framework: str) -> None:
        self._framework = framework
        self._noted: set[str] = set()

    def note(self, loss: Loss) -> None:
        """Something of a message did not come along."""
        if loss.what not in self._noted:
            self._noted.add(loss.what)
            _log.warning(
                "the history for %r leaves out the %s of UI messages: %s", self._framework, loss.what, loss.why
            )
