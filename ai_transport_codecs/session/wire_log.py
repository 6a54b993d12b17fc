"""The log of one node: what its messages decoded to, and the projection they fold into (session spec 5.4).

The projection is the fold of all messages in serial order, each one's events in the order they arrived, and of local
seeds last. A message that lands between others makes the projection stale, and the next read folds it anew: a
history page of any length costs one refold. Only fragments for a message that is not the newest one (streams open side
by side) fold as they arrive, so that they too cost O(1); once the run stops, the projection is put in serial order.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ai_transport_codecs.codec.contract import Codec, CodecMessage, FoldMeta

from .envelope import Envelope
from .fault_log import FaultLog

if TYPE_CHECKING:
    from .nodes import Node

MAX_SEED_EVENTS: Final = 1_000
"""Events without a serial that one node keeps."""

Fold: TypeAlias = Callable[[Any, Any, FoldMeta], Any]

EventPlace: TypeAlias = tuple[
    str, str | None, str | None, str | None, str | None, str | None, str | None, tuple[str, ...]
]
"""The first fields of an :class:`~.events.OutputEvent`, up to the steered messages."""

_by_serial: Final = attrgetter("serial")


class Folding:
    """The codec's projection tier, made safe: an event whose fold raises is lost, and nothing else."""

    __slots__ = ("_codec", "_faults", "_fold_input", "_fold_output", "init")

    def __init__(self, codec: Codec[Any, Any, Any, Any], faults: FaultLog) -> None:
        self._codec = codec
        self._faults = faults
        self.init: Callable[[], Any] = codec.init
        self._fold_input: Fold = codec.fold_input
        self._fold_output: Fold = codec.fold_output

    def fold_outputs(self, projection: Any, meta: FoldMeta, outputs: Sequence[Any]) -> Any:
        """The projection after these outputs of one message."""
        fold = self._fold_output
        for event in outputs:
            try:
                projection = fold(projection, event, meta)
            except Exception as error:  # a codec is another author's, and the event may be crafted
                self._faults.note("folding", event, error)
        return projection

    def fold(self, projection: Any, meta: FoldMeta, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The projection after these events of one message, inputs first."""
        for event in inputs:
            try:
                projection = self._fold_input(projection, event, meta)
            except Exception as error:  # as above
                self._faults.note("folding", event, error)
        return self.fold_outputs(projection, meta, outputs)

    def messages(self, projection: Any) -> list[CodecMessage[Any]]:
        """The projection's messages; none when the codec cannot tell them."""
        try:
            return list(self._codec.get_messages(projection))
        except Exception as error:  # as above
            self._faults.note("get_messages", None, error)
            return []


class LogEntry:
    """One channel message: the newest version seen of it, and the events that its versions decoded to."""

    __slots__ = (
        "envelope",
        "inputs",
        "is_fork",
        "is_hidden",
        "is_older",
        "is_streamed",
        "meta",
        "node",
        "outputs",
        "place",
        "serial",
        "version",
    )

    def __init__(
        self, serial: str, version: str, envelope: Envelope, node: Node, *, is_streamed: bool, is_fork: bool
    ) -> None:
        self.serial = serial
        self.version = version
        self.envelope = envelope
        self.node = node
        self.meta = FoldMeta(serial, envelope.message_id)
        self.is_streamed = is_streamed
        self.is_fork = is_fork
        """Whether it names no run itself but is the input of a fork, with the fork's id as its message id."""
        self.is_older = False
        """Whether it came with older history that a view asked for."""
        self.is_hidden = False
        """Whether it is output of a step's attempt that another attempt superseded."""
        self.place: EventPlace | None = None
        """What the events of all its deliveries have in common."""
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []


class WireLog:
    """The entries of one node, and their fold."""

    __slots__ = (
        "_entries",
        "_folding",
        "_has_drifted",
        "_is_running",
        "_is_stale",
        "_messages",
        "_projection",
        "_seed_count",
        "_seeds",
        "given",
        "is_swept",
    )

    def __init__(self, folding: Folding) -> None:
        self._folding = folding
        self._entries: list[LogEntry] = []
        self._seeds: dict[str | None, list[tuple[Sequence[Any], Sequence[Any]]]] = {}
        self._seed_count = 0
        self._projection: Any = folding.init()
        self._messages: list[CodecMessage[Any]] | None = None
        self._is_stale = False
        self._has_drifted = False
        self._is_running = True
        self.given: list[CodecMessage[Any]] | None = None
        """The messages of a node that stands for what the application has stored: they are not folded."""
        self.is_swept = False
        """Whether the events were let go of: the projection stays, but can no longer be folded anew."""

    @property
    def projection(self) -> Any:
        """The fold of everything in the log."""
        if self._is_stale:
            self._refold()
        return self._projection

    @property
    def entries(self) -> Sequence[LogEntry]:
        """The node's messages, in serial order. Not to be changed."""
        return self._entries

    @property
    def has_seeds(self) -> bool:
        """Whether it holds local events that the channel has not told yet."""
        return bool(self._seeds)

    @property
    def event_count(self) -> int:
        """How many events it holds, to fold anew."""
        return self._seed_count + sum(len(entry.inputs) + len(entry.outputs) for entry in self._entries)

    def messages(self) -> list[CodecMessage[Any]]:
        """The messages of the projection: the same list until the projection changes."""
        if self.given is not None:
            return self.given
        if self._is_stale:
            self._refold()
        if self._messages is None:
            self._messages = self._folding.messages(self._projection)
        return self._messages

    # --- growing

    def insert(self, entry: LogEntry) -> None:
        """Give a message its place; its events follow by :meth:`extend`. Its local seed, if any, is dropped."""
        entries = self._entries
        if not entries or entries[-1].serial < entry.serial:
            entries.append(entry)
            self._has_drifted = self._has_drifted or bool(self._seeds)
        else:
            insort(entries, entry, key=_by_serial)
            self._mark_stale()
        if self._seeds:
            self.drop_seed(entry.envelope.message_id)

    def extend(self, entry: LogEntry, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Add the events of one more delivery of ``entry``, and fold them."""
        if not self.is_swept:
            if inputs:
                entry.inputs.extend(inputs)
            entry.outputs.extend(outputs)
            if self._is_stale or entry.is_hidden:
                return
            if entry is not self._entries[-1]:
                if not self._is_running:
                    self._is_stale = True
                    return
                self._has_drifted = True
        elif entry.is_hidden:
            return
        if inputs:
            self._projection = self._folding.fold(self._projection, entry.meta, inputs, outputs)
        else:
            self._projection = self._folding.fold_outputs(self._projection, entry.meta, outputs)
        self._messages = None

    def add_seed(self, message_id: str | None, inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
        """Fold events that have no serial, until a message of the channel with that id takes their place."""
        count = len(inputs) + len(outputs)
        if self._seed_count + count > MAX_SEED_EVENTS:
            return False
        self._seed_count += count
        self._seeds.setdefault(message_id, []).append((list(inputs), list(outputs)))
        if not self._is_stale:
            self._projection = self._folding.fold(self._projection, FoldMeta("", message_id), inputs, outputs)
            self._messages = None
        return True

    def drop_seed(self, message_id: str | None) -> bool:
        """Forget the seed with that id; whether there was one."""
        seed = self._seeds.pop(message_id, None)
        if seed is None:
            return False
        self._seed_count -= sum(len(inputs) + len(outputs) for inputs, outputs in seed)
        self._mark_stale()
        return True

    # --- changing

    def replace(self, entry: LogEntry, inputs: list[Any], outputs: list[Any]) -> bool:
        """Put these events in the place of all that ``entry`` had. False when the log was swept: it is too late."""
        if self.is_swept:
            return False
        entry.inputs, entry.outputs = inputs, outputs
        self._is_stale = True
        return True

    def hide_attempts(self, step_id: str, canonical: str) -> bool:
        """Hide the output of every attempt of that step but ``canonical``; whether that changed anything."""
        changed = False
        for entry in self._entries:
            attempt = entry.envelope.step_start_serial
            if entry.envelope.step_id == step_id and attempt is not None:
                changed = changed or entry.is_hidden != (attempt != canonical)
                entry.is_hidden = attempt != canonical
        if changed:
            self._mark_stale()
        return changed

    def take_fork(self, fork_id: str) -> list[LogEntry]:
        """Remove and return the messages of that fork."""
        taken: list[LogEntry] = []
        kept: list[LogEntry] = []
        for entry in self._entries:
            (taken if entry.is_fork and entry.envelope.message_id == fork_id else kept).append(entry)
        if taken:
            self._entries = kept
            self._mark_stale()
        return taken

    def adopt(self, entry: LogEntry) -> None:
        """Take over a message of another node, with its events."""
        inputs, outputs = entry.inputs, entry.outputs
        entry.inputs, entry.outputs = [], []
        self.insert(entry)
        self.extend(entry, inputs, outputs)

    def set_running(self, *, running: bool) -> None:
        """Whether fragments may fold as they arrive; when not, everything is in serial order (see the module)."""
        self._is_running = running
        if not running and self._has_drifted:
            self._mark_stale()

    def sweep(self) -> None:
        """Let go of the events. Messages seen stay known, so a repeated one is still told from a new one."""
        if self._is_stale:
            self._refold()
        self.is_swept = True
        for entry in self._entries:
            entry.inputs = entry.outputs = _GONE

    def _mark_stale(self) -> None:
        self._is_stale = not self.is_swept

    def _refold(self) -> None:
        fold = self._folding.fold
        projection = self._folding.init()
        for entry in self._entries:
            if not entry.is_hidden:
                projection = fold(projection, entry.meta, entry.inputs, entry.outputs)
        for message_id, seed in self._seeds.items():
            for inputs, outputs in seed:
                projection = fold(projection, FoldMeta("", message_id), inputs, outputs)
        self._projection = projection
        self._messages = None
        self._is_stale = self._has_drifted = False


_GONE: Final[list[Any]] = []
