"""Content blocks and messages as plain JSON, and back by a fixed table of LlamaIndex's own classes."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterable, Mapping
from io import IOBase
from typing import Any, Final

from llama_index.core.base.llms import types
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.bridge.pydantic import BaseModel

from .plain import Plainer

_log = logging.getLogger("ai_transport_codecs.codecs.llamaindex")

_NAMES: Final = {
    "text": "TextBlock",
    "image": "ImageBlock",
    "audio": "AudioBlock",
    "video": "VideoBlock",
    "document": "DocumentBlock",
    "cache": "CachePoint",
    "citable": "CitableBlock",
    "citation": "CitationBlock",
    "thinking": "ThinkingBlock",
    "tool_call": "ToolCallBlock",
}

BLOCKS: Final[Mapping[str, type[Any]]] = {
    kind: cls for kind, name in _NAMES.items() if (cls := getattr(types, name, None)) is not None
}
"""Block types and their classes, as far as the installed LlamaIndex has them."""

_FILES: Final = frozenset({"image", "audio", "video", "data"})
"""Fields with the bytes of a file, which LlamaIndex keeps as base64."""

_ARGUMENTS: Final = frozenset({"tool_kwargs", "additional_information"})
"""Fields with values of the user's own, in which a path is a word like any other."""

_LEGACY_IMAGES: Final = "images"
"""A key of ``additional_kwargs`` whose value LlamaIndex would load when it builds the message."""

_unknown_kinds: set[str] = set()


def plain_blocks(plainer: Plainer, blocks: Iterable[Any]) -> list[dict[str, Any]]:
    """The blocks as plain objects, without what is at its default."""
    return [plain_block(plainer, block) for block in blocks]


def plain_block(plainer: Plainer, block: Any) -> dict[str, Any]:
    """One block as a plain object.

    A ``path`` stays behind: it names a file of this machine, and would make readers open one of theirs.
    """
    if type(block) is TextBlock:
        return {"block_type": "text", "text": str.__str__(block.text)}
    found: dict[str, Any] = {}
    for name in type(block).model_fields:
        value = getattr(block, name)
        if value is None or value == {}:
            continue
        if name == "path" or (name == "url" and _is_file(str(value))):
            plainer.warn(f"{type(block).__name__}.{name}", "it names a file of this machine, pass its bytes instead")
        elif name in _FILES and isinstance(value, bytes | IOBase):
            found[name] = _try_base64(plainer, value)
        elif name == "url":
            found[name] = str(value)
        else:
            found[name] = _nested(plainer, f"{type(block).__name__}.{name}", value)
    return found


def _nested(plainer: Plainer, owner: str, value: Any) -> Any:
    if isinstance(value, BaseModel) and hasattr(value, "block_type"):
        return plain_block(plainer, value)
    if isinstance(value, list):
        return [_nested(plainer, owner, item) for item in value]
    return plainer.try_plain(owner, value)


def _try_base64(plainer: Plainer, file: Any) -> str | None:
    """Bytes as base64, which LlamaIndex has made of most of them already; of an open file too."""
    if isinstance(file, bytes):
        content = file
    else:
        try:
            file.seek(0)
            content = file.read()
        except (OSError, ValueError) as error:
            plainer.warn("a block's file", f"it cannot be read ({error})")
            return None
    return content.decode("ascii") if _is_base64(content) else base64.b64encode(content).decode("ascii")


def _is_base64(content: bytes) -> bool:
    try:
        base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def build_blocks(blocks: Any) -> list[Any]:
    """The blocks that untrusted plain objects describe; what is none, or of a type unknown here, is left out."""
    if not isinstance(blocks, list):
        return []
    return [built for block in blocks if (built := try_block(block)) is not None]


def try_block(block: Any) -> Any:
    """One block, or None. Nothing that it holds can make anybody open a file."""
    kind = block.get("block_type") if isinstance(block, dict) else None
    cls = BLOCKS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        if isinstance(kind, str):
            _note_unknown(kind)
        return None
    if kind == "text":
        text = block.get("text")
        return TextBlock(text=text) if isinstance(text, str) else None
    try:
        return cls.model_validate(_safe(block))
    except Exception:  # validators are foreign code, and a block may hold anything
        _log.debug("skipped a %s block that LlamaIndex does not accept", kind, exc_info=True)
        return None


def _safe(block: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in block.items():
        if name == "path" or (name == "url" and _is_file(str(value))):
            continue
        kept[name] = value if name in _ARGUMENTS else _safe_inside(value)
    return kept


def _safe_inside(value: Any) -> Any:
    if isinstance(value, dict):
        return _safe(value)
    return [_safe_inside(item) for item in value] if isinstance(value, list) else value


def _is_file(url: str) -> bool:
    return url.strip().lower().startswith("file:")


def _note_unknown(kind: str) -> None:
    if kind not in _unknown_kinds and len(_unknown_kinds) < 100:  # a stranger may make names up
        _unknown_kinds.add(kind)
        _log.warning("skipped a block of type %.60r: the installed LlamaIndex has no such block", kind)


def build_message(role: Any, blocks: list[Any], kwargs: Any) -> ChatMessage:
    """The message of untrusted parts; ``blocks`` are built ones."""
    try:
        known = MessageRole(role)
    except ValueError:
        known = MessageRole.ASSISTANT
    kept = {key: value for key, value in kwargs.items() if key != _LEGACY_IMAGES} if isinstance(kwargs, dict) else {}
    return ChatMessage(role=known, blocks=blocks, additional_kwargs=kept)


def plain_kwargs(plainer: Plainer, message: ChatMessage) -> dict[str, Any]:
    """A message's ``additional_kwargs``; its legacy images are blocks already."""
    kwargs = {key: value for key, value in message.additional_kwargs.items() if key != _LEGACY_IMAGES}
    return plainer.plain_object("additional_kwargs", kwargs) if kwargs else {}
