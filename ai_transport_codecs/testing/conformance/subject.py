"""What laws are held against: a codec, the streams it is tried with, and what its author says of it."""

from __future__ import annotations

import copy
import dataclasses
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, Final

from ai_transport_codecs.codec.contract import Codec, Encoder, EncoderOptions, FoldMeta, MessageHook, Translator
from ai_transport_codecs.codec.define import EventTranslator
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.messages import InboundMessage

from .channel import Log
from .reader import fold, messages_of, read_live
from .violation import LawViolation, NotApplicable, shown, unbroken

AnyCodec = Codec[Any, Any, Any, Any]

RUN: Final = "run-1"
HEADERS: Final[Mapping[str, str]] = {"role": "assistant", "invocation-id": "invocation-1", "step-id": "step-1"}
"""Transport headers as a session stamps them, besides those of run and message."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One stream of a framework: the items as they come, and, if known, the messages that readers end with.

    ``events``: the items are the codec's own output events, and do not go through its translator.
    """

    name: str
    items: Sequence[Any]
    expected: Sequence[Any] | None = None
    events: bool = False

    def fresh(self) -> list[Any]:
        """The items, as nobody has touched them yet."""
        return [duplicate(item) for item in self.items]


def duplicate(value: Any) -> Any:
    """A deep copy, or the value itself when it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:  # a framework's own objects, such as one that holds a connection
        return value


@dataclass(frozen=True, slots=True)
class Written:
    """One output event as it was before it was written, its message's id, and how many deliveries it became."""

    event: Any
    message_id: str
    count: int


class Pipe:
    """One source piped into a run, as a session does it: an encoder for each message, all in one order."""

    def __init__(
        self, codec: AnyCodec, log: Log, *, run: str = RUN, events: bool = False, hook: MessageHook | None = None
    ) -> None:
        self._codec = codec
        self._log = log
        self._run = run
        self._hook = hook
        self.translator: Translator = EventTranslator() if events else codec.create_translator()
        self.encoders: dict[str, Encoder] = {}
        self.written: list[Written] = []

    def item(self, item: Any) -> None:
        """Write one item of the source."""
        with unbroken(f"translating {shown(item)}"):
            events = list(self.translator.translate(item))
        self._write(events)

    def finish(self) -> None:
        """Write what is owed at the source's end."""
        with unbroken("the translator's finish"):
            events = list(self.translator.finish())
        self._write(events)

    def stop(self) -> None:
        """End as cancelled or failed: every open stream gets its terminal."""
        for encoder in self.encoders.values():
            with unbroken("cancel_streams"):
                self._log.write(encoder.cancel_streams())
            encoder.close()

    def _write(self, events: Iterable[Any]) -> None:
        for event in events:
            with unbroken(f"message_key of {shown(event)}"):
                key = self.translator.message_key(event)
            if not isinstance(key, str):
                raise LawViolation(f"message_key of {shown(event)} is {key!r}, which is not text")
            message_id, before = f"{self._run}:{key}", len(self._log.deliveries)
            untouched = duplicate(event)
            if key not in self.encoders:
                headers = {**HEADERS, h.RUN_ID: self._run, h.MESSAGE_ID: message_id}
                self.encoders[key] = self._codec.create_encoder(EncoderOptions(headers, self._hook, message_id))
            with unbroken(f"encoding {shown(event)}"):
                operations = self.encoders[key].encode_output(event)
            self._log.write(operations)
            self.written.append(Written(untouched, message_id, len(self._log.deliveries) - before))


@dataclass(frozen=True, slots=True)
class Recording:
    """What became of one sample: its events, and the channel's deliveries."""

    sample: Sample
    written: Sequence[Written]
    deliveries: Sequence[InboundMessage]
    messages: Sequence[tuple[str, Any]]
    """What a live reader ends with."""

    def positions(self) -> range:
        """Every place at which something may happen between two deliveries."""
        return range(len(self.deliveries) + 1)

    def random(self, purpose: str, number: int = 0) -> Random:
        """Chance that is the same in each run."""
        return Random(zlib.crc32(f"{purpose}/{self.sample.name}/{number}".encode()))  # noqa: S311 - not secret


def record(codec: AnyCodec, sample: Sample, run: str = RUN) -> Recording:
    """Pipe the whole sample into a channel of its own, and read that."""
    log = Log()
    pipe = pipe_whole(codec, sample, log, run=run)
    return Recording(sample, pipe.written, log.deliveries, read_live(codec, copy.deepcopy(log.deliveries)))


def pipe_whole(codec: AnyCodec, sample: Sample, log: Log, *, run: str = RUN, hook: MessageHook | None = None) -> Pipe:
    """Pipe the whole sample into the channel, to its end."""
    pipe = Pipe(codec, log, run=run, events=sample.events, hook=hook)
    for item in sample.fresh():
        pipe.item(item)
    pipe.finish()
    return pipe


def fold_directly(codec: AnyCodec, written: Iterable[Written]) -> list[tuple[str, Any]]:
    """The messages of these events without a wire in between; what is not carried is not folded."""
    projection = codec.init()
    for event, message_id, count in ((each.event, each.message_id, each.count) for each in written):
        if count:
            projection = fold(codec, projection, FoldMeta("", message_id), (), (event,))
    return messages_of(codec, projection)


def reload_message(message: Any) -> Any:
    """The message after a trip through JSON, for pydantic models, dataclasses and plain data."""
    if hasattr(message, "model_dump_json"):
        return type(message).model_validate_json(message.model_dump_json())
    if dataclasses.is_dataclass(message) and not isinstance(message, type):
        return type(message)(**json.loads(json.dumps(dataclasses.asdict(message))))
    return json.loads(json.dumps(message))


@dataclass
class Subject:
    """A codec and what is known of it. ``None`` for a capability: take what is seen."""

    codec: AnyCodec
    samples: Sequence[Sample]
    inputs: Sequence[Any] = ()
    event_types: Mapping[str, Any] = field(default_factory=dict)
    """The framework's own list of event types, each with an item of it (by default ``{"type": ...}``)."""
    refused_types: Sequence[str] = ()
    dropped_types: Mapping[str, str] = field(default_factory=dict)
    """Those that the translator leaves out, each with the reason."""
    writes_streams: bool | None = None
    takes_inputs: bool | None = None
    takes_tool_inputs: bool | None = None
    pickles: bool = True
    mixes_messages: bool = True
    reload: Callable[[Any], Any] = reload_message
    excused_types: Sequence[str] = ()
    """Output types that no sample needs to have."""
    _others: dict[tuple[str, str], Recording] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def recordings(self) -> list[Recording]:
        """Every sample, piped and read once. Raises LawViolation when a sample cannot be."""
        if not self.samples:
            raise LawViolation("there is no sample stream: give at least one")
        return [record(self.codec, sample) for sample in self.samples]

    def recorded(self, sample: Sample, run: str) -> Recording:
        """The sample as output of another run."""
        key = (sample.name, run)
        if key not in self._others:
            self._others[key] = record(self.codec, sample, run)
        return self._others[key]

    def streamed(self) -> Iterator[Recording]:
        """The recordings with a growing message in them."""
        found = [each for each in self.recordings if len({d.serial for d in each.deliveries}) < len(each.deliveries)]
        if not found:
            raise NotApplicable("no sample has a growing message")
        yield from found

    @cached_property
    def _input_events(self) -> list[Any]:
        found = []
        for value in self.inputs:
            with unbroken(f"to_input({shown(value)})"):
                found.append(self.codec.to_input(duplicate(value)))
        return found

    @property
    def input_events(self) -> list[Any]:
        """The sample inputs as events, for each caller a copy."""
        return [duplicate(event) for event in self._input_events]

    @cached_property
    def input_logs(self) -> list[list[InboundMessage]]:
        """What each sample input is on the wire."""
        return [write_input(self.codec, event) for event in self.input_events]

    def table_rows(self, direction: str) -> Sequence[Any] | None:
        """The rows of the codec's output or input table; None for a codec that has no tables."""
        rows = getattr(getattr(self.codec, direction, None), "rows", None)
        return rows if isinstance(rows, tuple) else None


def input_message_id(event: Any, default: str = "input-1") -> str:
    """The message id that a session gives an input: that of the message it belongs to, or one of its own."""
    target = event.get("codecMessageId") if isinstance(event, Mapping) else None
    return target if isinstance(target, str) and target else default


def write_input(codec: AnyCodec, event: Any, default_id: str = "input-1") -> list[InboundMessage]:
    """The deliveries of one input."""
    log = Log()
    encoder = codec.create_encoder(EncoderOptions({"role": "user", h.MESSAGE_ID: input_message_id(event, default_id)}))
    with unbroken(f"encoding {shown(event)}"):
        operations = encoder.encode_input(event)
    log.write(operations)
    return log.deliveries
