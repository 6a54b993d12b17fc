"""LlamaIndex chat messages and their blocks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from .blocks import (
    Block,
    Data,
    Losses,
    Media,
    MediaKind,
    Message,
    Reasoning,
    Refusal,
    Role,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from .media import media_type_of
from .tools import call_of, result_text

_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "tool": "tool",
    "function": "tool",
}
_UNNAMED: Final = "input_document"
"""The title that LlamaIndex gives a document without one."""

_KWARGS: Final = ("tool_call_id", "name", "tool_calls", "is_error")


def read(message: ChatMessage, losses: Losses) -> list[Message]:
    """One message in neutral form."""
    role: Role = _ROLES.get(str(message.role.value), "user")
    kwargs = message.additional_kwargs
    losses.note_unread("additional_kwargs", kwargs, _KWARGS)
    blocks = [found for block in message.blocks if (found := _read_block(block, losses)) is not None]
    if role == "tool":
        call_id = str(kwargs.get("tool_call_id") or "")
        result = ToolResult(call_id, _output(blocks, losses), kwargs.get("is_error") is True, _text(kwargs.get("name")))
        return [Message("tool", (result,))]
    blocks.extend(
        _kwargs_calls(kwargs.get("tool_calls"), {block.id for block in blocks if isinstance(block, ToolCall)})
    )
    return [Message(role, tuple(blocks), name=_text(kwargs.get("name")))]


def _output(blocks: Sequence[Block], losses: Losses) -> str:
    texts = [block.text for block in blocks if isinstance(block, Text)]
    if len(texts) < len(blocks):
        losses.note("tool output content", "what is no text in it")
    return "".join(texts)


def _kwargs_calls(calls: Any, known: set[str]) -> Iterator[ToolCall]:
    """Calls as older integrations keep them: OpenAI's objects, or the same as dictionaries."""
    for call in calls if isinstance(calls, list | tuple) else ():
        dump = getattr(call, "model_dump", None)
        plain: Any = dump() if callable(dump) else call
        plain = plain if isinstance(plain, Mapping) else {}
        function = plain.get("function")
        if isinstance(function, Mapping) and str(plain.get("id")) not in known:
            yield call_of(str(plain.get("id") or ""), str(function.get("name")), function.get("arguments"))


def _read_block(block: Any, losses: Losses) -> Block | None:
    match block:
        case TextBlock():
            return Text(block.text)
        case ThinkingBlock():
            extra = block.additional_information
            losses.note_unread("thinking.additional_information", extra, ("signature",))
            return Reasoning(block.content or "", _text(extra.get("signature")))
        case ToolCallBlock():
            given = block.tool_kwargs
            id_ = block.tool_call_id or ""
            return (
                call_of(id_, block.tool_name, given)
                if isinstance(given, str)
                else ToolCall(id_, block.tool_name, given)
            )
        case ImageBlock():
            return _media("image", block.image, block.url, block.path, block.image_mimetype, losses)
        case AudioBlock():
            form = None if block.format is None else f"audio/{block.format}"
            return _media("audio", block.audio, block.url, block.path, form, losses)
        case VideoBlock():
            return _media("video", block.video, block.url, block.path, block.video_mimetype, losses)
        case DocumentBlock():
            return _media("file", block.data, block.url, block.path, block.document_mimetype, losses, block.title)
        case CitationBlock():
            quote = block.cited_content
            text = _text(quote.text) if isinstance(quote, TextBlock) else None
            return Source(title=_text(block.title), id=_text(block.source), quote=text)
        case _:
            dumped = block.model_dump(mode="json")
            return Data(str(dumped.pop("block_type", type(block).__name__)), dumped)


def _media(
    kind: MediaKind, data: Any, url: Any, path: Any, media_type: str | None, losses: Losses, title: str | None = None
) -> Media:
    if path is not None:
        losses.note(f"{kind} path", "a file of one machine is none of another's")
    if data is not None and not isinstance(data, bytes):
        losses.note(f"{kind} data", "it is an open file, which can be read only once")
    text = data.decode("ascii", "replace") if isinstance(data, bytes) else None  # blocks hold base64 as bytes
    name = None if title == _UNNAMED else title
    return Media(kind, None if url is None else str(url), text, media_type, name)


# --- writing


def write(messages: Sequence[Message], losses: Losses) -> list[ChatMessage]:
    """Neutral messages as chat messages."""
    written: list[ChatMessage] = []
    for losses.index, message in enumerate(messages):
        for what in ("model", "finish_reason", "usage"):
            if getattr(message, what) is not None:
                losses.note(what, "a chat message has no place for it")
        if message.role == "tool":
            written.extend(_results(message, losses))
            continue
        blocks = [found for block in message.blocks if (found := _block(block, losses)) is not None]
        kwargs: dict[str, Any] = {} if message.name is None else {"name": message.name}
        written.append(ChatMessage(role=MessageRole(message.role), blocks=blocks, additional_kwargs=kwargs))
    return written


def _results(message: Message, losses: Losses) -> Iterator[ChatMessage]:
    for block in message.blocks:
        if not isinstance(block, ToolResult):
            losses.note(type(block).__name__, "a tool's message holds its result only")
            continue
        kwargs: dict[str, Any] = {"tool_call_id": block.call_id}
        if block.name is not None:
            kwargs["name"] = block.name
        if block.is_error:
            kwargs["is_error"] = True
        text = result_text(block.output, losses)
        yield ChatMessage(role=MessageRole.TOOL, blocks=[TextBlock(text=text)], additional_kwargs=kwargs)


def _block(block: Block, losses: Losses) -> Any:
    match block:
        case Text():
            if block.citations:
                losses.note("citations", "a text block cannot cite")
            return TextBlock(text=block.text)
        case Refusal():
            losses.note("refusal", "it is written as text")
            return TextBlock(text=block.text)
        case Reasoning():
            more = {} if block.seal is None else {"signature": block.seal}
            return ThinkingBlock(content=block.text, additional_information=more)
        case ToolCall():
            return _call(block, losses)
        case Media():
            return _write_media(block, losses)
        case Source() if block.url is None and block.media_type is None and block.filename is None:
            return CitationBlock(
                cited_content=TextBlock(text=block.quote or ""),
                source=block.id or "",
                title=block.title or "",
                additional_location_info={},
            )
        case _:
            losses.note(type(block).__name__, "a chat message has no block for it")
            return None


def _call(block: ToolCall, losses: Losses) -> ToolCallBlock | None:
    if block.by_provider:
        losses.note("provider tool call", "a chat message has no block for it")
        return None
    if block.approval is not None:
        losses.note("approval", "a chat message has no place for it")
    raw = json.dumps(block.input, ensure_ascii=False) if block.is_json else str(block.input)
    given = block.input if block.is_json and isinstance(block.input, dict) else raw
    return ToolCallBlock(tool_call_id=block.id, tool_name=block.name, tool_kwargs=given)


def _write_media(block: Media, losses: Losses) -> Any:
    if block.url is None and block.data is None:
        losses.note(block.kind, "it is named by an id that only its provider knows")
        return None
    if block.file_id is not None or (block.url is not None and block.data is not None):
        losses.note(f"{block.kind} reference", "a block has a URL or the data")
    if block.filename is not None and block.kind != "file":
        losses.note("filename", "only a document block has a title")
    data = _bytes(block.data, losses)
    match block.kind:
        case "image":
            return ImageBlock(image=data, url=block.url, image_mimetype=block.media_type)
        case "audio":
            return AudioBlock(audio=data, url=block.url, format=(block.media_type or "").removeprefix("audio/") or None)
        case "video":
            return VideoBlock(video=data, url=block.url, video_mimetype=block.media_type)
        case "file":
            return DocumentBlock(data=data, url=block.url, title=block.filename, document_mimetype=media_type_of(block))


def _bytes(data: str | None, losses: Losses) -> bytes | None:
    if data is None:
        return None
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        losses.note("media data", "it is no base64")
        return b""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
