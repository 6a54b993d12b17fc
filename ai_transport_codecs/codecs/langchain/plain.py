"""LangChain's values as plain JSON, and back.

A message may hold anything: a tool's artifact, a pydantic object in ``additional_kwargs["parsed"]``, bytes. What JSON
has goes as it is. Bytes travel as ``{"$bytes": "<base64>"}`` and come back as bytes; a key of the user's that looks
like that is escaped with one more ``$``. Tuples become lists and pydantic objects their JSON form. Whatever else there
is stays behind, with one logged warning: a stream never fails because of it.
"""

from __future__ import annotations

import base64
import binascii
import logging
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

_log = logging.getLogger("ai_transport_codecs.codecs.langchain")

_BYTES: Final = "$bytes"
_TAG: Final = re.compile(r"\$+bytes")
_MAX_DEPTH: Final = 200


class _NoJsonError(Exception):
    """A value that JSON cannot carry; holds the name of its type."""


class Plainer:
    """Makes plain JSON; names each thing it has to leave out once. Never raises."""

    __slots__ = ("_warned",)

    def __init__(self) -> None:
        self._warned: set[tuple[str, str]] = set()

    def plain_object(self, owner: str, value: Mapping[Any, Any]) -> dict[str, Any]:
        """A fresh copy of an object that is the field ``owner`` of a message, without what JSON cannot carry."""
        found: dict[str, Any] = {}
        for key, item in value.items():
            try:
                found[_key(key)] = self._plain(f"{owner}.{key}", item, 1)
            except _NoJsonError as left_out:
                self._warn(f"{owner}.{key}", str(left_out))
        return found

    def plain_list(self, owner: str, values: list[Any]) -> list[Any]:
        """A fresh copy of a list that is the field ``owner`` of a message; null for what JSON cannot carry."""
        return [self._item(owner, item, 0) for item in values]

    def try_plain(self, owner: str, value: Any) -> Any:
        """A fresh copy of any value, or None when it is nothing JSON can carry."""
        return self._item(owner, value, 0)

    def _item(self, owner: str, value: Any, depth: int) -> Any:
        try:
            return self._plain(owner, value, depth)
        except _NoJsonError as left_out:
            self._warn(owner, str(left_out))
            return None

    def _plain(self, owner: str, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        make = _SCALARS.get(type(value))
        if make is not None:
            return make(value)
        if depth >= _MAX_DEPTH:
            raise _NoJsonError("value nested too deeply")
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
            try:
                found[_key(key)] = self._plain(owner, item, depth + 1)
            except _NoJsonError as left_out:
                self._warn(f"{owner}...{key}", str(left_out))
        return found

    def _model(self, owner: str, value: BaseModel, depth: int) -> Any:
        try:
            dumped = value.model_dump(mode="json")
        except Exception as error:  # foreign serializers raise what they like
            raise _NoJsonError(f"{type(value).__name__} ({error})") from None
        return self._plain(owner, dumped, depth + 1)

    def _warn(self, owner: str, kind: str) -> None:
        if (owner, kind) not in self._warned:
            self._warned.add((owner, kind))
            _log.warning("left %s out of the stream: JSON cannot carry a %s; readers will not see it", owner, kind)


def try_bytes(value: Mapping[str, Any]) -> bytes | None:
    """The bytes that an object of plain JSON stands for, or None when it is an object like any other."""
    text = value.get(_BYTES) if len(value) == 1 else None
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def restored_key(key: str) -> str:
    """A key as it was before it became plain."""
    return key[1:] if key.startswith("$$") and _TAG.fullmatch(key) else key


def _key(key: Any) -> str:
    """A key as JSON writes it: ``json.dumps`` turns these into text as well."""
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


def _tagged(value: bytes | bytearray) -> dict[str, str]:
    return {_BYTES: base64.b64encode(value).decode("ascii")}


_SCALARS: Final[Mapping[type, Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: _finite,
    bytes: _tagged,
    bytearray: _tagged,
}
