"""LlamaIndex's values as plain JSON, and back.

An event or a message may hold anything: bytes, pydantic objects, a provider's own classes. What JSON has goes as it is;
tuples become lists, pydantic objects their JSON form. Four objects of one key have a meaning of their own:

* ``{"$bytes": "<base64>"}``: bytes;
* ``{"$text": ["1", "2"]}``: the texts of these streams of the same message, joined; ``$strip`` without the blanks
  around them;
* ``{"$json": "1"}``: the value that the text of that stream spells.

A key of the user's that looks like one is escaped with one more ``$``. Whatever else there is stays behind, with one
logged warning: a stream never fails because of it.
"""

from __future__ import annotations

import base64
import binascii
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from llama_index.core.bridge.pydantic import BaseModel

from ai_transport_codecs.wire.json_text import parse_json

_log = logging.getLogger("ai_transport_codecs.codecs.llamaindex")

TEXT: Final = "$text"
STRIP: Final = "$strip"
JSON: Final = "$json"
_BYTES: Final = "$bytes"
_TAG: Final = re.compile(r"\$+(?:bytes|text|strip|json)")
_MAX_DEPTH: Final = 200
_MAX_JOINED: Final = 50_000_000
"""Characters that the references of one message may add up to: a short list of them must not fill the memory."""


class _NoJsonError(Exception):
    """A value that JSON cannot carry; holds the name of its type."""


class Plainer:
    """Makes plain JSON; names each thing it has to leave out once. Never raises."""

    __slots__ = ("_warned",)

    def __init__(self) -> None:
        self._warned: set[tuple[str, str]] = set()

    def plain_object(self, owner: str, value: Mapping[Any, Any]) -> dict[str, Any]:
        """A fresh copy of the object called ``owner``, without what JSON cannot carry."""
        return self._object(owner, value, 0)

    def try_plain(self, owner: str, value: Any) -> Any:
        """A fresh copy of any value, or None when it is nothing JSON can carry."""
        return self._item(owner, value, 0)

    def warn(self, owner: str, reason: str) -> None:
        """Say, once, that something is left out."""
        if (owner, reason) not in self._warned:
            self._warned.add((owner, reason))
            _log.warning("left %s out of the stream: %s; readers will not see it", owner, reason)

    def _item(self, owner: str, value: Any, depth: int) -> Any:
        try:
            return self._plain(owner, value, depth)
        except _NoJsonError as left_out:
            self.warn(owner, f"JSON cannot carry it ({left_out})")
            return None

    def _plain(self, owner: str, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        make = _SCALARS.get(type(value))
        if make is not None:
            return make(value)
        if depth >= _MAX_DEPTH:
            raise _NoJsonError("value nested too deeply")
        if isinstance(value, Enum):
            return self._plain(owner, value.value, depth + 1)
        if isinstance(value, Mapping):
            return self._object(owner, value, depth)
        if isinstance(value, list | tuple):
            return [self._item(owner, item, depth + 1) for item in value]
        if isinstance(value, BaseModel):
            return self._model(owner, value, depth)
        for kind, make in _SCALARS.items():
            if isinstance(value, kind):
                return make(value)
        raise _NoJsonError(type(value).__name__)

    def _object(self, owner: str, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in value.items():
            path = f"{owner}.{key}"
            try:
                found[_key(key)] = self._plain(path, item, depth + 1)
            except _NoJsonError as left_out:
                self.warn(path, f"JSON cannot carry it ({left_out})")
        return found

    def _model(self, owner: str, value: BaseModel, depth: int) -> Any:
        try:
            dumped = value.model_dump(mode="json")
        except Exception as error:  # foreign serializers raise what they like
            raise _NoJsonError(f"{type(value).__name__} ({error})") from None
        return self._plain(owner, dumped, depth + 1)


class Restorer:
    """Plain JSON back to values, each a fresh copy. ``texts`` gives the text of a stream by its id, None if unknown.

    Untrusted data in, so nothing here raises. What a stream spells as JSON may name texts but no further JSON, or one
    short message could stand for a value without bounds.
    """

    __slots__ = ("_budget", "_joined", "_parsed", "_texts")

    def __init__(self, texts: Callable[[str], str | None]) -> None:
        self._texts = texts
        self._budget = _MAX_JOINED
        self._parsed: dict[str, Any] = {}
        self._joined: dict[tuple[str, ...], str] = {}

    def value(self, node: Any) -> Any:
        """What ``node`` stands for; None for what is malformed or nested too deeply."""
        return self._value(node, 0, is_nested=False)

    def _value(self, node: Any, depth: int, *, is_nested: bool) -> Any:
        if type(node) is dict:
            if depth >= _MAX_DEPTH:
                return None
            if len(node) == 1:
                [(key, held)] = node.items()
                if key in _TAGS:
                    return self._tagged(key, held, is_nested=is_nested)
            return {
                restored_key(key): self._value(item, depth + 1, is_nested=is_nested)
                for key, item in node.items()
                if isinstance(key, str)
            }
        if type(node) is list:
            return [self._value(item, depth + 1, is_nested=is_nested) for item in node] if depth < _MAX_DEPTH else None
        return node

    def _tagged(self, tag: str, held: Any, *, is_nested: bool) -> Any:
        if tag == _BYTES:
            return _try_bytes(held)
        if tag == JSON:
            return None if is_nested or not isinstance(held, str) else self._json(held)
        return self._text(held, is_stripped=tag == STRIP)

    def _json(self, id_: str) -> Any:
        if id_ not in self._parsed:
            text = self._texts(id_)
            try:
                parsed = None if text is None else parse_json(text or "{}")
            except ValueError:
                parsed = text  # arguments that never became JSON stay text
            self._parsed[id_] = self._value(parsed, 1, is_nested=True)
        return self._parsed[id_]

    def _text(self, ids: Any, *, is_stripped: bool) -> str | None:
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            return None
        if len(ids) == 1 and not is_stripped:
            return self._texts(ids[0])
        key = (STRIP if is_stripped else TEXT, *ids)
        if key not in self._joined:
            text = "".join(self._texts(each) or "" for each in dict.fromkeys(ids)) if self._budget > 0 else ""
            self._budget -= len(text)
            self._joined[key] = text.strip() if is_stripped else text
        return self._joined[key]


_NOTHING: Final = Restorer(lambda id_: None)


def restored(value: Any) -> Any:
    """A fresh copy of plain JSON that names no streams, as it was before it became plain."""
    return _NOTHING.value(value)


def restored_key(key: str) -> str:
    """A key as it was before it became plain."""
    return key[1:] if key.startswith("$$") and _TAG.fullmatch(key) else key


def text_of(ids: Sequence[str], *, is_stripped: bool = False) -> dict[str, Any]:
    """What stands for the joined texts of streams."""
    return {STRIP if is_stripped else TEXT: list(ids)}


def _try_bytes(text: Any) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None


def _key(key: Any) -> str:
    """A key as JSON writes it: ``json.dumps`` turns these into text as well."""
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return f"${key}" if key.startswith("$") and _TAG.fullmatch(key) else str.__str__(key)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float):
        return repr(key)
    raise _NoJsonError(f"{type(key).__name__} as a key")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _NoJsonError(f"float {value}")
    return float(value)


def _as_bytes(value: bytes | bytearray) -> dict[str, str]:
    return {_BYTES: base64.b64encode(value).decode("ascii")}


_TAGS: Final = frozenset({TEXT, STRIP, JSON, _BYTES})

_SCALARS: Final[Mapping[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    int: int.__int__,
    float: _finite,
    bytes: _as_bytes,
    bytearray: _as_bytes,
}
