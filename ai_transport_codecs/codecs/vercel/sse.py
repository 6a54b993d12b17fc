"""The lines of a UI message stream (``data: {...}``, at the end ``data: [DONE]``), however a source cuts them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any, Final

from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.json_text import parse_json

_DONE: Final = "[DONE]"
_QUIET: Final = frozenset({"", "event", "id", "retry"})
"""Field names of a server-sent event that say nothing here; the empty one starts a comment, such as a keep-alive."""


class EventLines:
    r"""Text or bytes of server-sent events to the JSON values in them, incrementally.

    An item may be a line with or without its end, several events, or any piece of the body: a line is taken as soon as
    it is whole. ``\r\n``, comments, a byte order mark and data spread over several lines are understood.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._partial = ""
        self._data = ""
        self._is_done = False

    def feed(self, item: str | bytes | bytearray) -> Iterator[Any]:
        """The values that are whole with this item. Raises InvalidArgumentError for an event whose data is no JSON.

        Whatever follows the stream's own end mark is ignored.
        """
        text = item if isinstance(item, str) else self._decode(bytes(item))
        *lines, self._partial = (self._partial + text).replace("\r\n", "\n").split("\n")
        for line in lines:
            yield from self._line(line)
        # A source of lines gives them without their ends: what is whole by itself need not wait for one.
        if _is_whole(self._partial):
            line, self._partial = self._partial, ""
            yield from self._line(line)

    def finish(self) -> Iterator[Any]:
        """The value of a last line without an end. Raises InvalidArgumentError when the stream stopped within it."""
        line, self._partial = self._partial, ""
        yield from self._line(line)
        yield from self._line("")

    def _line(self, line: str) -> Iterator[Any]:
        data = None if self._is_done else _data_of(line)
        if data is None:
            if self._data and not line:
                raise self._no_json()
            return
        data = self._data = f"{self._data}\n{data}" if self._data else data
        if data == _DONE:
            self._is_done = True
            self._data = ""
            return
        try:
            value = parse_json(data)
        except ValueError:
            return  # more of it may be on the next line
        self._data = ""
        yield value

    def _no_json(self) -> InvalidArgumentError:
        data, self._data = self._data, ""
        return InvalidArgumentError(
            f"unable to read a UI message stream; its event {data[:80]!r} is not JSON: pass the stream as the AI SDK"
            " sends it (lines of 'data: {...}'), or chunks as dictionaries"
        )


def _data_of(line: str) -> str | None:
    name, _, value = line.partition(":")
    return value.removeprefix(" ") if name == "data" else None


def _is_whole(line: str) -> bool:
    """Whether what there is of a line cannot go on: an object in braces, the end mark, or a field that says nothing."""
    data = _data_of(line)
    if data is None:
        name, colon, _ = line.partition(":")
        return bool(colon) and name in _QUIET
    if data[:1] != "{" or data.rstrip()[-1:] != "}":
        return data == _DONE
    try:
        parse_json(data)
    except ValueError:
        return False
    return True
