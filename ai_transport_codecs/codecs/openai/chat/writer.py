"""The chunks of one completion to output events: what is new in each, once.

What every chunk repeats is said once. A text field grows a stream; so does a list, by its entries. Other fields are
said when they come first; when they change, the last value is said when a choice finishes, or at the end: providers
that count tokens or milliseconds in each chunk would else cost a message for each.

Which value counts: of a completion's ``id``, ``model`` and ``created``, of roles, names and ids the first that is not
empty, for many servers repeat them or begin with empty ones; of everything else the last that is not null; objects are
merged by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.codecs.openai.plain import plain_value

from .calls import CallBook
from .lines import line
from .parts import SEGMENTS
from .streams import CONTENT, ITEMS, Event, TextStream, step, text_kind

_FIRST_COUNTS: Final = frozenset({"id", "model", "created"})
_SAID_ONCE: Final = frozenset({"role", "name", "id", "type"})

CHUNK_LEFT_OUT: Final[Mapping[str, str]] = {
    "object": "says that it is a chunk; what it makes is a completion",
    "obfuscation": "random padding against eavesdroppers who measure packets",
}
"""The fields of a chunk that do not travel, with the reason."""

_ROUTED: Final = frozenset({"index", "delta", "message", "finish_reason"})
"""The fields of a choice that have ways of their own."""

_NOT_FIELDS: Final = frozenset({*CHUNK_LEFT_OUT, "choices"})
_GROWN_IN_OBJECTS: Final[Mapping[str, frozenset[str]]] = {
    "audio": frozenset({"data", "transcript"}),
    "function_call": frozenset({"arguments"}),
}
"""The objects of a delta that have texts which come in pieces, and these."""


class Said:
    """The fields of one object as readers know them, and what they do not know yet."""

    __slots__ = ("_late", "known")

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self._late: dict[str, Any] = {}

    def news(self, field: str, value: Any) -> Any:
        """What to say of a value now; None for nothing."""
        known = self.known.get(field)
        if value is None or known == value:
            return None
        value = plain_value(value)
        if known is None:
            self.known[field] = value
            return value
        merged = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        if merged != known:
            self.known[field] = self._late[field] = merged
        return None

    def late(self) -> dict[str, Any]:
        """What was held back, to be said now."""
        late, self._late = self._late, {}
        return late


class ChoiceWriter:
    """One choice of a completion."""

    __slots__ = (
        "_calls",
        "_key",
        "_objects",
        "_path",
        "_reason",
        "_said",
        "_said_in_message",
        "_segments",
        "_streams",
        "_texts",
    )

    def __init__(self, key: str, index: int, streams: list[TextStream]) -> None:
        self._key = key
        self._path = f"choices/{index}"
        self._streams = streams
        self._texts: dict[str, TextStream] = {}
        """By path below the choice; those of the delta's own fields by the field's name."""
        self._said = Said()
        self._said_in_message = Said()
        self._objects: dict[str, Said] = {}
        self._calls = CallBook(key, f"{self._path}/message/tool_calls", streams)
        self._segments = 0
        """Of a content that comes as parts too: see :mod:`.parts`."""
        self._reason: Any = None

    def write(self, choice: Mapping[str, Any], out: list[Event]) -> bool:
        """What a chunk adds to this choice. Gives whether the choice finished with it."""
        about = self._fields(choice, out)
        delta = choice.get("delta")
        if delta is None:
            delta = choice.get("message")  # of a completion that came whole
        if type(delta) is dict or isinstance(delta, Mapping):
            self._write_delta(delta, about, out)
        reason = choice.get("finish_reason")
        if reason is not None:
            about |= self._late()
        if about:
            out.append({"type": "choice", "key": self._key, "path": self._path, "data": about})
        if reason is None or reason == self._reason:
            return False
        self._reason = reason
        out.append({"type": "finish", "key": self._key, "path": self._path, "reason": str(reason)})
        return True

    def _fields(self, choice: Mapping[str, Any], out: list[Event]) -> dict[str, Any]:
        about: dict[str, Any] = {}
        known = self._said.known
        for field, value in choice.items():
            if value is None or field in _ROUTED:
                continue
            if field == "logprobs":
                self._logprobs(value, out)
            elif isinstance(field, str) and (field not in known or known[field] != value):
                news = self._said.news(field, value)
                if news is not None:
                    about[field] = news
        return about

    @property
    def is_finished(self) -> bool:
        """Whether the provider said why it stopped."""
        return self._reason is not None

    def end(self, out: list[Event]) -> None:
        """What was held back."""
        late = self._late()
        if late:
            out.append({"type": "choice", "key": self._key, "path": self._path, "data": late})

    def _write_delta(self, delta: Mapping[str, Any], about: dict[str, Any], out: list[Event]) -> None:
        # The hot path: text of a field that has a stream already.
        texts, key = self._texts, self._key
        for field, value in delta.items():
            if value is None:
                continue
            stream = texts.get(field) if type(value) is str else None
            if stream is None:
                self._write_field(field, value, about, out)
            elif value:
                out.append({"type": stream.delta_type, "key": key, "path": stream.path, "delta": value})

    def _write_field(self, field: Any, value: Any, about: dict[str, Any], out: list[Event]) -> None:
        if not isinstance(field, str):
            return  # JSON has no such name
        if field == "tool_calls":
            self._calls.write(value, out)
        elif field in _SAID_ONCE:
            if value and field not in self._said_in_message.known:
                self._say(field, value, about)
        elif isinstance(value, str):
            self._begin_text(field, value, out)
        elif isinstance(value, list | tuple):
            self._items(self._place_of_list(field), value, out)
        elif field in _GROWN_IN_OBJECTS and isinstance(value, Mapping):
            self._object(field, value, about, out)
        else:
            self._say(field, value, about)

    def _say(self, field: str, value: Any, about: dict[str, Any]) -> None:
        news = self._said_in_message.news(field, value)
        # That an answer is the assistant's goes without saying.
        if news is not None and (field, news) != ("role", "assistant"):
            about.setdefault("message", {})[field] = news

    def _place_of_list(self, field: str) -> str:
        if field != CONTENT:
            return f"message/{step(field)}"
        was_text = self._texts.pop(field, None) is not None  # what comes as text next, comes after the list
        if was_text or not self._segments:
            self._segments += 1
        return f"{SEGMENTS}/{CONTENT}/{self._segments}"

    def _begin_text(self, field: str, value: str, out: list[Event]) -> None:
        place = f"message/{step(field)}"
        if field == CONTENT and self._segments:
            if not value:
                return
            self._segments += 1
            place = f"{SEGMENTS}/{CONTENT}/{self._segments}"
        # An empty text too: it tells "said nothing" from "not said", as providers do.
        stream = self._open(text_kind(field), place, out)
        self._texts[field] = stream
        if value:
            out.append(stream.delta(value))

    def _object(self, field: str, value: Mapping[Any, Any], about: dict[str, Any], out: list[Event]) -> None:
        said = self._objects.setdefault(field, Said())
        for key, item in value.items():
            if not isinstance(key, str):
                continue
            place = f"message/{field}/{step(key)}"
            if isinstance(item, str) and key in _GROWN_IN_OBJECTS[field]:
                stream = self._texts.get(place)
                if stream is None:
                    stream = self._texts[place] = self._open(text_kind(key), place, out)
                if item:
                    out.append(stream.delta(item))
            elif key not in _SAID_ONCE or (item and key not in said.known):
                news = said.news(key, item)
                if news is not None:
                    about.setdefault("message", {}).setdefault(field, {})[key] = news

    def _logprobs(self, logprobs: Any, out: list[Event]) -> None:
        for field, value in logprobs.items() if isinstance(logprobs, Mapping) else ():
            if isinstance(value, list | tuple) and isinstance(field, str):
                self._items(f"logprobs/{step(field)}", value, out)

    def _items(self, place: str, items: list[Any] | tuple[Any, ...], out: list[Event]) -> None:
        stream = self._texts.get(place)
        if stream is None:
            stream = self._texts[place] = self._open(ITEMS, place, out)
        if items:
            out.append(stream.delta("".join(map(line, items))))

    def _open(self, kind: str, place: str, out: list[Event]) -> TextStream:
        stream = TextStream(self._key, kind, f"{self._path}/{place}")
        self._streams.append(stream)
        out.append(stream.start())
        return stream

    def _late(self) -> dict[str, Any]:
        """What was held back of this choice."""
        message: dict[str, Any] = self._said_in_message.late()
        for field, said in self._objects.items():
            late = said.late()
            if late:
                message[field] = late
        return self._said.late() | ({"message": message} if message else {})


class CompletionWriter:
    """One completion: its chunks in order, then its end."""

    __slots__ = ("_choices", "_is_ended", "_said", "_streams", "_usage", "is_finished", "key")

    def __init__(self, key: str) -> None:
        self.key = key
        self._said = Said()
        self._usage: Any = None
        self._choices: dict[int, ChoiceWriter] = {}
        self._streams: list[TextStream] = []
        self._is_ended = False
        self.is_finished = False
        """Whether every choice seen so far has finished."""

    def begins_another(self, chunk: Mapping[str, Any]) -> bool:
        """Whether ``chunk`` is of another completion: one with another id, after every choice of this one finished.

        Another id alone says nothing: there are providers that give each chunk its own.
        """
        id_, known = chunk.get("id"), self._said.known.get("id")
        return bool(self.is_finished and chunk.get("choices") and id_ and known and id_ != known)

    def write(self, chunk: Mapping[str, Any]) -> list[Event]:
        """What a chunk adds."""
        out: list[Event] = []
        about = self._about(chunk)
        if about is not None:
            out.append({"type": "completion", "key": self.key, "data": about})
        choices = chunk.get("choices")
        if choices and isinstance(choices, list | tuple):
            has_finished = False
            for position, choice in enumerate(choices):
                if type(choice) is dict or isinstance(choice, Mapping):
                    index = choice.get("index")
                    writer = self._choices.get(index) if type(index) is int else None
                    has_finished |= (writer or self._choice(index, position)).write(choice, out)
            if has_finished:
                self.is_finished = all(each.is_finished for each in self._choices.values())
        if self._usage is not None and (not choices or self.is_finished):
            self._say_usage(out)
        return out

    def _about(self, chunk: Mapping[str, Any]) -> dict[str, Any] | None:
        about: dict[str, Any] | None = None
        known = self._said.known
        for field, value in chunk.items():
            if value is None or known.get(field) == value or field in _NOT_FIELDS:
                continue
            if field == "usage":
                self._usage = value
            elif isinstance(field, str) and (field not in _FIRST_COUNTS or (value and field not in known)):
                news = self._said.news(field, value)
                if news is not None:
                    about = about or {}
                    about[field] = news
        return about

    def end(self) -> list[Event]:
        """What was held back, the ends of all streams, and the end of the completion. Nothing the second time."""
        out: list[Event] = []
        if self._is_ended:
            return out
        self._is_ended = True
        late = self._said.late()
        if late:
            out.append({"type": "completion", "key": self.key, "data": late})
        self._say_usage(out)
        for choice in self._choices.values():
            choice.end(out)
        out.extend(stream.end() for stream in self._streams)
        out.append({"type": "completion-end", "key": self.key})
        return out

    def _choice(self, index: Any, position: int) -> ChoiceWriter:
        number = index if type(index) is int and index >= 0 else position
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = ChoiceWriter(self.key, number, self._streams)
            self.is_finished = False
        return choice

    def _say_usage(self, out: list[Event]) -> None:
        usage, self._usage = self._usage, None
        if usage is not None:
            out.append({"type": "usage", "key": self.key, "data": plain_value(usage)})
