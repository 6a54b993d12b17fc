"""What UI message chunks say, and what a framework's messages say, in one form to compare."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from ai_transport_codecs.bridges.spoken import NOT_JSON
from ai_transport_codecs.codecs.vercel import UIMessage
from ai_transport_codecs.convert import to_neutral
from ai_transport_codecs.convert.blocks import (
    Block,
    Data,
    Media,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from ai_transport_codecs.convert.media import data_url, media_type_of
from ai_transport_codecs.wire.json_text import dump_json
from tests.codecs.vercel.wire import live, piped

_MADE_UP: Final = re.compile(r"call-\d+")
"""The id of a call that came without one."""

Told: TypeAlias = dict[str, list[Any]]


def folded(chunks: Iterable[dict[str, Any]]) -> UIMessage:
    """The UI message that a reader of the channel has in the end."""
    (message,) = live(piped(chunks))
    return message


def told(messages: Iterable[Any], source: str) -> Told:
    """What messages say, by kind of content.

    Left out is what :mod:`ai_transport_codecs.convert` lists as lost on the way to a UI message: which passage cites a
    source, a reasoning's proof, a file's name, that a text refuses, that an input never became JSON, and
    the structure of an error.
    """
    neutral, _ = to_neutral(messages, source=source)
    found: Told = {"text": [], "reasoning": [], "calls": [], "results": [], "media": [], "sources": [], "data": []}
    for message in neutral:
        if message.role in {"assistant", "tool"}:
            for block in message.blocks:
                _tell(block, found)
    found["text"] = ["".join(found["text"])]
    found["reasoning"] = ["".join(found["reasoning"])]
    for kind in ("calls", "results", "sources", "data", "media"):
        found[kind].sort(key=str)  # what comes live comes before what is told when a message is whole
    return found


def _tell(block: Block, found: Told) -> None:
    match block:
        case Text() | Refusal():
            found["text"].append(block.text)
            for citation in block.citations if isinstance(block, Text) else ():
                _tell(citation.source, found)
        case Reasoning():
            found["reasoning"].append(block.text)
        case ToolCall() if block.name != "unknown":  # what a result gets whose call nobody heard of
            id_ = "" if _MADE_UP.fullmatch(block.id) else block.id
            found["calls"].append((id_, block.name, block.input, block.by_provider, block.approval))
        case ToolResult() if block.output != NOT_JSON:
            is_text = block.is_error and not isinstance(block.output, str)
            found["results"].append(
                (block.call_id, dump_json(block.output) if is_text else block.output, block.is_error)
            )
        case _:
            _tell_more(block, found)


def _tell_more(block: Block, found: Told) -> None:
    match block:
        case Media() if (url := data_url(block)) is not None:
            found["media"].append((media_type_of(block), url))
        case Source():
            source = (block.url, block.title) if block.url else (_title(block),)
            if source not in found["sources"]:
                found["sources"].append(source)
        case Data():
            found["data"].append((block.name, block.value))
        case _:
            pass


def _title(source: Source) -> str | None:
    """A document's title; one without has its number for a title in a UI message."""
    title = source.title or source.filename
    return None if title is None or title.startswith("source-") else title
