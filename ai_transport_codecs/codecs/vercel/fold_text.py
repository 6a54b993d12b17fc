"""Chunks of text, reasoning, files, sources, data and the message itself, into a projection (codec spec f.4).

A chunk that does not fit what came before it is ignored, yet most of them bring their message into being.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec.contract import Event

from .plain import copy_json
from .projection import TextState, VercelProjection, text_of
from .repair import ImpliedStep

Fold: TypeAlias = Callable[[VercelProjection, str, Event], None]


def _text_start(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    message = projection.ensure(message_id)
    part = message.text[chunk.get("id")] = TextState("text")
    message.stream(part)


def _text_delta(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    part = projection.ensure(message_id).text.get(chunk.get("id"))
    if part is not None:
        _append(part, chunk)


def _text_end(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    projection.ensure(message_id).text.pop(chunk.get("id"), None)


def _reasoning_start(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    message = projection.ensure(message_id)
    part = message.reasoning[chunk.get("id")] = TextState("reasoning")
    message.stream(part)


def _reasoning_delta(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    part = projection.ensure(message_id).reasoning.get(chunk.get("id"))
    if part is not None:
        _append(part, chunk)


def _reasoning_end(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    projection.ensure(message_id).reasoning.pop(chunk.get("id"), None)


def _append(part: TextState, chunk: Event) -> None:
    delta = chunk.get("delta")
    if isinstance(delta, str):
        part.buffer.append(delta)


def _start(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    message = projection.ensure(message_id)
    id_ = chunk.get("messageId")
    if isinstance(id_, str):
        message.fields["id"] = id_
    if "messageMetadata" in chunk:
        message.fields["metadata"] = copy_json(chunk["messageMetadata"])


def _metadata(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    """Metadata replaces what was there; it makes no message (g.54)."""
    message = projection.by_id.get(message_id)
    if message is not None and "messageMetadata" in chunk:
        message.fields["metadata"] = copy_json(chunk["messageMetadata"])


def _start_step(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    message = projection.ensure(message_id)
    if isinstance(chunk, ImpliedStep):
        message.imply_step()
    else:
        message.begin_step()


def _finish_step(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    """The next step may use the ids of text and reasoning anew; those of tool calls stay (g.55)."""
    message = projection.by_id.get(message_id)
    if message is not None:
        message.text.clear()
        message.reasoning.clear()
        message.end_step()


def _finish(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    """The message is over; this makes none (g.54)."""
    _stop(projection, message_id, chunk)
    _metadata(projection, message_id, chunk)


def _stop(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    """The message stops here: what it shows stays as it is."""
    message = projection.by_id.get(message_id)
    if message is not None:
        message.end_step()


def _file(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    projection.ensure(message_id).add({"type": "file", **text_of(chunk, "mediaType", "url")})


def _source_url(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    projection.ensure(message_id).add({"type": "source-url", **text_of(chunk, "sourceId", "url", "title")})


def _source_document(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    fields = text_of(chunk, "sourceId", "mediaType", "title", "filename")
    projection.ensure(message_id).add({"type": "source-document", **fields})


def fold_data(projection: VercelProjection, message_id: str, chunk: Event) -> None:
    """A ``data-*`` chunk: with an id it takes the place of the first part of that type and id (g.62)."""
    if chunk.get("transient") is True:
        return
    message = projection.ensure(message_id)
    part: dict[str, Any] = {"type": chunk["type"], **text_of(chunk, "id")}
    if "data" in chunk:
        part["data"] = copy_json(chunk["data"])
    held = message.data.get((part["type"], part["id"])) if "id" in part else None
    if held is None:
        message.add(part)
    else:
        held.part = part


FOLDS: Final[Mapping[str, Fold]] = {
    "text-delta": _text_delta,
    "text-start": _text_start,
    "text-end": _text_end,
    "reasoning-delta": _reasoning_delta,
    "reasoning-start": _reasoning_start,
    "reasoning-end": _reasoning_end,
    "start": _start,
    "finish": _finish,
    "abort": _stop,
    "error": _stop,
    "message-metadata": _metadata,
    "start-step": _start_step,
    "finish-step": _finish_step,
    "file": _file,
    "source-url": _source_url,
    "source-document": _source_document,
}
"""``data-*`` is :func:`fold_data`."""
