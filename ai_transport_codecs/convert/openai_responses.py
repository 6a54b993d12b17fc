"""Messages of ``openai-responses``: a role and the items of the Responses API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from .blocks import (
    Approval,
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
from .media import data_url, split_data_url
from .steps import answers
from .tools import call_of, text_of

_ITEM: Final = ("id", "type", "role", "status", "content")
_REASONING: Final = ("id", "type", "status", "summary", "content", "encrypted_content")
_ITEMS: Final = "openai-item"
_REQUEST: Final = "mcp_approval_request"
_APPROVALS: Final[Mapping[str, Approval]] = {"pending": "requested", "approved": "approved", "denied": "denied"}


def read(message: Mapping[str, Any], losses: Losses) -> list[Message]:
    """One message in neutral form: what was said and called, then what the tools answered, and so on."""
    role: Role = "assistant" if message.get("role") == "assistant" else "user"
    losses.note_unread("message", message, ("role", "items", "toolCallStates"))
    states = message.get("toolCallStates")
    states = states if isinstance(states, Mapping) else {}
    found: list[tuple[Role, list[Block]]] = []
    items = message.get("items")
    for item in items if isinstance(items, list | tuple) else ():
        if not isinstance(item, Mapping):
            losses.note("item", "it is no object")
            continue
        is_result = item.get("type") in ("function_call_output", "custom_tool_call_output")
        item_role: Role = "tool" if is_result else _role(item, role)
        if not found or found[-1][0] != item_role:
            found.append((item_role, []))
        found[-1][1].extend(_read_item(item, states, losses))
    return [Message(item_role, tuple(blocks)) for item_role, blocks in found]


def _role(item: Mapping[str, Any], role: Role) -> Role:
    if item.get("type") != "message":
        return role
    given = item.get("role")
    return "system" if given in ("system", "developer") else "user" if given == "user" else role


def _read_item(item: Mapping[str, Any], states: Mapping[str, Any], losses: Losses) -> Iterator[Block]:
    match item.get("type"):
        case "message":
            losses.note_unread("item", item, _ITEM)
            content = item.get("content")
            if isinstance(content, str):
                yield Text(content)
            for part in content if isinstance(content, list | tuple) else ():
                yield from _read_part(part, losses)
        case "reasoning":
            losses.note_unread("reasoning", item, _REASONING)
            yield from _thoughts(item)
        case "function_call":
            call = call_of(str(item.get("call_id") or ""), str(item.get("name") or ""), item.get("arguments"))
            yield _with_state(call, states.get(call.id), losses)
        case "custom_tool_call":
            losses.note("custom tool call", "it is read as a call whose input is text")
            yield ToolCall(str(item.get("call_id") or ""), str(item.get("name") or ""), str(item.get("input") or ""))
        case "function_call_output" | "custom_tool_call_output":
            call_id = str(item.get("call_id") or "")
            state = states.get(call_id)
            failed = isinstance(state, Mapping) and state.get("result") == "failed"
            yield ToolResult(call_id, text_of(item.get("output")), failed)
        case str(type_) if type_ == _REQUEST:
            id_ = str(item.get("id") or "")
            call = call_of(id_, str(item.get("name") or ""), item.get("arguments"), by_provider=True)
            yield Data(_ITEMS, dict(item))
            yield replace(_with_state(call, states.get(id_), losses), approval=_asked(states.get(id_)))
        case str(type_) if type_ in _HOSTED:
            yield from _hosted(item, _HOSTED[type_])
        case _:
            yield Data(_ITEMS, dict(item))


_HOSTED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "web_search_call": ("web_search", ("action",)),
    "file_search_call": ("file_search", ("queries",)),
    "code_interpreter_call": ("code_interpreter", ("code", "container_id")),
    "image_generation_call": ("image_generation", ()),
    "mcp_call": ("mcp", ("arguments",)),
}
"""The items of tools that OpenAI runs: the tool's name, and which keys are its input. The whole item is the output."""

_UNDER_WAY: Final = frozenset({"in_progress", "searching", "interpreting", "generating", "calling"})


def _hosted(item: Mapping[str, Any], tool: tuple[str, tuple[str, ...]]) -> Iterator[Block]:
    name, keys = tool
    id_, output = str(item.get("id") or ""), dict(item)
    if item.get("type") == "mcp_call":
        call = call_of(id_, str(item.get("name") or name), item.get("arguments"), by_provider=True)
    else:
        given = {key: item[key] for key in keys if item.get(key) is not None}
        call = ToolCall(id_, name, given, by_provider=True)
    yield call
    image = output.pop("result", None) if item.get("type") == "image_generation_call" else None
    if item.get("status") not in _UNDER_WAY:
        yield ToolResult(id_, output, name=call.name, by_provider=True)
    if isinstance(image, str) and image:
        yield Media("image", data=image, media_type=f"image/{item.get('output_format') or 'png'}")


def _asked(state: Any) -> Approval:
    said = _APPROVALS.get(str(state.get("approval"))) if isinstance(state, Mapping) else None
    return said or "requested"


def _with_state(call: ToolCall, state: Any, losses: Losses) -> ToolCall:
    if not isinstance(state, Mapping):
        return call
    losses.note_unread("toolCallStates", state, ("approval", "reason", "name", "arguments", "result"))
    approval = _APPROVALS.get(str(state.get("approval")))
    reason = state.get("reason") if isinstance(state.get("reason"), str) else None
    return replace(call, approval=approval, reason=reason)


def _thoughts(item: Mapping[str, Any]) -> Iterator[Block]:
    texts = [
        str(part.get("text", ""))
        for key in ("content", "summary")
        for part in _parts(item.get(key))
        if isinstance(part, Mapping)
    ]
    seal = item.get("encrypted_content")
    seal = seal if isinstance(seal, str) and seal else None
    if texts or seal is not None:
        yield Reasoning("\n\n".join(texts), seal)


def _parts(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _read_part(part: Any, losses: Losses) -> Iterator[Block]:
    if not isinstance(part, Mapping):
        losses.note("content part", "it is no object")
        return
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            losses.note_unread("text", part, ("type", "text", "annotations"))
            yield Text(str(part.get("text", "")), tuple(_citations(part.get("annotations"), losses)))
        case "refusal":
            yield Refusal(str(part.get("refusal", "")))
        case "input_image":
            losses.note_unread("image", part, ("type", "image_url", "file_id"))
            url, file_id = part.get("image_url"), part.get("file_id")
            file_id = file_id if isinstance(file_id, str) else None
            found = split_data_url("image", url) if isinstance(url, str) else Media("image")
            yield Media("image", found.url, found.data, found.media_type, file_id=file_id)
        case "input_file":
            losses.note_unread("file", part, ("type", "file_data", "file_url", "file_id", "filename"))
            yield _read_file(part)
        case _:
            yield Data(_ITEMS, dict(part))


def _read_file(part: Mapping[str, Any]) -> Media:
    data, url, id_ = part.get("file_data"), part.get("file_url"), part.get("file_id")
    found = split_data_url("file", data) if isinstance(data, str) else Media("file")
    return Media(
        "file",
        url if isinstance(url, str) else found.url,
        found.data,
        found.media_type,
        part.get("filename") if isinstance(part.get("filename"), str) else None,
        id_ if isinstance(id_, str) else None,
    )


def _citations(annotations: Any, losses: Losses) -> Iterator[Citation]:
    for annotation in annotations if isinstance(annotations, list | tuple) else ():
        match annotation:
            case {"type": "url_citation", "url": str(url)}:
                source = Source(url, annotation.get("title"))
                yield Citation(source, annotation.get("start_index"), annotation.get("end_index"))
            case {"type": "file_citation" | "container_file_citation", "file_id": str(file_id)}:
                losses.note_unread("citation", annotation, ("type", "file_id", "filename"))
                yield Citation(Source(id=file_id, filename=annotation.get("filename")))
            case _:
                losses.note("annotation", "it is neither of a URL nor of a file")


# --- writing


def write(messages: Sequence[Message], losses: Losses) -> list[dict[str, Any]]:
    """Neutral messages as messages of items: an answer, its tools and what followed them are one."""
    written = []
    for group in answers(messages):
        losses.index, first = group[0]
        role = "assistant" if first.role == "tool" else first.role
        items: list[dict[str, Any]] = []
        states: dict[str, dict[str, Any]] = {}
        for losses.index, message in group:
            for what in ("model", "finish_reason", "usage", "name"):
                if getattr(message, what) is not None:
                    losses.note(what, "a message of items has no place for it")
            items.extend(_items(message, states, losses))
        entry: dict[str, Any] = {"role": "assistant" if role == "assistant" else "user", "items": items}
        written.append(entry | ({"toolCallStates": states} if states else {}))
    return written


def _items(message: Message, states: dict[str, dict[str, Any]], losses: Losses) -> Iterator[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []  # of calls whose items may come after them
    known = {id_ for block in message.blocks if (id_ := _provider_item(block)) is not None}
    for block in message.blocks:
        part = _part(block, message.role, losses)
        if isinstance(block, ToolCall) and block.by_provider and block.id in known:
            said.extend(_approval_response(block))
        elif part is not None:
            parts.append(part)
        else:
            if parts:
                yield {"type": "message", "role": message.role, "content": parts}
                parts = []
            yield from _item(block, states, losses)
    if parts:
        yield {"type": "message", "role": message.role, "content": parts}
    yield from said


def _provider_item(block: Block) -> str | None:
    """The id of the item of one of OpenAI's own tools that a block holds."""
    value = block.output if isinstance(block, ToolResult) and block.by_provider else None
    if isinstance(block, Data) and block.name == _ITEMS:
        value = block.value
    is_item = isinstance(value, Mapping) and (value.get("type") in _HOSTED or value.get("type") == _REQUEST)
    return str(value.get("id")) if is_item and isinstance(value, Mapping) else None


def _approval_response(call: ToolCall) -> Iterator[dict[str, Any]]:
    """The user's word on a call of a remote server's tool."""
    if call.approval in {"approved", "denied"}:
        reason = {} if call.reason is None else {"reason": call.reason}
        approve = call.approval == "approved"
        yield {"type": "mcp_approval_response", "approval_request_id": call.id, "approve": approve, **reason}


def _part(block: Block, role: Role, losses: Losses) -> dict[str, Any] | None:
    match block:
        case Text() if role == "assistant":
            annotations = [_annotation(citation, losses) for citation in block.citations]
            return {"type": "output_text", "text": block.text, "annotations": annotations}
        case Text():
            if block.citations:
                losses.note("citations", "only an answer can cite")
            return {"type": "input_text", "text": block.text}
        case Refusal() if role == "assistant":
            return {"type": "refusal", "refusal": block.text}
        case Media(kind="image") if role != "assistant":
            return _media(
                {"type": "input_image", "image_url": data_url(block), "file_id": block.file_id}, block, losses
            )
        case Media(kind="file") if role != "assistant":
            data = data_url(block) if block.data is not None else None
            fields = {"file_data": data, "file_url": block.url, "file_id": block.file_id, "filename": block.filename}
            return _media({"type": "input_file", **fields}, block, losses)
        case _:
            return None


def _media(part: dict[str, Any], block: Media, losses: Losses) -> dict[str, Any]:
    if block.media_type is not None and block.data is None:
        losses.note("media type", "it is not said of what lies at a URL or has an id")
    if block.kind == "image" and block.filename is not None:
        losses.note("filename", "an image has none")
    return {key: value for key, value in part.items() if value is not None}


def _annotation(citation: Citation, losses: Losses) -> dict[str, Any]:
    source = citation.source
    if source.quote is not None or source.media_type is not None or (source.url and (source.id or source.filename)):
        losses.note("source details", "an annotation has a URL and a title, or a file")
    if source.url is None:
        if citation.start is not None or citation.end is not None or source.title is not None:
            losses.note("citation details", "an annotation of a file has its id and name")
        return {"type": "file_citation", "file_id": source.id or "", "filename": source.filename, "index": 0}
    span = {"start_index": citation.start, "end_index": citation.end, "title": source.title}
    return {"type": "url_citation", "url": source.url, **{key: item for key, item in span.items() if item is not None}}


def _item(block: Block, states: dict[str, dict[str, Any]], losses: Losses) -> Iterator[dict[str, Any]]:
    match block:
        case Reasoning():
            summary = [{"type": "summary_text", "text": block.text}] if block.text else []
            yield {"type": "reasoning", "summary": summary} | (
                {} if block.seal is None else {"encrypted_content": block.seal}
            )
        case ToolCall(by_provider=False):
            if block.approval is not None:
                word = {"requested": "pending"}.get(block.approval, block.approval)
                states.setdefault(block.id, {})["approval"] = word
                if block.reason is not None:
                    states[block.id]["reason"] = block.reason
            arguments = json.dumps(block.input, ensure_ascii=False) if block.is_json else str(block.input)
            yield {"type": "function_call", "call_id": block.id, "name": block.name, "arguments": arguments}
        case ToolResult(by_provider=False):
            yield _output(block, states, losses)
        case ToolResult(output=output) if _provider_item(block) is not None:
            yield dict(output)
        case Data(name=name, value=value) if name == _ITEMS and isinstance(value, Mapping):
            yield dict(value)
        case _:
            named = block.kind if isinstance(block, Media) else type(block).__name__
            losses.note(named, "the Responses API has no item for it")


def _output(block: ToolResult, states: dict[str, dict[str, Any]], losses: Losses) -> dict[str, Any]:
    if block.is_error:
        states.setdefault(block.call_id, {})["result"] = "failed"
    if block.name is not None:
        losses.note("tool name", "an output names its call only")
    output = block.output
    if not isinstance(output, str):
        losses.note("tool output structure", "an output is text; it is written as JSON text")
        output = json.dumps(output, ensure_ascii=False)
    return {"type": "function_call_output", "call_id": block.call_id, "output": output}
