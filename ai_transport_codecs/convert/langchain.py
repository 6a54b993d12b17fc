"""LangChain messages, read and written through its standard content blocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata

from .blocks import (
    Block,
    Citation,
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
    Usage,
)
from .tools import call_of, text_of

_ROLES: Final[Mapping[str, Role]] = {"system": "system", "ai": "assistant", "tool": "tool", "function": "tool"}
_MEDIA: Final[Mapping[str, MediaKind]] = {"image": "image", "audio": "audio", "video": "video", "file": "file"}
_MEDIA_KNOWN: Final = ("type", "id", "index", "url", "base64", "file_id", "mime_type", "extras")
_PROVIDER_KNOWN: Final = ("type", "id", "index", "name", "args", "tool_call_id", "status", "output")
_RESPONSE_KNOWN: Final = (
    *("model_name", "model", "finish_reason", "stop_reason", "output_version", "model_provider"),
    "token_usage",  # what usage_metadata says, in the provider's own words
)


def read(message: BaseMessage, losses: Losses) -> list[Message]:
    """One message in neutral form."""
    role: Role = _ROLES.get(message.type.removesuffix("MessageChunk").lower(), "user")
    if isinstance(message, ToolMessage):
        return [_read_result(message, losses)]
    blocks = tuple(_read_blocks(message, losses))
    response = message.response_metadata
    losses.note_unread("response_metadata", response, _RESPONSE_KNOWN)
    extras = {key: value for key, value in message.additional_kwargs.items() if key not in {"tool_calls", "refusal"}}
    losses.note_unread("additional_kwargs", extras, ("reasoning_content",))
    return [
        Message(
            role,
            blocks,
            message.id,
            message.name,
            _text(response.get("model_name") or response.get("model")),
            _text(response.get("finish_reason") or response.get("stop_reason")),
            _usage(message, losses),
        )
    ]


def _usage(message: BaseMessage, losses: Losses) -> Usage | None:
    usage = getattr(message, "usage_metadata", None)
    if usage is None:
        return None
    losses.note_unread("usage_metadata", usage, ("input_tokens", "output_tokens", "total_tokens"))
    return Usage(usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])


def _read_result(message: ToolMessage, losses: Losses) -> Message:
    if message.artifact is not None:
        losses.note("artifact", "it is for the application that ran the tool")
    result = ToolResult(message.tool_call_id, text_of(message.content), message.status == "error", message.name)
    return Message("tool", (result,), message.id)


def _read_blocks(message: BaseMessage, losses: Losses) -> Iterator[Block]:
    known: set[str] = set()
    for block in _with_bare_texts(message).content_blocks:
        found = _read_block(cast("Mapping[str, Any]", block), losses)
        if isinstance(found, ToolCall):
            known.add(found.id)
        if found is not None:
            yield found
    for call in getattr(message, "invalid_tool_calls", ()):  # of which content blocks leave out those beside a text
        if str(call.get("id") or "") not in known:
            yield _read_call(call, losses)
    refusal = message.additional_kwargs.get("refusal")
    if isinstance(refusal, str) and refusal:
        yield Refusal(refusal)


def _with_bare_texts(message: BaseMessage) -> BaseMessage:
    """The message with each bare text in its content as a block: some providers' translators leave these out."""
    content = message.content
    if isinstance(content, str) or not any(isinstance(entry, str) for entry in content):
        return message
    blocks = [{"type": "text", "text": entry} if isinstance(entry, str) else entry for entry in content if entry]
    return message.model_copy(update={"content": blocks})


def _read_block(block: Mapping[str, Any], losses: Losses) -> Block | None:
    type_ = str(block.get("type"))
    if type_ in _MEDIA:
        return _read_media(_MEDIA[type_], block, losses)
    read_ = _READERS.get(type_)
    if read_ is not None:
        return read_(block, losses)
    return Data(type_, {key: value for key, value in block.items() if key != "type"})


def _read_text(block: Mapping[str, Any], losses: Losses) -> Block:
    losses.note_unread("text", block, ("type", "id", "index", "text", "annotations"))
    return Text(str(block.get("text", "")), tuple(_citations(block.get("annotations"), losses)))


def _read_plain_text(block: Mapping[str, Any], losses: Losses) -> Block:
    losses.note("text-plain", "it is read as text")
    return Text(str(block.get("text", "")))


def _read_reasoning(block: Mapping[str, Any], losses: Losses) -> Block:
    extras = block.get("extras")
    extras = extras if isinstance(extras, Mapping) else {}
    losses.note_unread("reasoning", block, ("type", "id", "index", "reasoning", "extras"))
    losses.note_unread("reasoning.extras", extras, ("signature",))
    return Reasoning(str(block.get("reasoning", "")), _text(extras.get("signature")))


def _read_call(block: Mapping[str, Any], losses: Losses) -> Block:
    losses.note_unread("tool_call", block, ("type", "id", "index", "name", "args", "extras", "error"))
    return call_of(str(block.get("id") or ""), str(block.get("name") or ""), block.get("args"))


def _read_provider_call(block: Mapping[str, Any], losses: Losses) -> Block:
    losses.note_unread("server_tool_call", block, _PROVIDER_KNOWN)
    return ToolCall(str(block.get("id") or ""), str(block.get("name")), block.get("args"), by_provider=True)


def _read_provider_result(block: Mapping[str, Any], losses: Losses) -> Block:
    losses.note_unread("server_tool_result", block, _PROVIDER_KNOWN)
    failed = block.get("status") == "error"
    return ToolResult(str(block.get("tool_call_id")), block.get("output"), failed, by_provider=True)


def _read_own(value: Any) -> Block:
    """A block that is no standard one; what :func:`_data` wrote has its name within."""
    if isinstance(value, Mapping) and set(value) == {"type", "value"} and isinstance(value["type"], str):
        return Data(value["type"], value["value"])
    return Data("non_standard", value)


def _read_half_call(_: Mapping[str, Any], losses: Losses) -> None:
    losses.note("half-received tool call", "its input is not known")


def _read_media(kind: MediaKind, block: Mapping[str, Any], losses: Losses) -> Media:
    extras = block.get("extras")
    extras = extras if isinstance(extras, Mapping) else {}
    losses.note_unread(kind, block, _MEDIA_KNOWN)
    losses.note_unread(f"{kind}.extras", extras, ("filename",))
    return Media(
        kind,
        _text(block.get("url")),
        _text(block.get("base64")),
        _text(block.get("mime_type")),
        _text(extras.get("filename")),
        _text(block.get("file_id")),
    )


def _citations(annotations: Any, losses: Losses) -> Iterator[Citation]:
    for annotation in annotations or ():
        if annotation.get("type") != "citation":
            losses.note("annotation", "it is no citation")
            continue
        losses.note_unread(
            "citation", annotation, ("type", "id", "url", "title", "start_index", "end_index", "cited_text")
        )
        source = Source(annotation.get("url"), annotation.get("title"), quote=annotation.get("cited_text"))
        yield Citation(source, annotation.get("start_index"), annotation.get("end_index"))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Losses], Block | None]]] = {
    "text": _read_text,
    "text-plain": _read_plain_text,
    "refusal": lambda block, losses: Refusal(str(block.get("refusal", ""))),
    "reasoning": _read_reasoning,
    "tool_call": _read_call,
    "invalid_tool_call": _read_call,
    "tool_call_chunk": _read_half_call,
    "server_tool_call": _read_provider_call,
    "server_tool_call_chunk": _read_half_call,
    "server_tool_result": _read_provider_result,
    "non_standard": lambda block, losses: _read_own(block.get("value")),
}


# --- writing


def write(messages: Sequence[Message], losses: Losses) -> list[BaseMessage]:
    """Neutral messages as LangChain's."""
    written: list[BaseMessage] = []
    for losses.index, message in enumerate(messages):
        if message.role == "tool":
            written.extend(_results(message, losses))
        elif message.role == "assistant":
            written.append(_answer(message, losses))
        else:
            kind = SystemMessage if message.role == "system" else HumanMessage
            _note_metadata(message, losses)
            content = _content(message.blocks, losses)
            written.append(kind(content=content, id=message.id, name=message.name))
    return written


def _note_metadata(message: Message, losses: Losses) -> None:
    for what in ("model", "finish_reason", "usage"):
        if getattr(message, what) is not None:
            losses.note(what, "only an AI message has a place for it")


def _results(message: Message, losses: Losses) -> Iterator[ToolMessage]:
    _note_metadata(message, losses)
    results = [block for block in message.blocks if isinstance(block, ToolResult)]
    if len(results) < len(message.blocks):
        losses.note("content beside a tool's result", "a tool's message holds its result only")
    for block in results:
        yield ToolMessage(
            content=_result_content(block, losses),
            tool_call_id=block.call_id,
            name=block.name,
            status="error" if block.is_error else "success",
            id=message.id if len(results) == 1 else None,
        )


def _result_content(block: ToolResult, losses: Losses) -> Any:
    output = block.output
    if isinstance(output, str):
        return output
    if isinstance(output, list) and output and all(isinstance(part, dict) and "type" in part for part in output):
        return output
    losses.note("tool output structure", "a tool message holds text or content; it is written as JSON text")
    return json.dumps(output, ensure_ascii=False)


def _answer(message: Message, losses: Losses) -> AIMessage:
    usage = message.usage
    metadata = {"model_name": message.model, "finish_reason": message.finish_reason}
    response: dict[str, Any] = {key: value for key, value in metadata.items() if value is not None}
    content = _content(message.blocks, losses)
    calls = [block for block in message.blocks if isinstance(block, ToolCall) and not block.by_provider]
    if not isinstance(content, str):
        response["output_version"] = "v1"  # what says that these are standard blocks
    if any(isinstance(block, ToolCall) and block.approval is not None for block in message.blocks):
        losses.note("approval", "an AI message has no place for it")
    return AIMessage(
        content=content,
        id=message.id,
        name=message.name,
        response_metadata=response,
        tool_calls=[
            {"type": "tool_call", "id": call.id, "name": call.name, "args": call.input}
            for call in calls
            if call.is_json and isinstance(call.input, dict)
        ],
        invalid_tool_calls=[
            {"type": "invalid_tool_call", "id": call.id, "name": call.name, "args": _raw(call), "error": None}
            for call in calls
            if not (call.is_json and isinstance(call.input, dict))
        ],
        usage_metadata=None
        if usage is None
        else UsageMetadata(
            input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=usage.total_tokens
        ),
    )


def _raw(call: ToolCall) -> str:
    return json.dumps(call.input, ensure_ascii=False) if call.is_json else str(call.input)


def _content(blocks: Sequence[Block], losses: Losses) -> Any:
    """Text alone as a string, anything else as standard blocks."""
    if all(isinstance(block, Text) and not block.citations for block in blocks) and len(blocks) <= 1:
        return "".join(block.text for block in blocks if isinstance(block, Text))
    return [written for block in blocks if (written := _block(block, losses)) is not None]


def _block(block: Block, losses: Losses) -> dict[str, Any] | None:
    match block:
        case Text():
            annotations = [_annotation(citation, losses) for citation in block.citations]
            return {"type": "text", "text": block.text} | ({"annotations": annotations} if annotations else {})
        case Refusal():
            return {"type": "refusal", "refusal": block.text}
        case Reasoning():
            extras = {} if block.seal is None else {"extras": {"signature": block.seal}}
            return {"type": "reasoning", "reasoning": block.text, **extras}
        case ToolCall():
            return _call(block, losses)
        case ToolResult():
            return _provider_result(block, losses)
        case Media():
            return _media(block)
        case Source():
            losses.note("source", "a content block cites sources within a text only")
            return None
        case Data():
            return _data(block, losses)


def _call(block: ToolCall, losses: Losses) -> dict[str, Any]:
    if block.by_provider:
        if not isinstance(block.input, dict):
            losses.note("provider tool input", "a server tool call takes an object")
        args = block.input if isinstance(block.input, dict) else {"input": block.input}
        return {"type": "server_tool_call", "id": block.id, "name": block.name, "args": args}
    if block.is_json and isinstance(block.input, dict):
        return {"type": "tool_call", "id": block.id, "name": block.name, "args": block.input}
    return {"type": "invalid_tool_call", "id": block.id, "name": block.name, "args": _raw(block), "error": None}


def _provider_result(block: ToolResult, losses: Losses) -> dict[str, Any]:
    if not block.by_provider:
        losses.note("tool result beside its call", "it is written as one of the provider's tools")
    if block.name is not None:
        losses.note("tool name", "a server tool result names its call only")
    status = "error" if block.is_error else "success"
    return {"type": "server_tool_result", "tool_call_id": block.call_id, "status": status, "output": block.output}


def _annotation(citation: Citation, losses: Losses) -> dict[str, Any]:
    source = citation.source
    if source.id or source.media_type or source.filename:
        losses.note("source details", "a citation has a URL, a title and a passage")
    fields = {
        "url": source.url,
        "title": source.title,
        "start_index": citation.start,
        "end_index": citation.end,
        "cited_text": source.quote,
    }
    return {"type": "citation", **{key: value for key, value in fields.items() if value is not None}}


def _media(block: Media) -> dict[str, Any]:
    fields = {"url": block.url, "base64": block.data, "mime_type": block.media_type, "file_id": block.file_id}
    found: dict[str, Any] = {"type": block.kind, **{key: value for key, value in fields.items() if value is not None}}
    return found if block.filename is None else {**found, "extras": {"filename": block.filename}}


def _data(block: Data, losses: Losses) -> dict[str, Any]:
    if block.id is not None:
        losses.note("data id", "a content block of one's own has no place for it")
    if block.name == "non_standard":
        return {"type": "non_standard", "value": block.value}
    return {"type": "non_standard", "value": {"type": block.name, "value": block.value}}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
