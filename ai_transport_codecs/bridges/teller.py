"""What a framework streams, told to a UI as it comes: the part that is the same for every framework.

A teller runs the framework's own codec on the spot: its translator makes events of what the framework streams, its
reducer folds them. What grows is told at once. When a message is whole it is read as
:mod:`ai_transport_codecs.convert` reads it, and what the UI does not have by then is told: so nothing can be missed.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from ai_transport_codecs.codec.contract import Codec, FoldMeta
from ai_transport_codecs.convert import Message, to_neutral
from ai_transport_codecs.convert.blocks import ToolResult

from .ending import finish_reason, metadata
from .spoken import Spoken, answer
from .writer import Call, Chunk, Kind, Part, UiWriter

_log: Final = logging.getLogger("ai_transport_codecs.bridges")

Event: TypeAlias = Mapping[str, Any]


class Lane(Protocol):
    """Where the text of one of the framework's streams goes."""

    def grow(self, text: str) -> None: ...


class TextLane:
    """A stream of text or reasoning. When something else was said in between, it goes on in a part of its own."""

    __slots__ = ("_kind", "_part", "_spoken")

    def __init__(self, spoken: Spoken, kind: Kind) -> None:
        self._spoken = spoken
        self._kind: Kind = kind
        self._part: Part | None = None

    def grow(self, text: str) -> None:
        """More of it."""
        if text:
            part = self._part
            if part is None or not part.is_open:
                part = self._part = self._spoken.open(self._kind)
            self._spoken.writer.grow(part, text)


class CallLane:
    """A stream of the text of a tool call's input."""

    __slots__ = ("_call", "_writer")

    def __init__(self, writer: UiWriter, call: Call) -> None:
        self._writer = writer
        self._call = call

    def grow(self, text: str) -> None:
        """More of it."""
        self._writer.grow_call(self._call, text)


class Answer:
    """One UI message: its writer, and the framework's messages in it, in the order in which they began."""

    __slots__ = ("_in_step", "spoken", "writer")

    def __init__(self, *, dynamic: bool = False) -> None:
        self.writer = UiWriter(dynamic=dynamic)
        self.spoken: list[Spoken] = []
        self._in_step: list[Spoken] = []

    def begin(self) -> Spoken:
        """Another message of the framework: a step, or in the same one while others go on."""
        spoken = Spoken(self.writer)
        if not self._in_step or all(each.is_complete for each in self._in_step):
            self._in_step = []
            self.writer.begin_step(metadata(self.spoken))
        self._in_step.append(spoken)
        self.spoken.append(spoken)
        return spoken

    def newest(self) -> Spoken:
        """The message that is being said, or was said last."""
        return self.spoken[-1] if self.spoken else self.begin()

    def finish(self) -> None:
        """The message is complete."""
        self.writer.finish(finish_reason(self.spoken), metadata(self.spoken))

    @property
    def waits_for_tools(self) -> bool:
        """Whether the last message asked for tools that nobody ran."""
        return bool(self.spoken) and self.spoken[-1].has_open_calls


class Teller(ABC):
    """Tells one source of a framework; a subclass says what its codec's events mean."""

    name: str
    """The framework, by its codec's name."""

    def __init__(self, codec: Codec[Any, Any, Any, Any], ui: Answer) -> None:
        self.ui = ui
        self.projection = codec.init()
        self.lanes: dict[Any, Lane] = {}
        self._codec = codec
        self._translator = codec.create_translator()
        self._failure: str | None = None
        self._spoken: dict[str, Spoken] = {}
        self._metas: dict[str, FoldMeta] = {}
        self._handlers = self.handlers()

    @abstractmethod
    def handlers(self) -> Mapping[str, Callable[[str, Any], None]]:
        """By type of event: what to do with the message's key and the event, after it was folded."""

    def tell(self, item: Any) -> None:
        """One item of the source. Raises UnsupportedEventError for what the framework's codec cannot carry."""
        self._tell(self._translator.translate(item))

    def finish(self) -> None:
        """The source is exhausted. If it said that it failed, so does the UI's message."""
        self._tell(self._translator.finish())
        self.complete()
        for spoken in self._spoken.values():
            spoken.end()
        if self._failure is not None:
            self.ui.writer.fail(self._failure)

    def complete(self) -> None:  # noqa: B027  # most have nothing to say here
        """Say what is still owed when the source is exhausted."""

    def note_failure(self, text: str) -> None:
        """The source says that it failed; what it raises, if it does, says it better."""
        self._failure = text

    def spoken(self, key: str) -> Spoken:
        """The message of that key, in the UI."""
        found = self._spoken.get(key)
        if found is None:
            found = self._spoken[key] = self.ui.begin()
        return found

    def is_spoken(self, key: str) -> bool:
        """Whether the UI has heard of the message of that key."""
        return key in self._spoken

    def read(self, message: Any) -> list[Message]:
        """A message of the framework in neutral form."""
        found, losses = to_neutral([message], source=self.name)
        for loss in losses:
            _log.debug("a message of %r has %s, which a UI message has not: %s", self.name, loss.what, loss.why)
        return found

    def settle(self, key: str, message: Any) -> None:
        """A message is whole."""
        for neutral in self.read(message):
            if neutral.role == "assistant":
                spoken = self.spoken(key)
                spoken.settle(neutral.blocks)
                spoken.end()
                spoken.usage = neutral.usage or spoken.usage
                spoken.model = neutral.model or spoken.model
                spoken.finish_reason = neutral.finish_reason or spoken.finish_reason
            elif neutral.role == "tool":
                self.answer(neutral.blocks)

    def answer(self, blocks: Iterable[Any]) -> None:
        """What tools said."""
        for block in blocks:
            if isinstance(block, ToolResult):
                answer(self.ui.writer, block)

    def add(self, chunks: Iterable[Chunk]) -> None:
        """What is complete by itself, at the message that is being said."""
        self.ui.newest()
        for chunk in chunks:
            self.ui.writer.add(chunk)

    def _tell(self, events: Iterable[Any]) -> None:
        fold, key_of, handlers = self._codec.fold_output, self._translator.message_key, self._handlers
        for event in events:
            key = key_of(event)
            meta = self._metas.get(key)
            if meta is None:
                meta = self._metas[key] = FoldMeta("", key)
            fold(self.projection, event, meta)
            handle = handlers.get(event["type"])
            if handle is not None:
                handle(key, event)
