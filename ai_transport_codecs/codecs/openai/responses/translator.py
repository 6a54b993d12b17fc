"""What a source of the Responses API streams, to output events.

Accepted, each item for itself: the events of ``client.responses.create(stream=True)``; those of ``.stream()``, whose
snapshots and parsed values are left out, since they repeat the text; plain dictionaries of either; a whole
``Response``; a provider's server-sent events as bytes or text, in pieces of any size; and what an agent says beside the
API, the outputs of its tools and its requests for approval.

Each response becomes one message; see :mod:`.carry` for what becomes of each event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ai_transport_codecs.codec.sse import EventReader

from .carry import Carriage
from .lanes import DELTAS
from .source import event_of

_NOTHING: Final[Mapping[str, Any]] = {}
_ADVICE: Final = "pass the body of a streamed response as the API sends it, or the SDK's events"


class _OfMessage(dict[str, Any]):
    """An event of a message that is not the source's first."""

    __slots__ = ("message_key",)

    def __init__(self, event: Mapping[str, Any], message_key: str) -> None:
        super().__init__(event)
        self.message_key = message_key


class ResponsesTranslator:
    """The items of one source to output events; see the module for what it accepts."""

    def __init__(self) -> None:
        self._reader = EventReader("a stream of the Responses API", _ADVICE)
        self._carriage = Carriage()

    def translate(self, item: Any) -> Iterable[dict[str, Any]]:
        """The output events that one item gives. The item may change afterwards.

        Raises UnsupportedEventError for an item that is none of the Responses API's.
        """
        if isinstance(item, str | bytes | bytearray):
            values = self._reader.feed(item)
            if type(values) is tuple:  # nearly always, of one
                return self._translate(values[0]) if values else ()
            return self._read(values)
        return self._translate(item)

    def finish(self) -> Iterable[dict[str, Any]]:
        """What is still owed at the end of the source; of a response that broke off, that it is incomplete."""
        events = [event for value in self._reader.finish() for event in self._translate(value)]
        return [*events, *self._keyed(self._carriage.draft.break_off())]

    def message_key(self, event: Any) -> str:
        """The key of the message that an output event belongs to."""
        return event.message_key if isinstance(event, _OfMessage) else ""

    def _read(self, values: Iterable[Any]) -> Iterator[dict[str, Any]]:
        for value in values:
            yield from self._translate(value)

    def _translate(self, item: Any) -> Iterable[dict[str, Any]]:
        is_dict = type(item) is dict
        type_ = item.get("type") if is_dict else getattr(item, "type", None)
        lane = DELTAS.get(type_) if type(type_) is str else None
        if lane is not None:
            # The hot path: what each token needs, and no more.
            read: Callable[[str], Any] = item.get if is_dict else getattr(item, "__dict__", _NOTHING).get
            item_id: Any = read("item_id")
            fragment: Any = read("delta")
            index: Any = 0 if lane.index_key is None else read(lane.index_key)
            draft, is_placed = self._carriage.draft, type(item_id) is str and type(index) is int
            found = draft.open.get((item_id, lane.name, index)) if is_placed else None
            if found is not None and type(fragment) is str:
                found.text.append(fragment)
                is_event = is_dict and lane.passes
                event = item if is_event else lane.delta(item_id, index, found.output_index, fragment)
                return (_OfMessage(event, draft.key),) if draft.key else (event,)
        return self._keyed(self._carriage.carry(event_of(item)))

    def _keyed(self, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        # Read at once: what an event does to the draft must not wait until somebody looks at the event.
        told = list(events)
        key = self._carriage.draft.key
        return [_OfMessage(event, key) for event in told] if key else told
