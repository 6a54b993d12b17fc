"""What each delivery of a channel does to a tree (session spec 5.2, 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec.contract import Codec, CodecMessage, Decoded
from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

from .envelope import Envelope, read_envelope
from .events import Applied, OutputEvent, RunEvent, Signals, StepEvent
from .fault_log import FaultLog
from .ledger import RunLedger
from .node_index import NodeIndex
from .nodes import NO_SERIAL, InputNode, Node, RunNode
from .recent import Recent
from .retention import Retention
from .wire_log import EventPlace, Folding, LogEntry

MAX_EVENT_IDS: Final = 10_000
MAX_UNSEEN_DELETES: Final = 10_000

_NOTHING: Final = Decoded()
_CONTENT_ACTIONS: Final = frozenset({names.CREATE, names.APPEND, names.UPDATE})
_CONTENT_NAMES: Final = frozenset({names.INPUT, names.OUTPUT, None})  # an append comes without a name


class Applier:
    """The writing side of a tree: one decoder for live messages and history, the logs, and the signals."""

    def __init__(self, codec: Codec[Any, Any, Any, Any], reorder_window_ms: int) -> None:
        self.signals = Signals()
        self._faults = FaultLog()
        self.index = NodeIndex(Folding(codec, self._faults))
        self.event_ids: Recent[InboundMessage] = Recent(MAX_EVENT_IDS)
        self._decoder = codec.create_decoder()
        self._entries: dict[str | None, LogEntry] = {}
        self._unseen_deletes: Recent[bool] = Recent(MAX_UNSEEN_DELETES)
        self._retention = Retention(reorder_window_ms)
        self._ledger = RunLedger(self.index, self.signals, self._retention, self._faults)
        self._announced_version = 0
        self.newest_serial = ""
        self._lifecycle: Mapping[str | None, Callable[..., Applied]] = {
            **dict.fromkeys(names.RUN_LIFECYCLE, self._ledger.apply_run_message),
            **dict.fromkeys(names.STEP_LIFECYCLE, self._ledger.apply_step_message),
        }

    def apply(self, message: InboundMessage, *, live: bool) -> Applied:
        """Take one delivery into account. Never raises."""
        try:
            entry = self._entries.get(message.serial)
            if entry is None:
                applied = self._apply_first(_well_typed(message), live=live)
            else:
                applied = self._apply_next(entry, message, live=live)
        except Exception as error:  # one crafted message must not stop the others
            self._faults.note("applying a message", None, error)
            applied = Applied(message, live)
        if self.index.version != self._announced_version:
            self._announce()
        if self.signals.message.subscriptions:
            self.signals.message.emit(applied)
        return applied

    # --- messages seen before

    def _apply_next(self, entry: LogEntry, message: InboundMessage, *, live: bool) -> Applied:
        """One more delivery of a message that has a place: the hot path, once per token."""
        try:
            inputs, outputs, replaced = self._decoder.decode(message)
        except Exception as error:  # a decoder must not raise, but it is another author's
            self._faults.note("decoding", None, error)
            return Applied(message, live, entry.node.key)
        if message.action == names.DELETE:
            return self._apply_delete(entry, message, live=live)
        version = message.version
        is_news = entry.is_streamed  # edits of a message that is not streamed are ignored (session spec 7.3)
        if type(version) is str:
            is_news = is_news and version > entry.version
            if is_news:
                entry.version = version
        if not is_news:
            return Applied(message, live, entry.node.key)
        if replaced:
            return self._apply_replacement(entry, message, live=live)
        if inputs or outputs:
            entry.node.log.extend(entry, inputs, outputs)
        return self._told(entry, message, inputs, outputs, live=live)

    def _apply_replacement(self, entry: LogEntry, message: InboundMessage, *, live: bool) -> Applied:
        """Other text than what was there: put the message's events anew, for readers who saw the old text."""
        restated = self._restate(entry.serial)
        outputs = [*_lead_in(entry.outputs, restated.outputs), *restated.outputs]
        if not entry.node.log.replace(entry, list(restated.inputs), outputs):
            self._faults.skip("the text of a message was replaced long after its run ended", "replaced")
            return Applied(message, live, entry.node.key)
        return self._told(entry, message, entry.inputs, entry.outputs, live=live, replaced=True)

    def _apply_delete(self, entry: LogEntry, message: InboundMessage, *, live: bool) -> Applied:
        """A deleted message shows nothing any more, as for readers who come later."""
        entry.version = NO_SERIAL
        if not entry.node.log.replace(entry, [], []):
            self._faults.skip("a message was deleted long after its run ended", "deleted")
            return Applied(message, live, entry.node.key)
        return self._told(entry, message, (), (), live=live, replaced=True)

    def _told(
        self,
        entry: LogEntry,
        message: InboundMessage,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        *,
        live: bool,
        replaced: bool = False,
    ) -> Applied:
        """Tell the listeners what a delivery added, unless it is hidden."""
        key = entry.node.key
        if entry.is_hidden:
            return Applied(message, live, key)
        place = entry.place
        if place is None or place[0] is not key:  # a fork gets another key when its run becomes known
            place = entry.place = _place_of(entry.node, entry.envelope, entry.serial)
        output = OutputEvent(*place, outputs, inputs, live, replaced)
        if self.signals.output.subscriptions:
            self.signals.output.emit(output)
        return Applied(message, live, key, None, None, output)

    # --- messages not seen before

    def _apply_first(self, message: InboundMessage, *, live: bool) -> Applied:
        self._retention.advance(message.timestamp)
        if message.serial is not None and message.serial > self.newest_serial:
            self.newest_serial = message.serial
        apply_lifecycle = self._lifecycle.get(message.name)
        if apply_lifecycle is not None:
            return apply_lifecycle(message, live=live)
        if message.action == names.DELETE:
            return self._apply_unseen_delete(message, live=live)
        decoded = self._decode(message)
        if message.action not in _CONTENT_ACTIONS or self._unseen_deletes.get(message.serial or ""):
            return Applied(message, live)
        transport = transport_headers(message.extras)
        envelope = read_envelope(transport)
        if message.name == names.INPUT:
            self._remember_event_id(message, transport)
        if decoded.inputs or decoded.outputs:
            is_streamed = transport.get(h.STREAM) == "true"
            return self._admit(message, envelope, decoded, live=live, is_streamed=is_streamed)
        return self._apply_empty(message, envelope, live=live)

    def _apply_unseen_delete(self, message: InboundMessage, *, live: bool) -> Applied:
        """A message deleted before it was seen shows nothing, but a question keeps its place: it has answers."""
        if message.serial is None:
            return Applied(message, live)
        self._unseen_deletes.remember(message.serial, value=True)
        envelope = read_envelope(transport_headers(message.extras))
        is_input = message.name == names.INPUT and bool(self._decode(message._replace(action=names.CREATE)).inputs)
        node = self._place(envelope, message.serial, is_input=True) if is_input else None
        if node is None:
            return self._apply_empty(message, envelope, live=live)
        return Applied(message, live, node.key)

    def _admit(
        self, message: InboundMessage, envelope: Envelope, decoded: Decoded, *, live: bool, is_streamed: bool
    ) -> Applied:
        """Give a message with content its node, and its place there."""
        inputs, outputs, _ = decoded
        serial = message.serial
        node = self._place(envelope, serial, is_input=bool(inputs))
        if node is None:
            return Applied(message, live)
        if serial is None:
            return Applied(message, live, node.key, output=self._seed(node, envelope, inputs, outputs, live=live))
        version = message.version or serial
        entry = LogEntry(serial, version, envelope, node, is_streamed=is_streamed, is_fork=envelope.run_id is None)
        if isinstance(node, RunNode):
            self._retention.note_activity(node, message.timestamp)
            entry.is_hidden = node.steps_seen.is_superseded(envelope.step_id, envelope.step_start_serial)
        entry.is_older = self.index.marks_older
        self._entries[serial] = entry
        node.log.insert(entry)
        node.log.extend(entry, inputs, outputs)
        return self._told(entry, message, inputs, outputs, live=live)

    def _apply_empty(self, message: InboundMessage, envelope: Envelope, *, live: bool) -> Applied:
        """A message that decodes to nothing may still tell which run its id belongs to, but makes no node."""
        run_id, serial = envelope.run_id, message.serial
        if run_id is None:
            return Applied(message, live)
        run = self.index.find_run(run_id)
        if message.name in _CONTENT_NAMES and serial is not None:
            if run is None:
                self._ledger.remember(run_id, serial, envelope)
            else:
                self.index.place_run(run_id, envelope, serial)
        if run is None:
            return Applied(message, live)
        output = OutputEvent(*_place_of(run, envelope, serial), live=live)
        self.signals.output.emit(output)
        return Applied(message, live, run.key, output=output)

    def _place(self, envelope: Envelope, serial: str | None, *, is_input: bool) -> Node | None:
        """The node of a message with content (session spec 5.3)."""
        run_id, message_id = envelope.run_id, envelope.message_id
        if run_id is not None:
            is_known = self.index.find_run(run_id) is not None
            node = self.index.place_run(run_id, envelope, serial)
            if not is_known:
                self._ledger.catch_up(node)
            return node
        if not is_input or message_id is None:
            self._faults.skip("a message says neither which run nor which input it belongs to", "no run-id")
            return None
        place = self.index.place_input if envelope.role == "user" else self.index.place_fork
        return place(message_id, envelope, serial)

    def _seed(
        self, node: Node, envelope: Envelope, inputs: Sequence[Any], outputs: Sequence[Any], *, live: bool
    ) -> OutputEvent | None:
        """Fold what has no serial: local inputs, and messages of a channel that gives none."""
        if not node.log.add_seed(envelope.message_id, inputs, outputs):
            self._faults.skip("too many messages without a serial belong to one node", node.kind)
            return None
        output = OutputEvent(*_place_of(node, envelope, None), outputs, inputs, live)
        self.signals.output.emit(output)
        return output

    def _remember_event_id(self, message: InboundMessage, transport: Mapping[str, Any]) -> None:
        event_id = transport.get(h.EVENT_ID)
        if isinstance(event_id, str) and event_id:
            self.event_ids.remember(event_id, message._replace(data=None))

    # --- local writes

    def insert_optimistic(self, inputs: Sequence[Any], headers: Mapping[str, str]) -> Node | None:
        """The node in which inputs show that are not published yet."""
        envelope = read_envelope(headers)
        node = self._place(envelope, None, is_input=True) if inputs else None
        if node is not None:
            self._seed(node, envelope, inputs, (), live=True)
        self._announce()
        return node

    def discard_optimistic(self, message_id: str) -> None:
        """Take back what :meth:`insert_optimistic` showed."""
        for node in (self.index.inputs.get(message_id), self.index.owner(message_id)):
            if node is not None and node.log.drop_seed(message_id):
                if _is_unfounded(node):
                    self.index.remove(node)
                else:
                    place = _place_of(node, Envelope(message_id=message_id), None)
                    self.signals.output.emit(OutputEvent(*place, replaced=True))
        self._announce()

    def give(self, messages: Sequence[CodecMessage[Any]]) -> None:
        """Begin with messages that the application has stored, one after the other."""
        parent: str | None = None
        for message in messages:
            self.index.give(message, parent)
            parent = message.id
        self._announce()

    def delete(self, key: str) -> None:
        """Remove a node."""
        node = self.index.find(key)
        if node is not None:
            self.index.remove(node)
        self._announce()

    def start_run(self, event: RunEvent) -> RunNode:
        """The run that this process started."""
        run = self._ledger.start(event)
        self.signals.run.emit(event)
        self._announce()
        return run

    def seed_step(self, event: StepEvent) -> None:
        """Note an attempt of a step that this process started."""
        self._ledger.apply_step(event, event.attempt)

    # --- parts

    def _announce(self) -> None:
        if self.index.version != self._announced_version:
            self._announced_version = self.index.version
            self.signals.update.emit(None)

    def _decode(self, message: InboundMessage) -> Decoded:
        try:
            decoded = self._decoder.decode(message)
        except Exception as error:  # a decoder must not raise, but it is another author's
            self._faults.note("decoding", None, error)
            return _NOTHING
        return self._restate(message.serial) if decoded.replaced and message.serial is not None else decoded

    def _restate(self, serial: str) -> Decoded:
        try:
            return self._decoder.restate(serial)
        except Exception as error:  # as for decode
            self._faults.note("restating", None, error)
            return _NOTHING


def _is_unfounded(node: Node) -> bool:
    """Whether nothing is known of a node any more."""
    return node.is_optimistic and not node.log.has_seeds and (isinstance(node, InputNode) or not node.is_started)


def _place_of(node: Node, envelope: Envelope, serial: str | None) -> EventPlace:
    """The part of an output event that is the same for each delivery of a message."""
    is_run = node.kind == "run"
    return (
        node.key,
        node.key if is_run else None,
        envelope.message_id,
        envelope.input_message_id if is_run else envelope.message_id,
        serial,
        envelope.step_id,
        envelope.step_start_serial,
        envelope.steer_message_ids,
    )


def _lead_in(before: Sequence[Any], restated: Sequence[Any]) -> Sequence[Any]:
    """The events that a decoder put before a stream's own start, which it does not repeat on restating it."""
    first = _type_of(restated[0]) if restated else None
    for position, event in enumerate(before):
        if _type_of(event) == first:
            return before[:position]
    return ()


def _type_of(event: Any) -> Any:
    return event.get("type") if isinstance(event, Mapping) else None


def _well_typed(message: InboundMessage) -> InboundMessage:
    """The message with None for whatever field is not of its type: channels pass on what publishers sent."""
    typed = {
        "action": _only(str, message.action) or "",
        "serial": _only(str, message.serial) or None,
        "version": _only(str, message.version) or None,
        "timestamp": _only(int, message.timestamp),
        "name": _only(str, message.name),
    }
    return message._replace(**typed)


def _only(kind: type, value: Any) -> Any:
    return value if type(value) is kind else None
