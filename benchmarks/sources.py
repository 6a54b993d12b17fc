"""What the benchmarks stream: text and tool arguments, as LangChain's own message chunks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Final

from langchain_core.messages import AIMessageChunk, ToolCallChunk

_WORDS: Final = ("The ", "quick ", "brown ", "fox ", "springt ", "über ", "den ", "faulen ", "日本", "語 ", "naïve ")

RUN_ID: Final = "chatcmpl-benchmark"


def words(count: int) -> list[str]:
    """``count`` text deltas, ASCII and not, in a fixed order."""
    return list(itertools.islice(itertools.cycle(_WORDS), count))


def text_chunks(count: int) -> list[AIMessageChunk]:
    """A stream of ``count`` text deltas, closed as providers close it."""
    chunks = [AIMessageChunk(content=word, id=RUN_ID) for word in words(count)]
    return [*chunks, AIMessageChunk(content="", id=RUN_ID, chunk_position="last")]


def argument_chunks(count: int) -> list[AIMessageChunk]:
    """A stream of one tool call whose arguments, valid JSON as a whole, come in ``count`` deltas."""
    return [AIMessageChunk(content="", id=RUN_ID, tool_call_chunks=[call]) for call in _calls(count)] + [
        AIMessageChunk(content="", id=RUN_ID, chunk_position="last")
    ]


def argument_pieces(count: int) -> list[str]:
    """``count`` pieces of JSON text that is valid as a whole."""
    return ['{"text": "', *(json.dumps(word)[1:-1] for word in words(count - 2)), '"}']


def _calls(count: int) -> Iterator[ToolCallChunk]:
    first, *rest = argument_pieces(count)
    yield {"name": "write", "args": first, "id": "call_1", "index": 0, "type": "tool_call_chunk"}
    for args in rest:
        yield {"name": None, "args": args, "id": None, "index": 0, "type": "tool_call_chunk"}
