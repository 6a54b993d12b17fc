"""Conversations in neutral form, at random."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st

from ai_transport_codecs.convert.blocks import (
    Block,
    Citation,
    Data,
    Media,
    Message,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from ai_transport_codecs.convert.media import media_type_of

WORDS: Final = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
NAMES: Final = st.sampled_from(["weather", "get_time", "search-web"])
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
MAYBE: Final = st.none() | WORDS

sources: Final = st.builds(
    Source, url=st.none() | st.just("https://example.org/a"), title=WORDS, id=MAYBE, quote=MAYBE, filename=MAYBE
)
citations: Final = st.builds(Citation, sources, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
texts: Final = st.builds(Text, WORDS, st.just(()) | st.tuples(citations))
data: Final = st.binary(min_size=1, max_size=9).map(lambda raw: base64.b64encode(raw).decode())
KINDS: Final = {
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "file": "application/pdf",
}


@st.composite
def media(draw: Any) -> Media:
    kind = draw(st.sampled_from(sorted(KINDS)))
    media_type = draw(st.none() | st.just(KINDS[kind]))
    name = draw(MAYBE)
    match draw(st.integers(0, 2)):
        case 0:
            return Media(kind, url="https://example.org/m", media_type=media_type, filename=name)
        case 1:
            return Media(kind, data=draw(data), media_type=media_type, filename=name)
        case _:
            return Media(kind, file_id="file-1", media_type=media_type, filename=name)


calls: Final = st.builds(
    ToolCall,
    st.sampled_from(["c1", "c2", "c3"]),
    NAMES,
    st.dictionaries(WORDS, JSON, max_size=3),
    by_provider=st.booleans(),
    approval=st.sampled_from([None, None, None, "requested", "approved", "denied"]),
) | st.builds(ToolCall, st.just("c4"), NAMES, st.just('{"half'), is_json=st.sampled_from([False]))
said: Final[st.SearchStrategy[Block]] = st.one_of(texts, media())
answered: Final[st.SearchStrategy[Block]] = st.one_of(
    texts,
    texts,
    st.builds(Refusal, WORDS),
    st.builds(Reasoning, WORDS, MAYBE),
    calls,
    media(),
    sources,
    st.builds(Data, NAMES, JSON, MAYBE),
)
results: Final = st.builds(
    ToolResult, st.sampled_from(["c1", "c2", "c3"]), WORDS | JSON, st.booleans(), st.none() | NAMES
)


@st.composite
def conversations(draw: Any) -> list[Message]:
    """Messages that take turns as they do: somebody says something, an answer may call tools, which answer."""
    found = [Message("system", (draw(texts),))][draw(st.integers(0, 1)) :]
    for _ in range(draw(st.integers(1, 3))):
        found.append(Message("user", tuple(draw(st.lists(said, min_size=1, max_size=3)))))
        for _ in range(draw(st.integers(0, 2))):
            usage = draw(st.none() | st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 18)))
            blocks = draw(st.lists(answered, min_size=1, max_size=4))
            unique = [
                replace(block, id=f"{block.id}-{len(found)}-{index}") if isinstance(block, ToolCall) else block
                for index, block in enumerate(blocks)
            ]
            found.append(Message("assistant", tuple(unique), usage=usage, finish_reason=draw(st.none() | WORDS)))
            asked = [block.id for block in unique if isinstance(block, ToolCall) and not block.by_provider]
            order = draw(st.permutations(asked)) if asked else []
            found.extend(Message("tool", (replace(draw(results), call_id=call_id),)) for call_id in order)
    return found


def normal(messages: list[Message]) -> list[Message]:
    """How formats write the same.

    Without ids; empty messages left out; tools' results apart, named as their calls; media of an unsaid type with the
    usual one, and so the sources.
    """
    found: list[Message] = []
    names: dict[str, str] = {}
    for message in messages:
        for block in message.blocks:
            if isinstance(block, ToolCall):
                names[block.id] = block.name
        blocks = tuple(_completed(block, names) for block in message.blocks)
        parts = [(block,) for block in blocks] if message.role == "tool" else [blocks]
        found.extend(replace(message, id=None, part_of=None, blocks=each) for each in parts if each)
    return found


def _completed(block: Block, names: dict[str, str]) -> Block:
    if isinstance(block, ToolResult):
        return replace(block, name=names.get(block.call_id, block.name))
    if isinstance(block, Source):
        media_type = block.media_type or ("text/plain" if block.url is None else None)
        return replace(block, id=block.id or block.url or block.title, media_type=media_type)
    return replace(block, media_type=media_type_of(block)) if isinstance(block, Media) else block
