"""Chat completion messages, as requests take them and ``openai-chat`` shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .blocks import (
    Block,
    Citation,
    Data,
    Losses,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from .media import data_url, split_data_url, try_audio_format
from .tools import call_of, result_text, text_of

_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_KNOWN: Final = (
    *("role", "content", "name", "tool_calls", "tool_call_id", "refusal", "annotations", "function_call"),
    *("reasoning", "reasoning_content", "id", "model", "finish_reason", "audio"),
)


def read(message: Mapping[str, Any], losses: Losses) -> list[Message]:
    """One message in neutral form."""
    role = _ROLES.get(str(message.get("role")), "user")
    if message.get("role") == "developer":
        losses.note("role 'developer'", "it is read as a system message")
    blocks = tuple(_tool_blocks(message) if role == "tool" else _blocks(message, losses))
    losses.note_unread("message", message, _KNOWN)
    return [Message(role, blocks, name=_text(message.get("name")) if role in {"user", "system"} else None)]


def _tool_blocks(message: Mapping[str, Any]) -> Iterator[Block]:
    call_id = _text(message.get("tool_call_id")) or _text(message.get("name")) or ""
    yield ToolResult(call_id, text_of(message.get("content")), name=_text(message.get("name")))


def _blocks(message: Mapping[str, Any], losses: Losses) -> Iterator[Block]:
    for key in ("reasoning_content", "reasoning"):
        if isinstance(thought := message.get(key), str) and thought:
            yield Reasoning(thought)
            break
    content = message.get("content")
    citations = tuple(_citations(message.get("annotations"), losses))
    if isinstance(content, str):
        if content or citations:
            yield Text(content, citations)
    elif isinstance(content, Sequence):
        yield from (block for part in content if (block := _part(part, losses)) is not None)
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        yield Refusal(refusal)
    if isinstance(audio := message.get("audio"), Mapping):
        yield from _spoken(audio, losses)
    yield from _calls(message, losses)


def _part(part: Any, losses: Losses) -> Block | None:
    if not isinstance(part, Mapping):
        losses.note("content part", f"a {type(part).__name__} is no part")
        return None
    match part.get("type"):
        case "text":
            losses.note_unread("text", part, ("type", "text"))
            return Text(str(part.get("text", "")))
        case "refusal":
            return Refusal(str(part.get("refusal", "")))
        case "thinking" if isinstance(thoughts := part.get("thinking"), Sequence):  # as Mistral's models think
            losses.note_unread("thinking", part, ("type", "thinking"))
            texts = (thought.get("text") for thought in thoughts if isinstance(thought, Mapping))
            return Reasoning("".join(text for text in texts if isinstance(text, str)))
        case "image_url":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, Mapping) else image
            if isinstance(image, Mapping):
                losses.note_unread("image", image, ("url",))
            return split_data_url("image", str(url))
        case "input_audio":
            audio = part.get("input_audio")
            audio = audio if isinstance(audio, Mapping) else {}
            return Media("audio", data=_text(audio.get("data")), media_type=f"audio/{audio.get('format', 'wav')}")
        case "file":
            file = part.get("file")
            file = file if isinstance(file, Mapping) else {}
            found = split_data_url("file", file["file_data"]) if isinstance(file.get("file_data"), str) else None
            return Media(
                "file",
                found.url if found else None,
                found.data if found else None,
                found.media_type if found else None,
                _text(file.get("filename")),
                _text(file.get("file_id")),
            )
        case other:
            return Data(str(other), {key: value for key, value in part.items() if key != "type"})


def _spoken(audio: Mapping[str, Any], losses: Losses) -> Iterator[Block]:
    data, transcript = _text(audio.get("data")), _text(audio.get("transcript"))
    if data is not None:
        yield Media("audio", data=data, media_type="audio/wav")
        if transcript:
            losses.note("audio.transcript", "the sound itself is there")
    elif transcript:
        losses.note("audio", "only what was said in it is there")
        yield Text(transcript)
    else:
        losses.note("audio", "it is named by an id that only its provider knows")


def _citations(annotations: Any, losses: Losses) -> Iterator[Citation]:
    for annotation in annotations if isinstance(annotations, list | tuple) else ():
        cited = annotation.get("url_citation") if isinstance(annotation, Mapping) else None
        if isinstance(cited, Mapping):
            source = Source(_text(cited.get("url")), _text(cited.get("title")))
            yield Citation(source, _int(cited.get("start_index")), _int(cited.get("end_index")))
        else:
            losses.note("annotation", "it is no URL citation")


def _calls(message: Mapping[str, Any], losses: Losses) -> Iterator[Block]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list | tuple) else ():
        if not isinstance(call, Mapping):
            losses.note("tool call", "it is no object")
            continue
        kind = "custom" if call.get("type") == "custom" else "function"
        function = call.get(kind)
        function = function if isinstance(function, Mapping) else {}
        given = function.get("input" if kind == "custom" else "arguments")
        id_, name = str(call.get("id") or ""), str(function.get("name") or "")
        if kind == "custom":
            losses.note("tool call type 'custom'", "it is read as a call whose input is text")
            yield ToolCall(id_, name, str(given or ""))
        else:
            yield call_of(id_, name, given)
    legacy = message.get("function_call")
    if isinstance(legacy, Mapping):
        name = str(legacy.get("name") or "")
        losses.note("function_call", "it is read as a tool call with the function's name as its id")
        yield call_of(name, name, legacy.get("arguments"))


# --- writing


def write(messages: Sequence[Message], losses: Losses) -> list[dict[str, Any]]:
    """Neutral messages as request messages."""
    written: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        losses.index = index
        _note_metadata(message, losses)
        if message.role == "tool":
            written.extend(_tool_messages(message, losses))
        elif message.role == "assistant":
            written.extend(_assistant(message, losses))
        else:
            written.append(_said(message, losses))
    return written


def _note_metadata(message: Message, losses: Losses) -> None:
    for what in ("model", "finish_reason", "usage"):
        if getattr(message, what) is not None:
            losses.note(what, "a chat message has no place for it")


def _tool_messages(message: Message, losses: Losses) -> Iterator[dict[str, Any]]:
    for block in message.blocks:
        if isinstance(block, ToolResult):
            yield _result(block, losses)
        else:
            losses.note(type(block).__name__, "a tool's message holds its result only")


def _result(block: ToolResult, losses: Losses) -> dict[str, Any]:
    if block.is_error:
        losses.note("is_error", "a tool message cannot say that the tool failed")
    if block.name is not None:
        losses.note("tool name", "a tool message names its call only")
    return {"role": "tool", "tool_call_id": block.call_id, "content": result_text(block.output, losses)}


_ORDER: Final = (Reasoning, Text, Refusal, ToolCall)
"""The order in which an assistant's message is read; it has one place for each kind."""


def _assistant(message: Message, losses: Losses) -> Iterator[dict[str, Any]]:
    kept = [block for block in message.blocks if _fits(block, losses)]
    places = [_ORDER.index(type(block)) for block in kept]
    if places != sorted(places) or places.count(0) > 1 or places.count(2) > 1:
        losses.note("order of blocks", "a chat message has one place for each kind of content")
    texts = [block for block in kept if isinstance(block, Text)]
    parts: list[dict[str, Any]] = [{"type": "text", "text": block.text} for block in texts]
    annotations = [annotation for block in texts for annotation in _annotations(block, losses)]
    found: dict[str, Any] = {
        "reasoning_content": "".join(block.text for block in kept if isinstance(block, Reasoning)),
        "refusal": "".join(block.text for block in kept if isinstance(block, Refusal)),
        "annotations": annotations if len(texts) == 1 else [],
        "tool_calls": [_call(block, losses) for block in kept if isinstance(block, ToolCall)],
    }
    if annotations and len(texts) > 1:
        losses.note("citations", "several texts cannot share one list of them")
    if kept:
        content = _joined(parts)
        yield {"role": "assistant", "content": content} | {key: value for key, value in found.items() if value}


def _fits(block: Block, losses: Losses) -> bool:
    if not isinstance(block, _ORDER) or (isinstance(block, ToolCall) and block.by_provider):
        losses.note(_named(block), "an assistant's chat message cannot hold it")
        return False
    if isinstance(block, Reasoning) and block.seal is not None:
        losses.note("reasoning seal", "a chat message has no place for it")
    return True


def _joined(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]] | None:
    return parts[0]["text"] if len(parts) == 1 else parts or None


def _annotations(block: Text, losses: Losses) -> Iterator[dict[str, Any]]:
    for citation in block.citations:
        source = citation.source
        if source.url is None or source.quote is not None or source.id is not None or source.filename is not None:
            losses.note("citation", "a chat annotation holds a URL and a title only")
        if source.url is not None:
            cited = {"url": source.url, "title": source.title, "start_index": citation.start, "end_index": citation.end}
            yield {
                "type": "url_citation",
                "url_citation": {key: value for key, value in cited.items() if value is not None},
            }


def _call(block: ToolCall, losses: Losses) -> dict[str, Any]:
    if block.approval is not None:
        losses.note("approval", "a chat message has no place for it")
    arguments = json.dumps(block.input, ensure_ascii=False) if block.is_json else str(block.input)
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": arguments}}


def _said(message: Message, losses: Losses) -> dict[str, Any]:
    parts = [part for block in message.blocks if (part := _said_part(block, losses)) is not None]
    only = parts[0] if len(parts) == 1 else None
    content = only["text"] if only is not None and only["type"] == "text" else parts or ""
    named = {} if message.name is None else {"name": message.name}
    return {"role": message.role, "content": content, **named}


def _said_part(block: Block, losses: Losses) -> dict[str, Any] | None:
    match block:
        case Text():
            if block.citations:
                losses.note("citations", "a user's chat message cannot cite")
            return {"type": "text", "text": block.text}
        case Media(kind="image") if (url := data_url(block)) is not None:
            if block.filename or block.file_id or (block.url and block.media_type):
                losses.note("image details", "a chat image is a URL only")
            return {"type": "image_url", "image_url": {"url": url}}
        case Media(kind="audio") if block.data is not None and (form := try_audio_format(block.media_type)):
            if block.filename or block.file_id:
                losses.note("audio details", "chat audio is data and format only")
            return {"type": "input_audio", "input_audio": {"data": block.data, "format": form}}
        case Media(kind="file") if block.file_id is not None or block.data is not None:
            file = {"filename": block.filename, "file_id": block.file_id}
            if block.data is not None:
                file["file_data"] = data_url(block)
            if block.url is not None or (block.data is None and block.media_type):
                losses.note("file details", "a chat file is data or a file's id")
            return {"type": "file", "file": {key: value for key, value in file.items() if value is not None}}
        case _:
            losses.note(_named(block), "a user's chat message cannot hold it")
            return None


def _named(block: Block) -> str:
    return f"{block.kind}" if isinstance(block, Media) else type(block).__name__


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
