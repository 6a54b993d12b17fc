"""What LangChain itself makes of chunks, and what is right where that is wrong."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.utils import message_chunk_to_message


def summed(chunks: Sequence[Any]) -> BaseMessage:
    """LangChain's own accumulation of copies of the chunks, as its final message."""
    first, *rest = [chunk.model_copy(deep=True) for chunk in chunks]
    if rest and isinstance(first, AIMessageChunk):
        return message_chunk_to_message(first + rest)
    return message_chunk_to_message(reduce(operator.add, rest, first))


def right(chunks: Sequence[AIMessageChunk]) -> BaseMessage:
    """The same, with what LangChain doubles said once: metadata that is repeated, and totals of tokens so far."""
    message = summed(chunks)
    metadata: dict[str, Any] = dict(message.response_metadata)
    for chunk in chunks:
        metadata |= {key: value for key, value in chunk.response_metadata.items() if isinstance(value, str)}
    reports = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    update: dict[str, Any] = {"response_metadata": metadata}
    if len([report for report in reports if report["input_tokens"]]) > 1:
        update["usage_metadata"] = reports[-1]
    return message.model_copy(update=update)
