r"""Server-sent events, however a source cuts them, to the JSON values in them.

For sources that give a provider's HTTP body as it comes: ``data: {...}`` lines, at the end ``data: [DONE]`` or nothing.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn

from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.wire.absent import ABSENT

_DONE: Final = "[DONE]"
_FIELD: Final = re.compile(r"(?:data|event|id|retry):")
"""How a line begins that means something."""

_COMMENT: Final = ":"
"""How a line begins that means nothing, such as a keep-alive."""

_MARK: Final = "\ufeff"
"""The byte order mark, with which a body may begin."""

_OBJECT: Final = "data: {"
_OBJECT_AT: Final = 6
"""How nearly all data begins, and where its JSON does."""

_ESCAPED: Final = re.compile(r"\\.")
_ENDS: Final = frozenset({"", "\n", "\n\n", "\r\n", "\r\n\r\n"})


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Made once: json.loads with an argument makes a decoder for each call, which costs as much as a short event.
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_parse: Final = _decoder.decode
_parse_at: Final = _decoder.raw_decode


class EventReader:
    r"""Text or bytes of server-sent events to the values of their data, incrementally.

    An item may be any piece of the body, or a line without its end: a value is given as soon as its data is whole.
    ``\n``, ``\r\n``, ``\r``, comments, a byte order mark, and data spread over several lines are understood. The mark
    ``[DONE]`` gives no value; what follows it is read on, so that a source may join several bodies. Names of events are
    passed over: what they say, the data of every provider says too.

    ``stream`` says in errors what was to be read, ``advice`` what to pass instead.
    """

    __slots__ = (
        "_advice",
        "_after_return",
        "_data",
        "_decode",
        "_had_gap",
        "_has_ends",
        "_is_between",
        "_is_in_character",
        "_name_line",
        "_pieces",
        "_stream",
    )

    def __init__(self, stream: str, advice: str) -> None:
        self._stream = stream
        self._advice = advice
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._pieces: list[str] = []
        """A line of which more may come."""
        self._name_line = ""
        """An event's name, held apart from the pieces, because what comes next is most likely its data."""
        self._data = ""
        """The data of the event so far, of which more must come."""
        self._is_between = True
        """Nothing but a name is pending: neither characters of a line nor bytes of a character."""
        self._is_in_character = False
        self._has_ends = False
        """Whether lines have been seen to end; until then, an item may be a line without its end."""
        self._after_return = False
        self._had_gap = False

    def feed(self, item: str | bytes | bytearray) -> Iterable[Any]:
        """The values that are whole with this item, in a tuple if it is one or none; read all before the next item.

        Raises InvalidArgumentError for an event whose data is no JSON, after the values before it, and for what is no
        server-sent event at all.
        """
        if self._is_between:
            found = self._try_simple(item)
            if found is not None:
                return found
        text = item if isinstance(item, str) else self._text(item)
        if self._has_ends and self._pieces and not ("\n" in text or "\r" in text):
            self._pieces.append(text)
            return ()
        return self._read(text)

    def finish(self) -> Iterator[Any]:
        """The value of a last line without an end. Raises InvalidArgumentError when the stream stopped within one."""
        self._pieces.append(self._name_line + self._decode(b"", final=True))
        self._name_line = ""
        yield from self._line(self._taken())
        if self._data:
            raise self._error(self._data, "is not complete, the stream stopped within it")

    def _try_simple(self, item: str | bytes | bytearray) -> tuple[Any, ...] | None:
        """What is whole with ``item``, if it is in one of the forms in which nearly all come; None: look closer."""
        try:
            text = item if isinstance(item, str) else item.decode()
            if text.startswith(_OBJECT):
                value, end = _parse_at(text, _OBJECT_AT)
            elif self._name_line:
                return None
            elif text.startswith("event: "):
                at = text.find("\n") + 1
                if not at or at == len(text) or not text.startswith(_OBJECT, at):
                    return self._try_name(text, at)
                value, end = _parse_at(text, at + _OBJECT_AT)
            elif text in _ENDS:
                self._has_ends = self._has_ends or bool(text)
                return ()
            else:
                return None
        except (ValueError, RecursionError):
            return None
        rest = text[end:]
        if rest not in _ENDS:
            return None
        if rest:
            self._has_ends = True
        self._name_line = ""
        return (value,)

    def _try_name(self, text: str, end: int) -> tuple[()] | None:
        """An event's name alone: passed over with its end, else held, for it may go on."""
        if end == len(text):
            self._has_ends = True
            return ()
        if end or self._has_ends or "\r" in text:
            return None
        self._name_line = text
        return ()

    def _text(self, item: bytes | bytearray) -> str:
        if not self._is_in_character:
            try:
                return item.decode()
            except UnicodeDecodeError:
                pass  # it is cut within a character, or broken
        if item:
            # A byte below 0x80 is a character of its own, so that none is pending in the decoder after it.
            self._is_in_character = item[-1] >= 0x80
        return self._decode(bytes(item))

    def _read(self, text: str) -> Iterator[Any]:
        if self._name_line:
            self._pieces.append(self._name_line)
            self._name_line = ""
        for line in self._lines(text):
            yield from self._line(line)
        if self._pieces and not self._has_ends and self._is_whole():
            yield from self._line(self._taken())
        self._is_between = not (self._pieces or self._data or self._after_return or self._is_in_character)

    def _lines(self, text: str) -> list[str]:
        """The lines that end in ``text``, or are seen to have ended before it."""
        if self._after_return and text:
            self._after_return = False
            text = text.removeprefix("\n")
        if not self._pieces:
            text = text.removeprefix(_MARK)
        if "\r" in text:
            self._after_return = text.endswith("\r")
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines: list[str] = []
        if not self._has_ends:
            lines = self._ended_before(text)
        if "\n" not in text:
            if text:
                self._pieces.append(text)
            return lines
        self._has_ends = True
        *more, rest = (self._taken() + text).split("\n")
        if rest:
            self._pieces.append(rest)
        return lines + more if lines else more

    def _ended_before(self, text: str) -> list[str]:
        """The line held so far, if ``text`` is the line after it: a source of lines gives them without their ends."""
        if not text:
            # An empty line, if it is of a source of lines, else nothing; what comes next will tell.
            self._had_gap = bool(self._pieces)
            return [] if self._pieces else [""]
        had_gap, self._had_gap = self._had_gap, False
        if not self._pieces or not _FIELD.match(text):
            return []
        held = "".join(self._pieces)
        if held.startswith("data:") and _stops_in_string(held):
            return []  # JSON has no line break in a string, so a piece was cut there
        if not (_FIELD.match(held) or held.startswith(_COMMENT)):
            return []
        self._pieces.clear()
        return [held, ""] if had_gap else [held]

    def _line(self, line: str) -> Sequence[Any]:
        """The value that is whole with a line."""
        if line.startswith("data:"):
            return self._data_line(line[_OBJECT_AT if line.startswith(" ", 5) else 5 :])
        if not line:
            if self._data:
                raise self._error(self._data, "is not JSON")
        elif line[0] in "{[<":
            raise self._error(line, "has no field name, so this is no stream of server-sent events")
        return ()

    def _data_line(self, value: str) -> Sequence[Any]:
        if value == _DONE and not self._data:
            return ()
        is_first = not self._data
        data = value if is_first else f"{self._data}\n{value}"
        # Only an object or a list can go over several lines.
        parsed = _try_json(data) if is_first or value.rstrip()[-1:] in {"}", "]"} else ABSENT
        if parsed is ABSENT:
            self._data = data
            return ()
        self._data = ""
        return (parsed,)

    def _is_whole(self) -> bool:
        """Whether the line held so far cannot go on: its data ends an object, or is the end mark."""
        if self._pieces[-1].rstrip()[-1:] not in {"}", "]"}:
            return False
        held = "".join(self._pieces)
        if not held.startswith("data:"):
            return False
        data = held[5:].removeprefix(" ")
        return data == _DONE or _try_json(f"{self._data}\n{data}" if self._data else data) is not ABSENT

    def _taken(self) -> str:
        line = "".join(self._pieces)
        self._pieces.clear()
        return line

    def _error(self, said: str, problem: str) -> InvalidArgumentError:
        self._data = ""
        return InvalidArgumentError(f"unable to read {self._stream}; its event {said[:80]!r} {problem}: {self._advice}")


def _try_json(text: str) -> Any:
    try:
        return _parse(text)
    except (ValueError, RecursionError):
        return ABSENT


def _stops_in_string(text: str) -> bool:
    return _ESCAPED.sub("", text).count('"') % 2 == 1
