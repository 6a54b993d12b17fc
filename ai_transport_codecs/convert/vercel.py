"""UI messages of the AI SDK."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .blocks import (
    Block,
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
    Usage,
)
from .media import data_url, kind_of, media_type_of, split_data_url
from .steps import answers, last_of, summed_usage

_ROLES: Final[Mapping[str, Role]] = {"system": "system", "user": "user", "assistant": "assistant"}
_USAGE: Final = ("inputTokens", "outputTokens", "totalTokens")
_TOOL_KNOWN: Final = (
    *("type", "toolName", "toolCallId", "state", "input", "rawInput", "output", "errorText", "providerExecuted"),
    "approval",
)
_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def read(message: Mapping[str, Any], losses: Losses) -> list[Message]:
    """One UI message in neutral form: its steps, each followed by what the tools answered."""
    role = _ROLES.get(str(message.get("role")), "user")
    id_ = message.get("id") if isinstance(message.get("id"), str) else None
    losses.note_unread("message", message, ("id", "role", "parts", "metadata"))
    steps = _steps(message.get("parts"))
    found: list[Message] = []
    for parts in steps:
        blocks: list[Block] = []
        results: list[Block] = []
        for part in parts:
            _read_part(part, blocks, results, losses)
        part_of = id_ if len(steps) > 1 else None
        if blocks or not results:
            found.append(Message(role, tuple(blocks), id_ if not found else None, part_of=part_of))
        if results:
            found.append(Message("tool", tuple(results), part_of=part_of))
    return _with_metadata(found, message.get("metadata"), losses)


def _steps(parts: Any) -> list[list[Mapping[str, Any]]]:
    steps: list[list[Mapping[str, Any]]] = [[]]
    for part in parts if isinstance(parts, list | tuple) else ():
        if not isinstance(part, Mapping):
            continue
        if part.get("type") == "step-start":
            if steps[-1]:
                steps.append([])
        else:
            steps[-1].append(part)
    return steps if steps[-1] or len(steps) == 1 else steps[:-1]


def _with_metadata(found: list[Message], metadata: Any, losses: Losses) -> list[Message]:
    if metadata is None:
        return found
    if not isinstance(metadata, Mapping):
        losses.note("metadata", "it is no object")
        return found
    losses.note_unread("metadata", metadata, ("usage", "model", "finishReason"))
    usage = metadata.get("usage")
    last = max(index for index, message in enumerate(found) if message.role != "tool" or index == 0)
    message = found[last]
    found[last] = Message(
        message.role,
        message.blocks,
        message.id,
        message.name,
        _text(metadata.get("model")),
        _text(metadata.get("finishReason")),
        Usage(*(_count(usage.get(key)) for key in _USAGE)) if isinstance(usage, Mapping) else None,
        message.part_of,
    )
    if isinstance(usage, Mapping):
        losses.note_unread("usage", usage, _USAGE)
    return found


def _read_part(part: Mapping[str, Any], blocks: list[Block], results: list[Block], losses: Losses) -> None:
    type_ = str(part.get("type"))
    if type_ == "dynamic-tool" or type_.startswith("tool-"):
        _read_tool(part, type_, blocks, results, losses)
        return
    block = _read_content(part, type_, losses)
    if block is None:
        losses.note(f"part {type_!r}", "it is no part of a UI message of AI SDK 6")
    else:
        blocks.append(block)


def _read_content(part: Mapping[str, Any], type_: str, losses: Losses) -> Block | None:
    match type_:
        case "text" | "reasoning":
            losses.note_unread(type_, part, ("type", "text", "state"))
            return Text(str(part.get("text", ""))) if type_ == "text" else Reasoning(str(part.get("text", "")))
        case "file":
            losses.note_unread("file", part, ("type", "mediaType", "url", "filename"))
            media_type = _text(part.get("mediaType"))
            return split_data_url(
                kind_of(media_type), str(part.get("url", "")), media_type, _text(part.get("filename"))
            )
        case "source-url":
            losses.note_unread("source", part, ("type", "sourceId", "url", "title"))
            return Source(_text(part.get("url")), _text(part.get("title")), _text(part.get("sourceId")))
        case "source-document":
            losses.note_unread("source", part, ("type", "sourceId", "mediaType", "title", "filename"))
            return Source(
                None,
                _text(part.get("title")),
                _text(part.get("sourceId")),
                _text(part.get("mediaType")),
                _text(part.get("filename")),
            )
        case _ if type_.startswith("data-"):
            losses.note_unread("data", part, ("type", "id", "data"))
            return Data(type_.removeprefix("data-"), part.get("data"), _text(part.get("id")))
        case _:
            return None


def _read_tool(part: Mapping[str, Any], type_: str, blocks: list[Block], results: list[Block], losses: Losses) -> None:
    name = str(part.get("toolName") or "") if type_ == "dynamic-tool" else type_.removeprefix("tool-")
    call_id, state = str(part.get("toolCallId") or ""), part.get("state")
    if state == "input-streaming":
        losses.note("half-received tool call", "its input is not known")
        return
    losses.note_unread("tool", part, _TOOL_KNOWN)
    by_provider = part.get("providerExecuted") is True
    approval, reason = _approval(part, losses)
    given = part.get("input", part.get("rawInput", {}))
    is_json = not (isinstance(given, str) and state == "output-error" and "input" not in part)
    blocks.append(ToolCall(call_id, name, given, is_json, by_provider, approval, reason))
    target = blocks if by_provider else results
    if state == "output-available":
        if part.get("preliminary") is True:
            losses.note("preliminary", "what was known of the output is taken for all of it")
        target.append(ToolResult(call_id, part.get("output"), name=name, by_provider=by_provider))
    elif state == "output-error":
        error = str(part.get("errorText", ""))
        target.append(ToolResult(call_id, error, is_error=True, name=name, by_provider=by_provider))


def _approval(part: Mapping[str, Any], losses: Losses) -> tuple[Any, str | None]:
    approval = part.get("approval")
    if not isinstance(approval, Mapping):
        return ("denied" if part.get("state") == "output-denied" else None), None
    losses.note_unread("approval", approval, ("id", "approved", "reason"))
    answer = approval.get("approved")
    word = "approved" if answer is True else "denied" if answer is False else "requested"
    return word, _text(approval.get("reason"))


# --- writing


def write(messages: Sequence[Message], losses: Losses) -> list[dict[str, Any]]:
    """Neutral messages as UI messages: an answer, its tools and what followed them are one."""
    written = []
    for number, group in enumerate(answers(messages)):
        losses.index, first = group[0]
        parts: list[dict[str, Any]] = []
        steps = sum(message.role == "assistant" for _, message in group)
        tools: dict[str, dict[str, Any]] = {}
        for losses.index, message in group:
            if message.role == "assistant" and steps > 1:
                parts.append({"type": "step-start"})
            if message.name is not None:
                losses.note("name", "a UI message has no place for it")
            for block in message.blocks:
                _write_block(block, parts, tools, losses)
        role = "assistant" if first.role == "tool" else first.role
        metadata = _metadata(group, losses)
        written.append({"id": first.id or f"message-{number + 1}", "role": role, "parts": parts, **metadata})
    return written


def _metadata(group: list[tuple[int, Message]], losses: Losses) -> dict[str, Any]:
    usage = summed_usage(group, losses)
    found = {"model": last_of(group, "model", losses), "finishReason": last_of(group, "finish_reason", losses)}
    metadata: dict[str, Any] = {key: value for key, value in found.items() if value is not None}
    if usage is not None:
        counts = (usage.input_tokens, usage.output_tokens, usage.total_tokens)
        metadata["usage"] = dict(zip(_USAGE, counts, strict=True))
    return {"metadata": metadata} if metadata else {}


def _write_block(block: Block, parts: list[dict[str, Any]], tools: dict[str, dict[str, Any]], losses: Losses) -> None:
    match block:
        case ToolCall():
            tools[block.id] = _tool(block, losses)
            parts.append(tools[block.id])
        case ToolResult():
            part = tools.get(block.call_id)
            if part is not None and not block.by_provider and _is_late(part, parts):
                losses.note("order of tool results", "a UI message has each at its call")
            if part is None:
                part = {"type": "dynamic-tool", "toolName": block.name or "unknown", "toolCallId": block.call_id}
                losses.note("tool call", "a result is here without its call, whose input is not known")
                parts.append(part)
            _answer(part, block, losses)
        case _:
            parts.extend(_content(block, losses))


def _tool(block: ToolCall, losses: Losses) -> dict[str, Any]:
    part: dict[str, Any] = {"type": f"tool-{block.name}", "toolCallId": block.id, "state": "input-available"}
    if block.by_provider:
        part["providerExecuted"] = True
    part["input"] = block.input
    if not block.is_json:
        losses.note("invalid tool input", "a UI message cannot say that it never became JSON")
    if block.approval == "requested":
        part |= {"state": "approval-requested", "approval": {"id": block.id}}
    elif block.approval is not None:
        answer = {"id": block.id, "approved": block.approval == "approved"}
        part["approval"] = answer | ({} if block.reason is None else {"reason": block.reason})
        part["state"] = "approval-responded" if block.approval == "approved" else "output-denied"
    return part


def _is_late(part: dict[str, Any], parts: list[dict[str, Any]]) -> bool:
    """Whether a later call was answered already, or another step has begun, before what answers this one."""
    later = parts[next(place for place, each in enumerate(parts) if each is part) + 1 :]
    return any(each["type"] == "step-start" or str(each.get("state")).startswith("output") for each in later)


def _answer(part: dict[str, Any], block: ToolResult, losses: Losses) -> None:
    if part["type"].removeprefix("tool-") != (block.name or "") and block.name and part["type"] != "dynamic-tool":
        losses.note("tool name", "the result names another tool than its call")
    if block.is_error:
        text = block.output if isinstance(block.output, str) else str(block.output)
        if text is not block.output:
            losses.note("tool error structure", "a UI message holds the text of an error")
        part |= {"state": "output-error", "errorText": text}
    else:
        part |= {"state": "output-available", "output": block.output}


def _content(block: Block, losses: Losses) -> Iterator[dict[str, Any]]:
    match block:
        case Text():
            yield {"type": "text", "text": block.text}
            for number, citation in enumerate(block.citations, 1):
                losses.note("citation", "a UI message names the source, not the passage it is of")
                yield from _content(_numbered(citation.source, number), losses)
        case Refusal():
            losses.note("refusal", "it is written as text")
            yield {"type": "text", "text": block.text}
        case Reasoning():
            if block.seal is not None:
                losses.note("reasoning seal", "a UI message has no place for it")
            yield {"type": "reasoning", "text": block.text}
        case Media():
            yield from _file(block, losses)
        case Source():
            yield _source(block, losses)
        case Data():
            name = _NAME.sub("-", block.name) or "unnamed"
            if name != block.name:
                losses.note("data name", "it has characters that a part's type cannot have")
            yield {"type": f"data-{name}", **({} if block.id is None else {"id": block.id}), "data": block.value}


def _numbered(source: Source, number: int) -> Source:
    return (
        source
        if source.id
        else Source(source.url, source.title, f"source-{number}", source.media_type, source.filename)
    )


def _file(block: Media, losses: Losses) -> Iterator[dict[str, Any]]:
    url = data_url(block)
    if url is None:
        losses.note(block.kind, "it is named by an id that only its provider knows")
        return
    if block.file_id is not None:
        losses.note("file id", "a UI message holds a URL")
    if block.media_type is None or kind_of(block.media_type) != block.kind:
        losses.note("media kind", "a UI message tells it by the media type only")
    name = {} if block.filename is None else {"filename": block.filename}
    yield {"type": "file", "mediaType": media_type_of(block), "url": url, **name}


def _source(block: Source, losses: Losses) -> dict[str, Any]:
    if block.quote is not None:
        losses.note("quoted passage", "a UI message names the source only")
    id_ = block.id or block.url or block.title or "source"
    if block.url is not None:
        if block.media_type or block.filename:
            losses.note("source details", "a page's source has a URL and a title only")
        part: dict[str, Any] = {"type": "source-url", "sourceId": id_, "url": block.url}
        return part | ({} if block.title is None else {"title": block.title})
    part = {"type": "source-document", "sourceId": id_, "mediaType": block.media_type or "text/plain"}
    part["title"] = block.title or block.filename or id_
    return part | ({} if block.filename is None else {"filename": block.filename})


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
